"""Reads the results of an experiment from both databases. Blocking.

Orders are read in one state of the relational database, each unit in one of ClickHouse, both as of one moment. What is
kept of a unit is a row of numbers; rows of sessions and exposures stay in memory for one part of the units alone.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.experiments.labels import CountingRule, LabelCounts, labeled
from scoring.experiments.merge import merged_counts, merged_exposed, merged_visitors
from scoring.experiments.reading import ExperimentDesign, ExperimentReport, by_day, read_days
from scoring.experiments.segments import SegmentEffect, corrected, uncorrected
from scoring.experiments.uplift import DRAWS, qini
from scoring.experiments.visitors import ExperimentError, ExposedVisitors
from scoring.experiments.words import cautions, conclusions
from storage.database.money import Money
from storage.experiments.results.answers import (
    DimensionResults,
    ExperimentResults,
    HoldoutResults,
    SegmentResult,
    UpliftResults,
)
from storage.experiments.results.design import IsRead, read_design
from storage.experiments.results.exposures import (
    DIMENSIONS,
    OF_THE_MODEL,
    SIGNALS,
    SLACK,
    ExposureQuery,
    UnitRows,
    unit_parts,
)
from storage.experiments.results.unit_orders import UnitOrders, order_query, unit_orders
from storage.http.errors import ReadError
from storage.query.queries import Queries
from stream.experiments.assignment import BUCKETS
from stream.experiments.definition import ExperimentDefinition, ExperimentKind, HoldoutDefinition, ReadingName, Unit

#: Visitors, times draws, of one bootstrap: some seconds.
MOST_DRAWN = 25_000_000
FEWEST_DRAWS = 100
#: In which all workers have taken a change of a hold-out, in ms.
TAKEN_MS = 600_000
_HELD_OUT, _REACHED = "held out", "reached"


class ResultOptions(NamedTuple):
    """What is asked beside the plan; None: as it was planned. `dimensions` are of DIMENSIONS; None: the bands, where
    arms can be compared by them.
    """

    reading: ReadingName | None = None
    looks: int | None = None
    dimensions: Sequence[str] | None = None


AS_PLANNED = ResultOptions()


class ReadUnits(NamedTuple):
    """The units that count, `segments` of each by DIMENSIONS (str[n]), and what was left out."""

    visitors: ExposedVisitors
    exposed: NDArray[np.int64]
    counts: LabelCounts
    segments: dict[str, NDArray[np.str_]]


class ResultReads(Queries):
    """`money` has the sites' reporting currencies as they stand; raises ReadError (conflict, invalid, unavailable)."""

    def __init__(self, *given: Any, money: Callable[[], Money] = dict, now: Callable[[], float] = time.time) -> None:
        super().__init__(*given)
        self._money = money
        self._now = now

    def results(
        self,
        changes: Sequence[ExperimentDefinition],
        holdout: HoldoutDefinition | None,
        options: ResultOptions = AS_PLANNED,
    ) -> ExperimentResults:
        """Of all records of an experiment, the oldest first, and its site's hold-out."""
        try:
            return self._results(changes, holdout, options)
        except ExperimentError as error:
            raise ReadError("conflict", str(error)) from error

    def _results(
        self, changes: Sequence[ExperimentDefinition], holdout: HoldoutDefinition | None, options: ResultOptions
    ) -> ExperimentResults:
        newest, until = changes[-1], int(self._now() * 1000)
        is_model = newest.kind == "model"
        dimensions = _dimensions(newest.kind, options)
        wanted = read_design(changes, options.reading, options.looks)
        exposures = ExposureQuery(
            newest.site, newest.name, wanted.design.arms, newest.unit, not is_model, newest.started_at, until
        )
        orders = self._orders(newest.site, newest.unit, newest.started_at, until)
        units = self._units(exposures, orders, wanted.counting, wanted.is_read)
        report = read_units(wanted.design, units)
        written = wanted.rule.is_written_before
        return ExperimentResults(
            name=newest.name,
            site=newest.site,
            kind=newest.kind,
            unit=newest.unit,
            status=newest.status,
            started_at=newest.started_at,
            stopped_at=newest.stopped_at,
            until=until,
            rule=wanted.rule,
            report=report,
            labels=units.counts,
            currency=orders.currency,
            covariates=list(SIGNALS if is_model else ("score", *SIGNALS)),
            conclusions=conclusions(wanted.design, report),
            cautions=cautions(wanted.design, report, is_written_before=written, segments=dimensions),
            segments=segment_results(dimensions, wanted.design, units) if report.effects else [],
            uplift=[] if is_model or not report.effects else uplift_results(wanted.design, units),
            holdout=self._held_out(newest, holdout, wanted.design, wanted.counting, until),
            notices=[*wanted.notices, *_unpriced(newest.site, orders)],
        )

    def _held_out(
        self,
        newest: ExperimentDefinition,
        holdout: HoldoutDefinition | None,
        design: ExperimentDesign,
        counting: CountingRule,
        until: int,
    ) -> HoldoutResults | None:
        if holdout is None or not 0 < holdout.buckets < BUCKETS:
            return None
        since = max(newest.started_at, holdout.changed_at + TAKEN_MS)
        exposures = ExposureQuery(newest.site, "", (_HELD_OUT, _REACHED), "visitor", False, since, until)
        rule = CountingRule(started_at=since, window_days=counting.window_days)
        units = self._units(exposures, self._orders(newest.site, "visitor", since, until), rule)
        read_as = ExperimentDesign(
            arms=(_HELD_OUT, _REACHED),
            shares=(float(holdout.buckets), float(BUCKETS - holdout.buckets)),
            planned_visitors=design.planned_visitors,
            decides=design.decides,
        )
        report = read_units(read_as, units)
        share = holdout.buckets * 100 / BUCKETS
        lines = conclusions(read_as, report)
        return HoldoutResults(share=share, since=since, report=report, labels=units.counts, conclusions=lines)

    def _orders(self, site: str, unit: Unit, since: int, until: int) -> UnitOrders:
        with self._snapshot() as rows:
            return unit_orders(rows(order_query(site, unit, since - SLACK, until)), self._money())

    def _units(
        self, exposures: ExposureQuery, orders: UnitOrders, counting: CountingRule, is_read: IsRead | None = None
    ) -> ReadUnits:
        arms, found = len(exposures.arms), []
        segments: dict[str, list[NDArray[np.str_]]] = {name: [] for name in DIMENSIONS}
        for part in unit_parts(self._run_query, exposures):
            rows = part if is_read is None else _only_units(part, is_read)
            own = [order for unit in rows.segments for order in orders.by_unit.get(unit, ())]
            taken = labeled(rows.exposures, rows.sessions, own, counting, arms, exposures.until)
            for place, name in enumerate(DIMENSIONS):
                segments[name].append(np.array([rows.segments[unit][place] for unit in taken.ids], np.str_))
            found.append(taken)
        return ReadUnits(
            merged_visitors([each.visitors for each in found]),
            merged_exposed(found),
            merged_counts([each.counts for each in found]),
            {name: np.concatenate(parts) for name, parts in segments.items()},
        )


