"""Figures against what they are defined to be."""

from math import isnan, log

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from deploy.simulate.evaluation.figures import figures, gains, ratios
from deploy.simulate.evaluation.samples import EventSample, SampleColumns, columns
from scoring.manifest import Band
from scoring.shadow.measures import aucs


def drawn(sessions: int, seed: int, factor: float = 1.0) -> SampleColumns:
    """Sessions whose buying is drawn from the truth; the scores are the truth times a factor."""
    chance = np.random.default_rng(seed)
    truth = chance.beta(1, 12, sessions)
    bought = chance.random(sessions) < truth
    bands = np.where(truth > 0.2, "high", np.where(truth > 0.1, "building", "low"))
    return SampleColumns(np.arange(sessions), truth, bought, np.minimum(truth * factor, 1), bands)


def test_the_measures_are_those_of_scikit_learn() -> None:
    at = drawn(3_000, seed=1)
    # Ties, as scores have them.
    predicted = np.round(at.probability, 2)
    bought, weights = at.bought.astype(float), np.ones((1, 3_000))
    assert aucs(bought, predicted, weights)[0] == pytest.approx(roc_auc_score(bought, predicted))
    clipped = np.clip(predicted, 0.001, 1)
    constant = np.full(3_000, bought.mean())
    expected = log_loss(bought, constant) - log_loss(bought, clipped)
    assert gains(bought, clipped, weights)[0] == pytest.approx(expected)
    assert ratios(bought, predicted, weights)[0] == pytest.approx(predicted.mean() / bought.mean())


def test_a_session_that_counts_twice_is_two_sessions() -> None:
    at = drawn(400, seed=2)
    weights = np.random.default_rng(3).integers(0, 4, (1, 400)).astype(float)
    chosen = np.repeat(np.arange(400), weights[0].astype(int))
    bought, predicted = at.bought.astype(float), at.probability
    for measure in (ratios, gains, aucs):
        expected = measure(bought[chosen], predicted[chosen], np.ones((1, len(chosen))))
        assert measure(bought, predicted, weights) == pytest.approx(expected)


def test_the_truth_has_a_ratio_of_one_and_all_the_gain_that_there_is() -> None:
    found = figures(drawn(5_000, seed=4))
    assert found.ratio_interval[0] < 1 < found.ratio_interval[1]
    assert (found.gain, found.auc, found.ratio) == (found.truth_gain, found.truth_auc, found.truth_ratio)
    assert found.gain_interval[0] > 0
    assert found.auc_interval[0] < found.auc < found.auc_interval[1]


def test_scores_that_are_too_high_are_seen_in_ratio_and_gain_and_not_in_the_auc() -> None:
    right, high = figures(drawn(5_000, seed=4)), figures(drawn(5_000, seed=4, factor=3.0))
    assert high.ratio == pytest.approx(3 * right.ratio, rel=0.02)
    assert high.ratio_interval[0] > 2
    assert high.gain < 0 < high.truth_gain
    assert high.auc == pytest.approx(right.auc, abs=0.01)


def test_bands_have_their_shares_and_their_buyers() -> None:
    samples = [sample(1, "low", False), sample(2, "low", True), sample(3, "high", True), sample(4, "low", False)]
    found = figures(columns(samples)).bands
    assert {name: (band.share, band.rate) for name, band in found.items()} == {
        "low": (0.75, pytest.approx(1 / 3)),
        "building": (0.0, 0.0),
        "high": (0.25, 1.0),
    }


def sample(session: int, band: Band, bought: bool) -> EventSample:
    return EventSample(session, 0.5, bought, 0.5, band)


@pytest.mark.parametrize("bought", [(), (False, False), (True, True)], ids=["no session", "nobody", "everybody"])
def test_what_has_no_meaning_is_not_a_number(bought: tuple[bool, ...]) -> None:
    found = figures(columns([sample(number, "low", each) for number, each in enumerate(bought)]))
    assert isnan(found.gain)
    assert isnan(found.auc)
    assert isnan(found.gain_interval[0])
    assert isnan(found.ratio) != any(bought)


def test_certainty_that_is_wrong_costs_much_and_not_all() -> None:
    gain = gains(np.array([1.0, 0.0]), np.array([0.0, 0.5]), np.ones((1, 2)))[0]
    assert gain == pytest.approx(log(2) - (-log(1e-12) + log(2)) / 2)


def test_intervals_are_the_same_each_time() -> None:
    at = drawn(300, seed=5)
    assert figures(at) == figures(at)
