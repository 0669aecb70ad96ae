"""Whether the readings of experiments keep what they promise, on generated experiments whose truth is known.

Each figure comes from `read`, the reading that a site's experiments get, on experiments of 20,000 visitors that are
looked at on 28 days: without an effect (`aa_*`, `srm_false_rate`), with 10 % on a conversion of 3 % (`coverage`), as
large as the planner wants for 25 % (`power_error`), and with a loss in one arm that leaves 52 : 48 (`srm_caught`).
`cuped_shortening` is of a generated shop, scored as live traffic is, and `cuped_ceiling` what the true probability of
buying would do there in place of the covariates. No figure is a time: the machine may be busy.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from deploy.bench.run import Run
from deploy.bench.shop_exposures import Shortening, shortenings
from deploy.simulate.experiment import GeneratedFacts, generated
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.shop import ShopParameters
from scoring import registry
from scoring.experiments.effects import arm_rates, effects
from scoring.experiments.metrics import columns_of
from scoring.experiments.names import METRICS, MetricName
from scoring.experiments.plan import PlannedEffect, visitors_needed
from scoring.experiments.reading import (
    DailyVisitors,
    ExperimentDesign,
    ExperimentReport,
    by_day,
    called_on,
    read,
    read_days,
)
from scoring.experiments.tails import two_sided_z
from scoring.experiments.visitors import ExposedVisitors

#: Experiments of each kind, and visitors of one.
EXPERIMENTS, QUICK, VISITORS = 1_000, 50, 20_000
#: The planted effects, of a conversion of BASE, and the share of visitors that a loss leaves in the second arm.
BASE, UPLIFT, PLANNED_UPLIFT, LEFT = 0.03, 0.1, 0.25, 0.48
#: The shop whose visitors are exposed, and the moment that counts.
SHOP = ShopParameters(10_000, 1, 28)
QUICK_SHOP = ShopParameters(1_500, 1, 14, facts=ShopFacts(conversion=0.12, of_carts=0.5, of_checkouts=0.7))
MOMENT = "the eighth page"

ANY_TIME = ExperimentDesign(arms=("control", "treatment"), shares=(0.5, 0.5), planned_visitors=VISITORS)
PLANNED = replace(ANY_TIME, reading="planned looks")
#: One planned look is the test with a fixed horizon.
FIXED = replace(PLANNED, look_at=(1.0,))
DAYS = GeneratedFacts().days


class Rates(NamedTuple):
    """Of experiments without an effect, the shares that called one, by reading and metric, and that were stopped."""

    called: dict[tuple[str, MetricName], float]
    fixed_daily: float
    stopped: float
    explained: float


class Coverage(NamedTuple):
    """Shares of intervals that hold the truth: the difference and the ratio at the end, the difference at any time."""

    difference: float
    ratio: float
    any_time: float


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them."""
    # In a thread, as the shop's refreshes have an event loop of their own.
    return await asyncio.to_thread(_measured, QUICK if quick else EXPERIMENTS, QUICK_SHOP if quick else SHOP)


def _measured(number: int, wanted: ShopParameters) -> tuple[dict[str, float], list[str]]:
    same = without_effect(number)
    held = covered(number)
    plain, adjusted = power(number, 0.0), power(number, same.explained)
    lost = caught(number)
    model = registry.load()
    shop = shortenings(wanted, lambda _: model)
    figures = {
        "aa_peeking_rate": same.called["any time", "conversion"],
        "aa_planned_rate": same.called["planned looks", "conversion"],
        "aa_fixed_rate": same.called["fixed", "conversion"],
        "coverage": min(held.difference, held.ratio),
        "cuped_shortening": shop[MOMENT].by_all,
        "cuped_ceiling": shop[MOMENT].by_truth,
        "power_error": max(abs(plain - 0.8), abs(adjusted - 0.8)),
        "srm_caught": lost,
        "srm_false_rate": same.stopped,
    }
    rates = ", ".join(f"{reading} {metric} {rate:.3f}" for (reading, metric), rate in same.called.items())
    return figures, [
        f"{number:,} experiments of {VISITORS:,} visitors without an effect, called: {rates}",
        f"at a fixed level on each of {DAYS} days (conversion): {same.fixed_daily:.3f}",
        f"intervals with the truth: difference {held.difference:.3f}, ratio {held.ratio:.3f}, "
        f"any time at the end {held.any_time:.3f}",
        f"found where .8 is planned: {plain:.3f}, with covariates of {same.explained:.2f} of variance {adjusted:.3f}",
        *(_line(name, each) for name, each in shop.items()),
    ]


