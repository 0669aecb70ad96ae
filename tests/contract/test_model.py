"""What every Model keeps, the shipped fake and the real ones of both feature contracts alike."""

from pathlib import Path

import numpy as np
import pytest

from scoring import registry
from scoring.contracts import SESSION, UCI
from scoring.model import ConstantModel, Model, contract_of
from scoring.signals import SIGNALS
from tests.support.models import add_session_model
from tests.support.rows import sessions


@pytest.fixture(scope="module", params=["constant", "constant with reasons", "shipped", "constant session", "session"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    if request.param == "shipped":
        return registry.load()
    if request.param == "session":
        folder: Path = tmp_path_factory.mktemp("models")
        add_session_model(folder, "session")
        return registry.load(folder)
    if request.param == "constant session":
        return ConstantModel(0.4, made_for=SESSION)
    reasons = tuple(0.01 * place for place in range(len(UCI.names))) if "reasons" in request.param else ()
    return ConstantModel(0.4, reasons)


@pytest.fixture(scope="module")
def columns(model: Model) -> int:
    return len(contract_of(model).names)


@pytest.fixture(scope="module")
def rows(columns: int) -> np.ndarray:
    """Rows of the model's contract; a third of what is beside the seventeen is unknown."""
    known = sessions(300).rows
    if columns == known.shape[1]:
        return known.astype(np.float32)
    draw = np.random.default_rng(5)
    signals = draw.exponential(9, (len(known), len(SIGNALS)))
    signals[draw.uniform(size=signals.shape) < 1 / 3] = np.nan
    return np.hstack([known, signals]).astype(np.float32)


def test_one_probability_a_row_and_one_reason_a_column(model: Model, rows: np.ndarray, columns: int) -> None:
    scores = model.score(rows)
    assert scores.probability.shape == (300,)
    assert scores.probability.dtype == np.float64
    assert scores.reasons.shape == (300, columns)
    assert scores.reasons.dtype == np.float32
    assert ((scores.probability >= 0) & (scores.probability <= 1)).all()


def test_no_rows_are_no_scores(model: Model, columns: int) -> None:
    scores = model.score(np.zeros((0, columns), np.float32))
    assert scores.probability.shape == (0,)
    assert scores.reasons.shape == (0, columns)


def test_reasons_sum_to_the_distance_from_the_reference(model: Model, rows: np.ndarray) -> None:
    scores = model.score(rows)
    distance = scores.probability - model.manifest.reference_probability
    np.testing.assert_allclose(scores.reasons.sum(axis=1, dtype=np.float64), distance, rtol=0, atol=1e-5)


def test_the_batch_does_not_matter(model: Model, rows: np.ndarray) -> None:
    whole = model.score(rows)
    for start, end in [(0, 1), (1, 2), (2, 9), (9, 73), (73, 300)]:
        part = model.score(rows[start:end])
        np.testing.assert_allclose(part.probability, whole.probability[start:end], rtol=0, atol=1e-6)
        np.testing.assert_allclose(part.reasons, whole.reasons[start:end], rtol=0, atol=1e-6)


@pytest.mark.parametrize("wrong", ["a feature missing", "a row that is no batch", "float64"])
def test_other_rows_are_refused(model: Model, columns: int, wrong: str) -> None:
    given = {
        "a feature missing": np.zeros((2, columns - 1), np.float32),
        "a row that is no batch": np.zeros(columns, np.float32),
        "float64": np.zeros((2, columns), np.float64),
    }
    with pytest.raises(ValueError, match=rf"float32\[batch, {columns}\]"):
        model.score(given[wrong])


def test_the_manifest_is_whole(model: Model, columns: int) -> None:
    manifest = model.manifest
    building, high = manifest.bands
    assert 0 <= building <= high <= 1
    assert 0 < manifest.threshold < 1
    assert len(manifest.reference_row) == columns
