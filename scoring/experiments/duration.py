"""How long an experiment takes: visitors and days, by how it is going to be read. Pure."""

import math
from collections.abc import Sequence

from msgspec import Struct

from scoring.experiments.plan import (
    PlannedEffect,
    inflation_of_any_time,
    inflation_of_looks,
    smallest_uplift,
    visitors_needed,
)
from scoring.experiments.visitors import ExperimentError

#: A longer experiment is none: cookies are gone by then, and so is the season.
LONGEST_DAYS = 3_650


class PlannedReading(Struct, frozen=True):
    """`visitors` of all arms and the `days` until the last one's window is over."""

    reading: str
    visitors: int
    days: int


class ExperimentPlan(Struct, frozen=True):
    """`plain` without covariates, `adjusted` with those that explain a share of the variance; one entry a reading."""

    base: float
    uplift: float
    power: float
    alpha: float
    explained: float
    visitors_per_day: float
    window_days: int
    plain: list[PlannedReading]
    adjusted: list[PlannedReading]


def planned(
    wanted: PlannedEffect, visitors_per_day: float, window_days: int, look_at: Sequence[float]
) -> ExperimentPlan:
    """Three readings: once at the end, at planned looks, at any time. Raises ExperimentError."""
    if visitors_per_day <= 0 or window_days < 0:
        raise ExperimentError("an experiment needs visitors each day, and a window of 0 days or more")
    visitors_needed(wanted)  # raises, before boundaries are made for what is no plan
    factors = {
        "once, at the end": 1.0,
        f"at {len(look_at)} planned looks": inflation_of_looks(look_at, wanted.arm_alpha, wanted.power),
        "at any time": inflation_of_any_time(wanted.arm_alpha, wanted.power),
    }

    def readings(effect: PlannedEffect) -> list[PlannedReading]:
        once = visitors_needed(effect)
        return [_reading(name, once * factor, visitors_per_day, window_days) for name, factor in factors.items()]

    return ExperimentPlan(
        wanted.base,
        wanted.uplift,
        wanted.power,
        wanted.alpha,
        wanted.explained,
        visitors_per_day,
        window_days,
        readings(wanted._replace(explained=0.0)),
        readings(wanted) if wanted.explained else [],
    )


def found_within(wanted: PlannedEffect, days: int, visitors_per_day: float, window_days: int) -> float:
    """The smallest uplift above 0 that so many days find, read once at their end; raises ExperimentError."""
    exposing = days - window_days
    if exposing < 1:
        raise ExperimentError(f"{days} days leave nobody whose window of {window_days} days is over: take more days")
    return smallest_uplift(wanted, exposing * visitors_per_day)


def _reading(name: str, visitors: float, visitors_per_day: float, window_days: int) -> PlannedReading:
    days = math.ceil(visitors / visitors_per_day) + window_days
    if days > LONGEST_DAYS:
        raise ExperimentError(
            f"{visitors:,.0f} visitors take {days:,} days: plan for a greater uplift or an audience that buys more"
        )
    return PlannedReading(name, math.ceil(visitors), days)
