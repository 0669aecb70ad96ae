"""What every Model keeps, the shipped fake and the real one alike."""

import numpy as np
import pytest

from scoring import registry
from scoring.features import CONTRACT_VERSION, NAMES
from scoring.model import ConstantModel, Model
from tests.support.rows import sessions


@pytest.fixture(scope="module", params=["constant", "constant with reasons", "shipped"])
def model(request: pytest.FixtureRequest) -> Model:
    if request.param == "shipped":
        return registry.load()
    reasons = tuple(0.01 * place for place in range(len(NAMES))) if "reasons" in request.param else None
    return ConstantModel(0.4, reasons) if reasons else ConstantModel(0.4)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    return sessions(300).rows.astype(np.float32)


def test_one_probability_and_seventeen_reasons_a_row(model: Model, rows: np.ndarray) -> None:
    scores = model.score(rows)
    assert scores.probability.shape == (300,)
    assert scores.probability.dtype == np.float64
    assert scores.reasons.shape == (300, len(NAMES))
    assert scores.reasons.dtype == np.float32
    assert ((scores.probability >= 0) & (scores.probability <= 1)).all()


def test_no_rows_are_no_scores(model: Model) -> None:
    scores = model.score(np.zeros((0, len(NAMES)), np.float32))
    assert scores.probability.shape == (0,)
    assert scores.reasons.shape == (0, len(NAMES))


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


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(np.zeros((2, 16), np.float32), id="a feature missing"),
        pytest.param(np.zeros(17, np.float32), id="a row that is no batch"),
        pytest.param(np.zeros((2, 17), np.float64), id="float64"),
    ],
)
def test_other_rows_are_refused(model: Model, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"float32\[batch, 17\]"):
        model.score(wrong)


def test_the_manifest_is_whole(model: Model) -> None:
    manifest = model.manifest
    building, high = manifest.bands
    assert 0 <= building <= high <= 1
    assert 0 < manifest.threshold < 1
    assert len(manifest.reference) == len(NAMES)
    assert manifest.contract_version == CONTRACT_VERSION
