"""Exact Shapley values against the definition by permutations, and the shipped model's reasons against them."""

from itertools import permutations

import numpy as np
import onnxruntime
import pytest

from scoring import registry
from scoring.registry import SHIPPED
from scoring.training.load import load
from scoring.training.shapley import agreement, shapley
from scoring.training.split import split
from tests.support.rows import sessions
from tests.support.uci import uci_file

GRAPH = (SHIPPED / registry.current() / "model.onnx").read_bytes()
REFERENCE = np.array(registry.load().manifest.reference)


def test_the_mean_over_all_orders_of_the_features() -> None:
    row, moved = REFERENCE.copy(), [4, 5, 7, 8, 15]
    row[moved] = sessions(1, seed=3).rows[0, moved] + 1
    session = onnxruntime.InferenceSession(GRAPH)
    parts = np.zeros(len(row))
    orders = list(permutations(moved))
    for order in orders:
        steps = np.tile(REFERENCE, (len(moved) + 1, 1))
        for place, feature in enumerate(order, 1):
            steps[place:, feature] = row[feature]
        (worth,) = session.run(["probability"], {"features": steps.astype(np.float32)})
        parts[list(order)] += np.diff(worth.astype(np.float64)) / len(orders)
    np.testing.assert_allclose(shapley(GRAPH, row, REFERENCE), parts, rtol=0, atol=1e-6)


def test_the_reference_itself_has_none() -> None:
    assert not shapley(GRAPH, REFERENCE, REFERENCE).any()


@pytest.mark.train
def test_the_shipped_reasons_agree_on_200_sessions() -> None:
    rows = split(load(uci_file())).test.rows[:200]
    assert agreement(GRAPH, rows, REFERENCE) >= 0.85


def test_a_graph_without_reasons_agrees_with_itself() -> None:
    """As of a table of which nothing could be learned: every value is 0, and so is every reason."""
    rows = np.array([registry.load().manifest.reference] * 2)
    assert agreement(GRAPH, rows, rows[0]) == 1.0
