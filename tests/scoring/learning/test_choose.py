"""The families: fitted, calibrated, exported and chosen; what is offered for how many purchases."""

import numpy as np
import pytest
from msgspec.structs import replace

from scoring import registry
from scoring.learning import choose
from scoring.learning.choose import FAMILIES, LearnedModel, learn
from scoring.learning.errors import LearningError
from scoring.learning.recalibrated import BaseModel
from scoring.manifest import Manifest
from scoring.onnx import OnnxModel
from scoring.training.export import check
from tests.support.learning import drawn_rows, shipped


@pytest.fixture(scope="module")
def learned() -> LearnedModel:
    return learn(drawn_rows(2_500), shipped())


def test_every_family_answers_in_its_graph_as_it_was_fitted(learned: LearnedModel) -> None:
    assert [each.family for each in learned.candidates] == list(FAMILIES)
    rows = learned.parts.test.rows[:500].astype(np.float64)
    unknown = np.full((1, rows.shape[1]), np.nan)
    for candidate in learned.candidates:
        check(candidate.graph, candidate.fitted, np.vstack([rows, unknown]))


def test_the_chosen_one_has_the_least_loss_of_those_under_the_limit(learned: LearnedModel) -> None:
    cheap = [each for each in learned.candidates if each.cost <= choose.COST_LIMIT]
    assert learned.chosen.loss == min(each.loss for each in cheap)
    assert "lightgbm" not in {each.family for each in cheap}
    best = min(learned.candidates, key=lambda each: each.loss)
    assert ("the limit costs" in learned.limit_note) == (best is not learned.chosen)


def test_buyers_have_higher_probabilities_than_others(learned: LearnedModel) -> None:
    test = learned.parts.test
    probability = learned.chosen.fitted.probability(test.rows.astype(np.float64))
    assert probability[test.bought].mean() > 1.5 * probability[~test.bought].mean()
    assert np.average(probability, weights=test.weights()) == pytest.approx(
        np.average(test.bought, weights=test.weights()), abs=0.04
    )


def test_the_same_rows_give_the_same_bytes(learned: LearnedModel) -> None:
    again = learn(drawn_rows(2_500), shipped())
    assert {each.family: each.graph for each in again.candidates} == {
        each.family: each.graph for each in learned.candidates
    }


def test_a_model_of_contract_2_is_recalibrated_as_well(learned: LearnedModel) -> None:
    logistic = next(each for each in learned.candidates if each.family == "logistic")
    reference = tuple([None if np.isnan(value) else value for value in logistic.fitted.reference])
    [probability] = logistic.fitted.probability(np.array([logistic.fitted.reference]))
    manifest: Manifest = replace(
        registry.manifest(registry.SHIPPED, registry.current()),
        contract_version=2, reference=reference, reference_probability=float(probability),
    )  # fmt: skip
    OnnxModel(logistic.graph, manifest)
    found = learn(drawn_rows(1_200), BaseModel(manifest, logistic.graph), "recalibrated")
    check(found.chosen.graph, found.chosen.fitted, found.parts.test.rows.astype(np.float64))


def test_below_300_purchases_only_recalibration_is_offered() -> None:
    rows = drawn_rows(1_000)
    assert [each.family for each in learn(rows, shipped(), cost_limit=100).candidates] == ["recalibrated"]
    with pytest.raises(LearningError, match=r"of 1,000 sessions bought: from 300 on network is offered"):
        learn(rows, shipped(), "network")


def test_a_limit_that_no_family_keeps_is_one_line() -> None:
    with pytest.raises(LearningError, match=r"no family costs at most 0\.001 µs a row: the least is"):
        learn(drawn_rows(1_000), shipped(), cost_limit=0.001)
