"""Graphs of feature contract 2: what is unknown has units of its own, and many units go through a projection."""

from dataclasses import replace

import numpy as np
import pytest

from scoring.contracts import SESSION
from scoring.onnx import session
from scoring.training.graph import Front, build, flag_of, stair, units_of, without_reasons
from scoring.training.heads import EnsembleHead

COLUMNS = len(SESSION.names)
CART, DEVICE = SESSION.names.index("cart_value"), SESSION.names.index("device_class")
STEPS, _ = stair("device_class", (1, 2, 3), np.array([[1.0], [-1.0], [2.0]]))
BINS = [("cart_value", 0.5, -float(place)) for place in range(4)]
EVERY_BIN = [(name, 0.25, -float(place)) for name in SESSION.names for place in range(3)]


def rows_of(count: int, share_unknown: float) -> np.ndarray:
    drawn = np.random.default_rng(3)
    rows = drawn.gamma(0.6, 8, (count, COLUMNS))
    rows[drawn.random(rows.shape) < share_unknown] = np.nan
    return rows


def front_of_all() -> Front:
    return units_of([*EVERY_BIN, *map(flag_of, SESSION.names)], SESSION)


def ensemble(front: Front, rank: int) -> EnsembleHead:
    drawn = np.random.default_rng(4)
    units, width = len(front.offsets), 8
    out = np.zeros((2 * width, 2))
    out[:width, 0], out[width:, 1] = drawn.normal(0, 0.5, (2, width))
    return EnsembleHead(
        drawn.normal(0, 0.5, (rank, 2 * width)),
        drawn.normal(0, 0.5, 2 * width),
        out,
        np.array([-0.5, 0.25]),
        drawn.normal(0, 0.5, (units, rank)),
    )


def run(graph: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    probability, reasons = session(graph).run(["probability", "reasons"], {"features": rows.astype(np.float32)})
    return probability, reasons


@pytest.mark.parametrize("column", [pytest.param(CART, id="a number"), pytest.param(DEVICE, id="a word")])
def test_a_flag_is_1_where_its_feature_is_unknown_and_bins_and_steps_are_0_there(column: int) -> None:
    units = units_of([*BINS, *STEPS, flag_of("cart_value"), flag_of("device_class")], SESSION)
    rows = np.full((2, COLUMNS), 2.0)
    rows[0, column] = np.nan
    unknown, known = units.units(rows)
    own = units.owners()[:, column] == 1
    assert [*unknown[own]] == [*np.zeros(own.sum() - 1), 1]
    assert known[own][:-1].sum() > 0
    assert known[-2:].sum() == 0
    np.testing.assert_array_equal(unknown[~own], known[~own])


def test_a_feature_that_is_0_is_not_unknown() -> None:
    front = front_of_all()
    graph = build(front, ensemble(front, 4), np.ones(COLUMNS))
    rows = np.ones((2, COLUMNS))
    rows[:, CART] = [np.nan, 0]
    probability, reasons = run(graph, rows)
    assert abs(probability[0] - probability[1]) > 1e-4
    assert abs(reasons[0, CART] - reasons[1, CART]) > 1e-4


def test_a_projection_gives_what_the_whole_hidden_layer_gives() -> None:
    front = front_of_all()
    head = ensemble(front, 6)
    whole = replace(head, hidden=head.projection @ head.hidden, projection=None)
    rows, reference = rows_of(64, 0.3), rows_of(1, 0.3)[0]
    for ours, theirs in zip(*(run(build(front, each, reference), rows) for each in (head, whole)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


def test_reasons_sum_to_the_distance_from_a_reference_of_which_much_is_unknown() -> None:
    front = front_of_all()
    reference = rows_of(1, 0.5)[0]
    graph = build(front, ensemble(front, 6), reference)
    probability, reasons = run(graph, rows_of(64, 0.3))
    at_reference, none = run(graph, reference[None, :])
    np.testing.assert_allclose(reasons.sum(axis=1), probability - at_reference, rtol=0, atol=1e-5)
    np.testing.assert_allclose(none, 0, atol=1e-6)


def test_the_graph_without_reasons_takes_rows_of_its_contract() -> None:
    front = front_of_all()
    graph = build(front, ensemble(front, 6), np.ones(COLUMNS))
    rows = rows_of(16, 0.3)
    (probability,) = session(without_reasons(graph)).run(None, {"features": rows.astype(np.float32)})
    np.testing.assert_allclose(probability, run(graph, rows)[0], rtol=0, atol=1e-6)