def _dimensions(kind: ExperimentKind, options: ResultOptions) -> Sequence[str]:
    known = [each for each in DIMENSIONS if kind == "action" or each not in OF_THE_MODEL]
    if options.dimensions is None:
        return [each for each in OF_THE_MODEL if each in known]
    if unknown := [each for each in options.dimensions if each not in known]:
        raise ReadError("invalid", f"segments: {', '.join(unknown)}: known of it are {', '.join(known)}")
    return options.dimensions


def read_units(design: ExperimentDesign, units: ReadUnits) -> ExperimentReport:
    """The reading of these units at the end of their last day."""
    days = len(units.exposed)
    return read_days(design, by_day(units.visitors, len(design.arms), days), units.exposed)


def _only_units(part: UnitRows, is_read: IsRead) -> UnitRows:
    kept = {unit: segments for unit, segments in part.segments.items() if is_read(unit)}
    return UnitRows(
        [each for each in part.exposures if each.visitor in kept],
        [each for each in part.sessions if each.visitor in kept],
        kept,
    )


def segment_results(names: Sequence[str], design: ExperimentDesign, units: ReadUnits) -> list[DimensionResults]:
    """Of these dimensions, corrected for all of them together."""
    found = {
        name: uncorrected(units.visitors, units.segments[name], len(design.arms), design.decides, design.alpha)
        for name in names
    }
    effects = iter(corrected([each for of_one in found.values() for each in of_one], design.alpha))
    return [DimensionResults(name, [_segment(next(effects), design) for _ in of_one]) for name, of_one in found.items()]


def _segment(effect: SegmentEffect, design: ExperimentDesign) -> SegmentResult:
    return SegmentResult(
        *(effect.segment, design.arms[effect.arm], effect.visitors, effect.difference),
        *(effect.low, effect.high, effect.p, effect.is_difference),
    )


def uplift_results(design: ExperimentDesign, units: ReadUnits) -> list[UpliftResults]:
    """Of each arm against the control, by the score at the exposure, which is the first covariate."""
    made = []
    for number, name in enumerate(design.arms[1:], 1):
        both = units.visitors.chosen(np.isin(units.visitors.arm, (0, number)))
        draws = min(DRAWS, max(FEWEST_DRAWS, MOST_DRAWN // max(both.size, 1)))
        curve = qini(both.covariates[:, 0], both.arm == number, both.converted.astype(np.float64), design.alpha, draws)
        made.append(UpliftResults(name, curve))
    return made


def _unpriced(site: str, orders: UnitOrders) -> list[str]:
    return [
        f"{count:,} orders in {currency} have no rate and bring 0: set sites.{site}.rates (docs/sites-and-keys.md)"
        for currency, count in sorted(orders.unpriced.items())
    ]
