"""Reasons by mixed sessions: a share for each that takes part, nothing for the others, and the sum for all."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from scoring.features import NAMES
from scoring.onnx import session
from scoring.training.differences import draw, orders
from scoring.training.graph import Nodes, without_reasons
from scoring.training.shapley import shapley
from tests.support.rows import sessions

REFERENCE = tuple(sessions(1, seed=9).rows[0].astype(np.float32).astype(float))


@dataclass(frozen=True)
class Product:
    """1 / 8 of the product of these features' distances from the reference, plus a quarter."""

    features: tuple[int, ...]

    def write(self, nodes: Nodes, features: str) -> str:
        places = nodes.constant("places", self.features, np.int64)
        given = nodes.add("Gather", [features, places], "taken", axis=1)
        start = nodes.constant("start", [REFERENCE[each] for each in self.features])
        away = nodes.add("Sub", [given, start], "away")
        product = nodes.add("ReduceProd", [away], "product", axes=[1], keepdims=1)
        eighth = nodes.add("Mul", [product, nodes.constant("eighth", 0.125)], "eighth_of_it")
        return nodes.add("Add", [eighth, nodes.constant("quarter", 0.25)], "column")


def rows_near(features: tuple[int, ...]) -> np.ndarray:
    """Sessions a whole or half a step away from the reference in these features, elsewhere as they like."""
    rows = sessions(40, seed=4).rows.astype(np.float32)
    for place, feature in enumerate(features):
        rows[:, feature] = REFERENCE[feature] + (0.5 if place % 2 else 1.0)
    return rows


def reasons_of(graph: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probability, reasons = session(graph).run(["probability", "reasons"], {"features": rows})
    return probability.astype(np.float64), reasons.astype(np.float64)


@pytest.mark.parametrize("pairs", [1, 2])
@pytest.mark.parametrize("features", [(8,), (0, 16), (7, 8), (3, 12)], ids=str)
def test_one_or_two_that_act_together_share_equally(features: tuple[int, ...], pairs: int) -> None:
    rows = rows_near(features)
    probability, reasons = reasons_of(draw(Product(features), REFERENCE, pairs), rows)
    for feature in features:
        np.testing.assert_allclose(reasons[:, feature], (probability - 0.25) / len(features), rtol=0, atol=1e-6)
    assert not np.delete(reasons, features, axis=1).any()


def test_two_that_act_together_are_exact() -> None:
    rows = rows_near((2, 9))[:3].astype(np.float64)
    graph = draw(Product((2, 9)), REFERENCE, 1)
    for row, given in zip(rows, reasons_of(graph, rows.astype(np.float32))[1], strict=True):
        np.testing.assert_allclose(given, shapley(graph, row, np.array(REFERENCE)), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("pairs", "shares"),
    [
        pytest.param(1, (1 / 2, 0, 1 / 2), id="one pair: the first or the last of an order completes it, never 7"),
        pytest.param(2, (1 / 2, 1 / 4, 1 / 4), id="the second has 8 in the middle"),
    ],
)
def test_three_that_act_together_get_what_the_orders_see(pairs: int, shares: tuple[float, ...]) -> None:
    features = (0, 7, 8)
    probability, reasons = reasons_of(draw(Product(features), REFERENCE, pairs), rows_near(features))
    rise = (probability - 0.25)[:, None]
    np.testing.assert_allclose(reasons[:, features], rise * shares, rtol=0, atol=1e-6)


def test_orders_are_of_all_features_and_no_two_have_a_neighbour_in_common() -> None:
    for order in orders(17):
        assert sorted(order) == list(range(len(NAMES)))
    beside = [{frozenset(pair) for pair in pairwise(order)} for order in orders(17)]
    assert not beside[0] & beside[1]


def test_the_graph_without_reasons_runs_the_model_once() -> None:
    import onnx

    graph = draw(Product((7, 8)), REFERENCE, 2)
    bare = without_reasons(graph)
    assert [node.op_type for node in onnx.load_from_string(bare).graph.node] == ["Probability", "Squeeze"]
    rows = rows_near((7, 8))
    (probability,) = session(bare).run(None, {"features": rows})
    np.testing.assert_array_equal(probability, reasons_of(graph, rows)[0])
