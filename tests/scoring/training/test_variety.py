"""Columns in which all training sessions have one value: left out, with one line, of whatever model is fitted."""

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from scoring.features import NAMES
from scoring.training.encoding import CODES
from scoring.training.export import export
from scoring.training.graph import stair
from scoring.training.load import DataError, Sessions
from scoring.training.logistic import fit_logistic
from scoring.training.split import Split, split
from scoring.training.tracks import LIVE, UCI, Track
from scoring.training.variety import leave_out, with_variety
from tests.support.rows import sessions


def parts(**values: float) -> Split:
    rows = sessions(400).rows.copy()
    for name, value in values.items():
        rows[:, NAMES.index(name)] = value
    return split(Sessions(rows, sessions(400).bought, ""))


def run(graph: bytes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    probability, reasons = session.run(["probability", "reasons"], {"features": rows.astype(np.float32)})
    return probability, reasons


@pytest.mark.parametrize("track", [UCI, LIVE], ids=["uci", "live"])
@pytest.mark.parametrize(
    "values",
    [
        *({name: 0} for name in CODES),
        dict.fromkeys(CODES, 0),
        {"Region": 3, "Weekend": 1, "Month": 11},
        {"SpecialDay": 0, "PageValues": 0, "BounceRates": 0.123456},
        dict.fromkeys(NAMES[:10], 0),
    ],
    ids=lambda values: "+".join(values) if len(values) < 4 else f"{len(values)} columns",
)
def test_a_column_of_one_value_is_left_out_and_has_no_influence(values: dict[str, float], track: Track) -> None:
    variety = with_variety(parts(**values))
    assert set(variety.flat) == set(values)
    assert variety.line().startswith("left out, as all training sessions have one value there: ")
    assert all(name in variety.line() for name in values)
    fitted = fit_logistic(variety.parts.train, track)
    graph = leave_out(export(fitted, variety.parts.test), variety.flat)
    rows = variety.parts.test.rows
    expected, _ = run(graph, rows)
    np.testing.assert_allclose(expected, fitted.probability(rows), rtol=0, atol=1e-6)
    changed = rows.copy()
    changed[:, [NAMES.index(name) for name in values]] = np.inf
    probability, reasons = run(graph, changed)
    np.testing.assert_array_equal(probability, expected)
    assert not reasons[:, [NAMES.index(name) for name in values]].any()
    assert np.abs(run(graph, np.array([fitted.reference]))[1]).max() < 1e-6


def test_a_table_with_variety_gives_the_very_same_graph() -> None:
    variety = with_variety(parts())
    assert variety.flat == {}
    graph = fit_logistic(variety.parts.train, LIVE).graph()
    assert leave_out(graph, variety.flat) is graph
    onnx.checker.check_model(onnx.load_from_string(leave_out(graph, {"Region": 0.0})))


def test_a_table_of_one_session_is_refused_in_one_line() -> None:
    rows = np.tile(sessions(1).rows, (400, 1))
    with pytest.raises(DataError, match="all sessions are alike"):
        with_variety(split(Sessions(rows, sessions(400).bought, "")))


def test_a_word_of_no_known_code_takes_no_steps() -> None:
    steps, weights = stair("Region", (), np.zeros((0, 5)))
    assert (steps, weights.shape) == ([], (0, 5))
