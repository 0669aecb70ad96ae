"""One experiment, read: arms, effects, or the one line that says why there is nothing to read. Pure."""

import math
from typing import Literal, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.experiments.any_time import any_time_multiplier
from scoring.experiments.effects import ArmEffects, arm_rates, effects
from scoring.experiments.metrics import RevenueCap, columns_of, revenue_cap, visitor_columns
from scoring.experiments.moments import ArmMoments, daily_moments
from scoring.experiments.names import FEWEST_VISITORS, METRICS, MetricName
from scoring.experiments.planned_looks import boundaries
from scoring.experiments.sample_ratio import sample_ratio
from scoring.experiments.tails import Floats
from scoring.experiments.visitors import ExperimentError, ExposedVisitors, checked

ReadingKind = Literal["any time", "planned looks"]


class ExperimentDesign(Struct, frozen=True, kw_only=True):
    """What stands before the start. `arms`: names, the control first, with their `shares`. `planned_visitors`: of all
    arms, at which the experiment is over. `decides`: the metric that is decided on; others are shown beside it.
    `look_at`: fractions of the planned visitors at which planned looks come. Several arms share `alpha`.
    """

    arms: tuple[str, ...]
    shares: tuple[float, ...]
    planned_visitors: int
    reading: ReadingKind = "any time"
    decides: MetricName = "conversion"
    look_at: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if len(self.arms) < 2 or len(self.arms) != len(self.shares) or min(self.shares) <= 0:
            raise ExperimentError("an experiment has at least two arms, each with a share above 0: see --arms")
        if self.planned_visitors < 2 * FEWEST_VISITORS * len(self.arms):
            raise ExperimentError(
                f"{self.planned_visitors:,} visitors are too few for {len(self.arms)} arms: `opecom experiments plan`"
            )
        if not 0 < self.alpha < 1:
            raise ExperimentError(f"alpha must be between 0 and 1, not {self.alpha}")

    @property
    def arm_alpha(self) -> float:
        """Of each arm against the control (Bonferroni)."""
        return self.alpha / (len(self.arms) - 1)


class ArmFigures(Struct, frozen=True):
    """An arm as it was counted, nothing taken off; rates are None where nobody is in it."""

    arm: str
    visitors: int
    sessions: int
    conversion: float | None
    session_conversion: float | None
    revenue_per_visitor: float | None


class MetricEffect(Struct, frozen=True):
    """An arm against the control, with covariates taken off; the intervals are those of the reading.

    `called_on`: the first day on which the interval of the difference left 0 out, None if none has. `explained`: the
    share of the variance that the covariates took off.
    """

    metric: MetricName
    arm: str
    decides: bool
    difference: float | None
    low: float | None
    high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    called_on: int | None
    explained: float


class ExperimentReport(Struct, frozen=True):
    """`day`: the day at whose end the effects stand, -1 before there is one. `stopped`: why nothing may be read, one
    line, else empty; `waiting`: what the reading waits for, else empty. Either leaves `effects` empty.
    `revenue_cap`: what a visitor's revenue counts at most, and `revenue_cut` the share of revenue that this takes off.
    """

    reading: ReadingKind
    day: int
    arms: list[ArmFigures]
    effects: list[MetricEffect]
    sample_ratio_p: float
    stopped: str
    waiting: str
    revenue_cap: float
    revenue_cut: float


class Looks(NamedTuple):
    """`days` at whose ends an interval is made, and how many standard errors it reaches from each estimate."""

    days: list[int]
    multipliers: Floats


def looks(design: ExperimentDesign, counted: Floats) -> Looks:
    """The looks so far; `counted`: visitors by the end of each day and arm, float64[days, arms]. Outcomes have no say.

    A look at any time waits for FEWEST_VISITORS in each arm, a planned one for its number of visitors.
    """
    total = counted.sum(-1)
    enough = counted.min(-1) >= FEWEST_VISITORS
    if design.reading == "any time":
        days = np.flatnonzero(enough).tolist()
        return Looks(days, any_time_multiplier(total[days], design.planned_visitors, design.arm_alpha))
    reached = [np.flatnonzero(enough & (total >= each * design.planned_visitors)) for each in design.look_at]
    days = sorted({int(each[0]) for each in reached if len(each)})
    fractions = [min(float(total[day]) / design.planned_visitors, 1.0) for day in days]
    return Looks(days, np.array(boundaries(fractions, design.arm_alpha)))


class DailyVisitors(NamedTuple):
    """What a reading needs of visitors: the moments of `visitor_columns` by the end of each day, how many of these are
    covariates, and what revenue was cut at.
    """

    moments: ArmMoments
    covariates: int
    cap: RevenueCap


