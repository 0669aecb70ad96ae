"""Rates and effects from moments: closed forms, linear regression as the oracle of CUPED, the delta method."""

import math

import numpy as np
import pytest
from scipy import stats

from deploy.simulate.experiment import GeneratedFacts, generated
from scoring.experiments.effects import arm_rates, effects
from scoring.experiments.metrics import metric_columns, revenue_cap
from scoring.experiments.moments import daily_moments, moments
from scoring.experiments.visitors import ExposedVisitors

VISITORS = generated(GeneratedFacts(visitors=6_000, base=0.1, uplift=0.2), (7,))


def groups(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values[VISITORS.arm == 0], values[VISITORS.arm == 1]


def test_moments_are_those_of_numpy() -> None:
    columns = metric_columns(VISITORS, "revenue_per_visitor")
    found = moments(columns, VISITORS.arm, 2)
    for arm, each in enumerate(groups(columns)):
        assert found.visitors[arm] == len(each)
        np.testing.assert_allclose(found.mean[arm], each.mean(0), rtol=1e-12)
        np.testing.assert_allclose(found.covariance[arm], np.cov(each.T), rtol=1e-9, atol=1e-12)


def test_each_day_has_the_moments_of_all_visitors_until_then() -> None:
    columns = metric_columns(VISITORS, "session_conversion")
    found = daily_moments(columns, VISITORS.arm, VISITORS.counted_on, 2, 28)
    until = VISITORS.counted_on <= 11
    alone = moments(columns[until], VISITORS.arm[until], 2)
    for one, other in zip(found.at(11), alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_without_covariates_the_difference_is_that_of_welch() -> None:
    columns = metric_columns(VISITORS, "conversion")[:, :2]
    found = effects(arm_rates(moments(columns, VISITORS.arm, 2)))
    control, treated = groups(columns[:, 0])
    welch = stats.ttest_ind(treated, control, equal_var=False)
    assert found.z[0] == pytest.approx(welch.statistic, rel=1e-9)
    assert found.p[0] == pytest.approx(welch.pvalue, rel=2e-2)
    assert found.difference[0] == pytest.approx(treated.mean() - control.mean())
    assert found.ratio[0] == pytest.approx(treated.mean() / control.mean())
    squared = (1 - treated.mean()) / treated.sum() + (1 - control.mean()) / control.sum()
    assert found.log_ratio_error[0] == pytest.approx(math.sqrt(squared), rel=1e-3)


def test_covariates_are_taken_off_as_a_regression_does() -> None:
    columns = metric_columns(VISITORS, "revenue_per_visitor")
    rates = arm_rates(moments(columns, VISITORS.arm, 2))
    design = np.column_stack([np.ones(VISITORS.size), VISITORS.arm, columns[:, 2:]])
    slopes, *_ = np.linalg.lstsq(design, columns[:, 0], rcond=None)
    left = columns[:, 0] - design @ slopes
    squared = sum(part.var(ddof=1) / len(part) for part in groups(left))
    found = effects(rates)
    assert found.difference[0] == pytest.approx(slopes[1], rel=1e-9)
    assert found.error[0] == pytest.approx(math.sqrt(squared), rel=1e-6)
    within = sum(part.var(ddof=1) * (len(part) - 1) for part in groups(columns[:, 0]))
    assert rates.explained == pytest.approx(1 - (left**2).sum() / within, rel=1e-6)


def test_a_covariate_that_is_constant_or_twice_there_changes_nothing() -> None:
    columns = metric_columns(VISITORS, "conversion")
    twice = np.column_stack([columns, columns[:, 2] * 3 + 1, np.full(VISITORS.size, 4.0)])
    one, other = (effects(arm_rates(moments(each, VISITORS.arm, 2))) for each in (columns, twice))
    assert other.difference == pytest.approx(one.difference, rel=1e-8)
    assert other.error == pytest.approx(one.error, rel=1e-8)


def test_what_is_unknown_counts_as_the_mean_of_what_is_known() -> None:
    covariates = VISITORS.covariates.copy()
    covariates[::3, 0] = np.nan
    columns = metric_columns(VISITORS._replace(covariates=covariates), "conversion")
    assert np.isfinite(columns).all()
    known = np.isfinite(covariates[:, 0])
    assert columns[~known, 2] == pytest.approx(covariates[known, 0].mean())


def test_sessions_of_one_visitor_are_not_independent() -> None:
    """Whoever buys once buys again, so the error by sessions is too small; that of the delta method is the true one."""
    differences, errors, naive = [], [], []
    for seed in range(300):
        drawn = generated(GeneratedFacts(visitors=1_500, base=0.1), (9, seed))
        found = effects(arm_rates(moments(metric_columns(drawn, "session_conversion")[:, :2], drawn.arm, 2)))
        differences.append(found.difference[0])
        errors.append(found.error[0])
        sizes = [drawn.sessions[drawn.arm == arm].sum() for arm in (0, 1)]
        share = drawn.converted_sessions.sum() / drawn.sessions.sum()
        naive.append(math.sqrt(share * (1 - share) * sum(1 / size for size in sizes)))
    true = float(np.std(differences))
    assert np.mean(errors) == pytest.approx(true, rel=0.1)
    assert np.mean(naive) < 0.93 * true


def test_revenue_is_cut_at_a_quantile_of_what_buyers_of_all_arms_spent() -> None:
    revenue = np.array([0.0] * 900 + [10.0] * 99 + [1_000.0])
    cap = revenue_cap(revenue)
    assert cap.value == pytest.approx(np.quantile(revenue[revenue > 0], 0.99))
    assert cap.share_cut == pytest.approx((1_000 - cap.value) / 1_990)
    assert revenue_cap(np.zeros(5)) == (0.0, 0.0)


def test_arms_without_a_conversion_have_no_ratio() -> None:
    nothing = ExposedVisitors(
        np.array([0, 1] * 50),
        np.zeros(100, np.int64),
        np.zeros(100, np.bool_),
        np.zeros(100),
        np.ones(100, np.int64),
        np.zeros(100, np.int64),
        np.zeros((100, 0)),
    )
    found = effects(arm_rates(moments(metric_columns(nothing, "conversion"), nothing.arm, 2)))
    assert found.difference[0] == 0
    assert np.isnan(found.ratio[0])
