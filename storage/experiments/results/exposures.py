"""Units of an experiment in the timeline of ClickHouse: what each met, what was known of it then, all its sessions.

A unit is a visitor, or a session where the experiment assigns sessions. The exposure of a session is its first record
that shows an arm. Units are read in parts by their hash: each is whole in one part, and a part is one query.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from scoring.experiments.labels import DAY_MS, ExposureRow, VisitorSession
from stream.experiments.definition import Unit

#: Units of one part: some 40 MB. While one is read, chDB answers nobody else.
PART_UNITS = 50_000
#: What is known of a unit at its exposure, as columns of ClickHouse: the score, and signals of the same record.
SCORES = ("probability", "log(greatest(probability, 1e-6) / greatest(1 - probability, 1e-6))")
SIGNALS = ("cart_value", "checkout_step", "cart_adds", "distinct_products", "previous_purchases")
#: By what results may be divided, and where a record of ClickHouse has it: what was known at the exposure.
DIMENSIONS = {
    "band": "band",
    "device_class": "ifNull(device_class, 'unknown')",
    "visitor_type": "VisitorType",
    "page_type": "ifNull(last_page_type, 'other')",
    "weekend": "if(Weekend, 'weekend', 'weekday')",
}
#: Those that the arm of an experiment of models has made, so that arms cannot be compared by them.
OF_THE_MODEL = ("band",)
#: Before the start, in ms: a session that opened so early by the visitor's clock may be one of the experiment.
SLACK = DAY_MS


class ExposureQuery(NamedTuple):
    """`arms`: names by number, of `experiment`; without one ("") the site's hold-out is read: arm 0 those who are held
    out, arm 1 all others. Sessions that opened since `since`, as stored at `until`; ms UTC.
    """

    site: str
    experiment: str
    arms: Sequence[str]
    unit: Unit
    has_scores: bool
    since: int
    until: int


class UnitRows(NamedTuple):
    """Rows of the units of one part, and of each unit what DIMENSIONS say of its first exposure."""

    exposures: list[ExposureRow]
    sessions: list[VisitorSession]
    segments: dict[str, tuple[str, ...]]


#: Runs a query of ClickHouse with parameters.
RunQuery = Callable[[str, dict[str, Any]], Any]


def unit_parts(run: RunQuery, wanted: ExposureQuery) -> Iterator[UnitRows]:
    """The units that met an arm, in parts."""
    given = _given(wanted)
    [[units]] = run(_COUNT.replace("UNIT", _UNITS[wanted.unit]), given).result_rows
    parts = max(1, math.ceil(units / PART_UNITS))
    query = _query(wanted)
    for part in range(parts):
        yield _rows(run(query, given | {"part": part, "parts": parts}).result_rows, wanted)


def covariates_of(has_scores: bool) -> tuple[str, ...]:
    """The expressions of what is known; a score that the arm's own model made is no part of it."""
    known = tuple(f"ifNull(toFloat64({name}), nan)" for name in SIGNALS)
    return (*SCORES, *known) if has_scores else known


def _rows(found: Sequence[Sequence[Any]], wanted: ExposureQuery) -> UnitRows:
    numbers = {name: number for number, name in enumerate(wanted.arms)}
    rows = UnitRows([], [], {})
    for unit, arms, times, known, segments, bots, opened, last in found:
        # A unit of none of the arms that are read is left out; one that met such an arm beside them has met two.
        if not numbers.keys() & set(arms):
            continue
        for arm, at, covariates, is_bot in zip(arms, times, known, bots, strict=True):
            number = numbers.get(arm, len(numbers))
            rows.exposures.append(ExposureRow(unit, number, max(at, wanted.since), bool(is_bot), tuple(covariates)))
        rows.sessions.extend(map(VisitorSession, [unit] * len(opened), opened, last))
        rows.segments[unit] = tuple(segments[min(range(len(times)), key=times.__getitem__)])
    return rows


def _given(wanted: ExposureQuery) -> dict[str, Any]:
    return {
        "site": wanted.site,
        "experiment": wanted.experiment,
        "needle": f'"experiment":"{wanted.experiment}"',
        "first": wanted.since,
        "since": wanted.since - SLACK,
        "until": wanted.until,
    }


_UNITS: dict[Unit, str] = {"visitor": "visitor_id", "session": "session_id"}
_FROM = (
    "FROM scored_sessions FINAL WHERE site = {site:String} AND NOT void "
    "AND opened_at >= fromUnixTimestamp64Milli({since:Int64}) AND updated_at <= fromUnixTimestamp64Milli({until:Int64})"
)
_COUNT = (
    f"SELECT uniqCombined(UNIT) {_FROM} "
    "AND (position(experiments, {needle:String}) > 0 OR {experiment:String} = '')"
)
_ARM = (
    "if(position(experiments, {needle:String}) = 0, '', arrayFirst(each -> each.1 = {experiment:String}, "
    "JSONExtract(experiments, 'Array(Tuple(experiment String, arm String))')).2)"
)
# A session of before is of an earlier share: its visitor may have been reached then, and is held out now.
_MEMBER = "multiIf(opened_at < fromUnixTimestamp64Milli({first:Int64}), '', holdout, 'held out', 'reached')"


def _query(wanted: ExposureQuery) -> str:
    """One row of each unit: arrays over the sessions in which it met an arm, then over all of its sessions."""
    known = ", ".join(covariates_of(wanted.has_scores))
    segments = ", ".join(f"toString({each})" for each in DIMENSIONS.values())
    arm = _ARM if wanted.experiment else _MEMBER
    return f"""
WITH sessions AS (
    SELECT argMax({_UNITS[wanted.unit]}, version) AS unit,
           argMinIf((arm, toUnixTimestamp64Milli(occurred_at), [{known}], [{segments}]),
                    (updated_at, offset, closed), arm != '') AS first,
           countIf(arm != '') > 0 AS is_exposed,
           argMax(bot, version) AS is_bot,
           toUnixTimestamp64Milli(opened_at) AS opened,
           toUnixTimestamp64Milli(max(last_event_at)) AS last
    FROM (SELECT *, {arm} AS arm {_FROM})
    GROUP BY site, session_id, opened_at
)
SELECT unit, groupArrayIf(first.1, is_exposed), groupArrayIf(first.2, is_exposed), groupArrayIf(first.3, is_exposed),
       groupArrayIf(first.4, is_exposed), groupArrayIf(toUInt8(is_bot), is_exposed),
       groupArray(opened), groupArray(last)
FROM sessions
WHERE cityHash64(unit) % {{parts:UInt32}} = {{part:UInt32}}
GROUP BY unit
HAVING max(is_exposed)
"""  # noqa: S608  our names