def by_day(visitors: ExposedVisitors, arms: int, days: int) -> DailyVisitors:
    """Sum up the visitors, for one reading or several; raises ExperimentError for what no visitor has."""
    checked(visitors, arms)
    together = daily_moments(visitor_columns(visitors), visitors.arm, visitors.counted_on, arms, days)
    return DailyVisitors(together, visitors.covariates.shape[1], revenue_cap(visitors.revenue))


def read(
    design: ExperimentDesign, visitors: ExposedVisitors, days: int, exposed: NDArray[np.int64] | None = None
) -> ExperimentReport:
    """The reading at the end of day `days` - 1; `read_days` says the rest."""
    return read_days(design, by_day(visitors, len(design.arms), days), exposed)


def read_days(
    design: ExperimentDesign, daily: DailyVisitors, exposed: NDArray[np.int64] | None = None
) -> ExperimentReport:
    """The reading at the end of the last of the days.

    `exposed`: visitors that met an arm by the end of each day, int64[days, arms], whether or not their windows are
    over; the check of the sample ratio goes by them where they are given.
    """
    by_metric = {each: daily.moments.of(columns_of(each, daily.covariates)) for each in METRICS}
    counted = daily.moments.visitors
    in_arms = counted.astype(np.int64) if exposed is None else exposed
    ratio = sample_ratio(in_arms, design.shares, is_over=float(counted[-1].sum()) >= design.planned_visitors)
    found = looks(design, counted)
    stopped = ratio.line() if ratio.is_broken else ""
    waiting = "" if stopped or found.days else _waiting(design, counted[-1])
    readable = not stopped and bool(found.days)
    return ExperimentReport(
        design.reading,
        found.days[-1] if readable else -1,
        _figures(design, by_metric),
        [each for metric in METRICS for each in _effects(design, metric, by_metric[metric], found)] if readable else [],
        ratio.p,
        stopped,
        waiting,
        daily.cap.value,
        daily.cap.share_cut,
    )


def _waiting(design: ExperimentDesign, counted: Floats) -> str:
    if design.reading == "planned looks" and counted.min() >= FEWEST_VISITORS:
        first = math.ceil(design.look_at[0] * design.planned_visitors)
        return f"the first planned look is at {first:,} visitors, {int(counted.sum()):,} are counted"
    return f"each arm needs {FEWEST_VISITORS} visitors whose windows are over, the smallest has {int(counted.min()):,}"


def _figures(design: ExperimentDesign, by_metric: dict[MetricName, ArmMoments]) -> list[ArmFigures]:
    rates = {name: arm_rates(each.at(-1), adjusted=False).rate for name, each in by_metric.items()}
    per_session = by_metric["session_conversion"].at(-1)
    return [
        ArmFigures(
            name,
            int(per_session.visitors[arm]),
            round(float(np.nan_to_num(per_session.mean[arm, 1]) * per_session.visitors[arm])),
            *(_known(rates[metric][arm]) for metric in METRICS),
        )
        for arm, name in enumerate(design.arms)
    ]


def _effects(design: ExperimentDesign, metric: MetricName, given: ArmMoments, found: Looks) -> list[MetricEffect]:
    at_looks = ArmMoments(*(each[found.days] for each in given))
    rates = arm_rates(at_looks)
    apart = effects(rates)
    multipliers = found.multipliers[:, None]
    low, high = apart.difference_interval(multipliers)
    ratio_low, ratio_high = apart.ratio_interval(multipliers)
    called = called_on(apart, multipliers, found.days)
    return [
        MetricEffect(
            metric,
            name,
            metric == design.decides,
            difference=_known(apart.difference[-1, arm]),
            low=_known(low[-1, arm]),
            high=_known(high[-1, arm]),
            ratio=_known(apart.ratio[-1, arm]),
            ratio_low=_known(ratio_low[-1, arm]),
            ratio_high=_known(ratio_high[-1, arm]),
            called_on=called[arm],
            explained=float(rates.explained[-1]),
        )
        for arm, name in enumerate(design.arms[1:])
    ]


def called_on(apart: ArmEffects, multipliers: Floats, days: list[int]) -> list[int | None]:
    """The first of the days on which 0 lies outside the interval, for each arm; effects: [days, arms - 1]."""
    outside = np.abs(apart.difference) > multipliers * apart.error
    # Without a conversion in any arm the difference is 0, and so is its error.
    return [days[int(np.argmax(each))] if each.any() else None for each in outside.T]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