def without_effect(number: int) -> Rates:
    called: Counter[tuple[str, MetricName]] = Counter()
    fixed_daily, stopped, explained = 0, 0, list[float]()
    designs = {"any time": ANY_TIME, "planned looks": PLANNED, "fixed": FIXED}
    for visitors in _drawn(GeneratedFacts(VISITORS, BASE), 1, number):
        daily = by_day(visitors, len(ANY_TIME.arms), DAYS)
        reports = {name: read_days(design, daily) for name, design in designs.items()}
        stopped += bool(reports["fixed"].stopped)
        fixed_daily += _called_daily(daily)
        # What a false alarm of the ratio hides would not be called.
        for name, report in reports.items():
            called.update((name, each.metric) for each in report.effects if each.called_on is not None)
        explained += [each.explained for each in reports["fixed"].effects if each.decides]
    names = [(name, metric) for name in designs for metric in METRICS]
    rates = {name: called[name] / number for name in names}
    return Rates(rates, fixed_daily / number, stopped / number, float(np.mean(explained)))


def covered(number: int) -> Coverage:
    facts = GeneratedFacts(VISITORS, BASE, UPLIFT)
    found = []
    for visitors in _drawn(facts, 2, number):
        daily = by_day(visitors, len(ANY_TIME.arms), DAYS)
        fixed, at_any_time = (_deciding(read_days(design, daily)) for design in (FIXED, ANY_TIME))
        if fixed is not None and at_any_time is not None:
            found.append(
                (
                    fixed.low <= facts.difference <= fixed.high,
                    fixed.ratio_low <= 1 + UPLIFT <= fixed.ratio_high,
                    at_any_time.low <= facts.difference <= at_any_time.high,
                )
            )
    return Coverage(*np.mean(found, axis=0).tolist())


def power(number: int, explained: float) -> float:
    """The share that calls the effect for which the planner gave the visitors; without covariates where they are 0."""
    wanted = PlannedEffect(BASE, PLANNED_UPLIFT, explained=explained)
    needed = visitors_needed(wanted)
    design, called = replace(FIXED, planned_visitors=needed), 0
    for visitors in _drawn(GeneratedFacts(needed, BASE, PLANNED_UPLIFT), 3, number):
        given = visitors if explained else visitors._replace(covariates=np.zeros((needed, 0)))
        called += any(each.decides and each.called_on is not None for each in read(design, given, DAYS).effects)
    return called / number


def caught(number: int) -> float:
    """The share of experiments with a planted loss that are stopped."""
    drawn = _drawn(GeneratedFacts(VISITORS, BASE, second_share=LEFT), 4, number)
    return sum(bool(read(FIXED, visitors, DAYS).stopped) for visitors in drawn) / number


class _Interval(NamedTuple):
    low: float
    high: float
    ratio_low: float
    ratio_high: float


def _deciding(report: ExperimentReport) -> _Interval | None:
    """The intervals of the metric that is decided on; None where the reading was stopped."""
    for each in report.effects:
        if each.decides:
            bounds = (each.low, each.high, each.ratio_low, each.ratio_high)
            return _Interval(*(np.nan if bound is None else bound for bound in bounds))
    return None


def _called_daily(daily: DailyVisitors) -> bool:
    """What the readings are there to avoid: the fixed level, looked at every day."""
    found = daily.moments.of(columns_of("conversion", daily.covariates))
    fixed = np.full((DAYS, 1), two_sided_z(ANY_TIME.alpha))
    return called_on(effects(arm_rates(found)), fixed, list(range(DAYS)))[0] is not None


def _drawn(facts: GeneratedFacts, kind: int, number: int) -> Iterator[ExposedVisitors]:
    return (generated(facts, (kind, each)) for each in range(number))


def _line(moment: str, found: Shortening) -> str:
    return (
        f"exposed at {moment}: {found.visitors:,} visitors, {found.conversion:.1%} buy; intervals shorter by "
        f"{found.by_all:.1%}, by the score alone {found.by_score:.1%}, by the truth {found.by_truth:.1%}"
    )
