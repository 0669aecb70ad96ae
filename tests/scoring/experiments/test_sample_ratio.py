"""The check of the sample ratio: closed forms, its rate when looked at daily, planted losses."""

import math

import numpy as np
import pytest
from scipy import stats

from scoring.experiments.sample_ratio import ALARM_RATE, CONCENTRATION, chi_square_p, log_evidence, sample_ratio


def daily(shares: tuple[float, ...], runs: int, visitors: int, days: int, seed: int) -> np.ndarray:
    """Cumulative counts, int64[runs, days, arms]."""
    drawn = np.random.default_rng(seed).multinomial(visitors // days, shares, (runs, days))
    return drawn.cumsum(1)


def test_the_chi_square_test_is_that_of_scipy() -> None:
    counts, share = np.array([10_321, 9_902, 20_400]), np.array([0.25, 0.25, 0.5])
    expected = stats.chisquare(counts, counts.sum() * share).pvalue
    assert chi_square_p(counts, share) == pytest.approx(expected, rel=1e-9)
    assert chi_square_p(np.array([0, 0]), np.array([0.5, 0.5])) == 1


def test_the_evidence_is_the_ratio_of_the_likelihoods() -> None:
    counts, share = np.array([[0, 0], [31, 52]]), np.array([0.5, 0.5])
    beta = stats.betabinom.pmf(31, 83, CONCENTRATION / 2, CONCENTRATION / 2) / stats.binom.pmf(31, 83, 0.5)
    np.testing.assert_allclose(log_evidence(counts, share), [0, math.log(beta)], atol=1e-9)


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.4, 0.3, 0.3)], ids=str)
def test_daily_looks_at_a_whole_sample_alarm_at_the_stated_rate(shares: tuple[float, ...]) -> None:
    runs = 1_500
    found = [sample_ratio(each, shares, is_over=True) for each in daily(shares, runs, 20_000, 28, 1)]
    rate = np.mean([each.is_broken for each in found])
    assert rate <= ALARM_RATE + 3 * math.sqrt(ALARM_RATE / runs)


def test_a_loss_is_found_and_named_in_one_line() -> None:
    runs = daily((0.52, 0.48), 300, 20_000, 28, 2)
    found = [sample_ratio(each, (50, 50), is_over=True) for each in runs]
    assert np.mean([each.is_broken for each in found]) > 0.98
    line = sample_ratio(np.array([[5_000, 4_000]]), (1, 1), is_over=False).line()
    assert line.startswith("the arms have 5,000 : 4,000 visitors where 4,500 : 4,500 are expected")
    assert "\n" not in line


def test_an_alarm_of_an_earlier_day_stays() -> None:
    lost_then_found = np.array([[3_000, 2_300], [13_000, 12_900]])
    assert sample_ratio(lost_then_found, (1, 1), is_over=False).found_by == "any time"
    assert not sample_ratio(lost_then_found[1:], (1, 1), is_over=False).is_broken
