"""Holm's correction, effects by segment, and the Qini curve."""

import numpy as np
import pytest

from deploy.simulate.experiment import GeneratedFacts, generated
from scoring.experiments.segments import by_segment, holm
from scoring.experiments.uplift import SHARES, qini
from scoring.experiments.visitors import ExperimentError


def test_holm_s_own_procedure() -> None:
    """Holm's p-values of R's p.adjust(c(.01, .04, .03, .005), "holm"), which cite Wright (1992)."""
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.9, float("nan")]), [1, 1])
    assert holm([]).tolist() == []


def test_the_segment_that_is_moved_is_the_one_that_is_called() -> None:
    still = generated(GeneratedFacts(visitors=20_000, base=0.1), (1, 1))
    moved = generated(GeneratedFacts(visitors=20_000, base=0.1, uplift=0.5), (1, 2))
    together = type(still)(*(np.concatenate(pair) for pair in zip(still, moved, strict=True)))
    segment = np.repeat(["desktop", "mobile"], 20_000)
    segment[:30] = "tablet"
    found = {each.segment: each for each in by_segment(together, segment, 2, "conversion", 0.05)}
    assert found.keys() == {"desktop", "mobile"}, "thirty visitors are too few"
    assert (found["desktop"].is_difference, found["mobile"].is_difference) == (False, True)
    assert found["mobile"].low > 0
    assert found["mobile"].difference == pytest.approx(0.05, abs=0.012)


def test_segments_without_an_effect_are_called_at_alpha() -> None:
    segment, runs, alpha = np.repeat(list("abcdefgh"), 250), 100, 0.1
    drawn = (generated(GeneratedFacts(visitors=2_000, base=0.3), (2, seed)) for seed in range(runs))
    called = [any(each.is_difference for each in by_segment(v, segment, 2, "conversion", alpha)) for v in drawn]
    assert np.mean(called) <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / runs)


def scored(slope: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores uniform in 0 to 1; acting adds slope * (score - 1/2) + .1 to a probability of .3."""
    chance = np.random.default_rng(6)
    score, treated = chance.random(20_000), chance.random(20_000) < 0.5
    return score, treated, (chance.random(20_000) < 0.3 + treated * (0.1 + slope * (score - 0.5))).astype(float)


@pytest.mark.parametrize(
    ("slope", "area"),
    [
        pytest.param(0.4, 0.4 / 12, id="the score finds who is moved"),
        pytest.param(0.0, 0.0, id="all are moved alike"),
        pytest.param(-0.4, -0.4 / 12, id="it finds who is not moved"),
    ],
)
def test_the_qini_area_is_that_of_the_truth(slope: float, area: float) -> None:
    found = qini(*scored(slope), draws=100)
    assert abs(found.area - area) < (found.area_high - found.area_low)
    assert (found.area_low > 0, found.area_high < 0) == (slope > 0, slope < 0)
    shares = np.array(SHARES)
    true = 0.1 * shares + slope * shares * (1 - shares) / 2
    np.testing.assert_allclose(found.gained, true, atol=0.025)
    assert (found.gained[0], found.shares[-1]) == (0, 1)
    assert all(low <= gained <= high for low, gained, high in zip(found.low, found.gained, found.high, strict=True))


def test_the_curve_s_end_is_the_difference_of_the_arms() -> None:
    score, treated, outcome = scored(0.4)
    assert qini(score, treated, outcome, draws=2).gained[-1] == pytest.approx(
        outcome[treated].mean() - outcome[~treated].mean()
    )


def test_visitors_of_equal_scores_have_no_order() -> None:
    _, treated, outcome = scored(0.0)
    found = qini(np.full(len(outcome), 0.5), treated, outcome, draws=2)
    np.testing.assert_allclose(found.gained, np.array(SHARES) * found.gained[-1], atol=1e-12)
    assert found.area == pytest.approx(0, abs=1e-12)


def test_the_same_visitors_give_the_same_interval() -> None:
    assert qini(*scored(0.1), draws=20) == qini(*scored(0.1), draws=20)


def test_one_arm_alone_has_no_curve() -> None:
    with pytest.raises(ExperimentError, match="two arms"):
        qini(np.ones(3), np.ones(3, np.bool_), np.ones(3))
