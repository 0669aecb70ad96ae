"""The planner: textbook numbers, its inverse, what looking costs, what it refuses."""

import math

import pytest

from scoring.experiments.duration import found_within, planned
from scoring.experiments.plan import (
    PlannedEffect,
    inflation_of_any_time,
    inflation_of_looks,
    power_of,
    smallest_uplift,
    visitors_needed,
)
from scoring.experiments.visitors import ExperimentError

WANTED = PlannedEffect(0.03, 0.1)


def test_it_is_the_textbook_s_number() -> None:
    """Fleiss, "Statistical Methods for Rates and Proportions": (z + z)² (p q + p q) / d², in each arm."""
    each = (1.959964 + 0.841621) ** 2 * (0.03 * 0.97 + 0.033 * 0.967) / 0.003**2
    assert visitors_needed(WANTED) == math.ceil(2 * each)


def test_so_many_visitors_have_the_planned_power() -> None:
    for wanted in (WANTED, PlannedEffect(0.05, -0.2, (0.7, 0.3), power=0.9), PlannedEffect(0.1, 0.1, (2, 1, 1))):
        assert power_of(wanted, visitors_needed(wanted)) == pytest.approx(wanted.power, abs=1e-3)


def test_the_smallest_uplift_is_the_inverse() -> None:
    assert smallest_uplift(WANTED, visitors_needed(WANTED)) == pytest.approx(0.1, abs=1e-4)


def test_covariates_take_off_the_share_that_they_explain() -> None:
    ratio = visitors_needed(WANTED._replace(explained=0.3)) / visitors_needed(WANTED)
    assert ratio == pytest.approx(0.7, rel=1e-4)


def test_looks_cost_visitors() -> None:
    """Jennison and Turnbull (2000), table 2.4 gives 1.028 for five looks of O'Brien and Fleming at .05 and .8; the
    spending function's boundaries are not quite theirs."""
    assert inflation_of_looks([1.0], 0.05, 0.8) == pytest.approx(1, abs=1e-5)
    assert inflation_of_looks([0.2, 0.4, 0.6, 0.8, 1.0], 0.05, 0.8) == pytest.approx(1.026, abs=0.004)
    assert 1.8 < inflation_of_any_time(0.05, 0.8) < 2


def test_a_plan_has_days_for_each_reading() -> None:
    plan = planned(WANTED._replace(explained=0.2), 4_000, 7, (0.5, 1.0))
    assert [each.reading for each in plan.plain] == ["once, at the end", "at 2 planned looks", "at any time"]
    once = plan.plain[0]
    assert (once.visitors, once.days) == (visitors_needed(WANTED), math.ceil(visitors_needed(WANTED) / 4_000) + 7)
    assert [each.days for each in plan.plain] == sorted(each.days for each in plan.plain)
    assert all(less.visitors < more.visitors for less, more in zip(plan.adjusted, plan.plain, strict=True))
    assert planned(WANTED, 4_000, 7, (1.0,)).adjusted == []
    assert found_within(WANTED, once.days, 4_000, 7) == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(WANTED._replace(base=0.0), "base must be a conversion", id="nobody buys"),
        pytest.param(WANTED._replace(uplift=0.0), "no conversion to plan for", id="no uplift"),
        pytest.param(WANTED._replace(uplift=40.0), "no conversion to plan for", id="beyond everybody"),
        pytest.param(WANTED._replace(shares=(1.0,)), "two arms", id="one arm"),
        pytest.param(WANTED._replace(power=0.01), "power between alpha and 1", id="power below alpha"),
        pytest.param(WANTED._replace(explained=1.0), "under 1 of the variance", id="all explained"),
        pytest.param(WANTED._replace(uplift=0.0001), "plan for a greater uplift", id="for ever"),
    ],
)
def test_what_is_no_plan_is_one_line(wanted: PlannedEffect, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        planned(wanted, 1_000, 7, (1.0,))


def test_days_without_visitors_find_nothing() -> None:
    with pytest.raises(ExperimentError, match="take more days"):
        found_within(WANTED, 7, 1_000, 7)
    with pytest.raises(ExperimentError, match="find no uplift"):
        found_within(WANTED, 8, 3, 7)
