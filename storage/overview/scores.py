"""Live scores beside what came of them: conversion by band, and calibration. SQL and its reading.

Live scores are those of updates that no replay wrote; a session counts once it is closed and its outcome known. A score
counts while the session has no order: what it says of one that has bought is no forecast.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, get_args

from scoring.manifest import Band
from storage.overview.answers import BandCount, CalibrationAt, CalibrationGroup, Moment
from storage.overview.shares import share
from storage.overview.timeline import BOUGHT, BY_SESSION, IN_ORDER, UPDATES

#: The numbers of a session's events at which it is looked at.
AT_EVENTS = (1, 3, 5, 10)
MOMENTS: tuple[Moment, ...] = get_args(Moment)
BANDS: tuple[Band, ...] = get_args(Band)
GROUPS = 10
#: Digits of a score by which sessions are counted together.
DIGITS = 4

_LIVE = "NOT closed AND backfill = 0 AND NOT revenue"
_EVENTS = f"[{', '.join(map(str, AT_EVENTS))}]"
_BAND = f"indexOf([{', '.join(repr(band) for band in BANDS)}], band)"


def _looks(*columns: str) -> str:
    """Of a session: its first live update at each event of AT_EVENTS, as the place of the event and these columns."""
    place = f"indexOf({_EVENTS}, event_count)"
    rows = f"arraySort(groupArrayIf(({place}, offset, {', '.join(columns)}), {_LIVE} AND {place} > 0))"
    return f"arrayFilter((row, n) -> n = 1 OR {rows}[n - 1].1 != row.1, {rows}, arrayEnumerate({rows}))"


BAND_COUNTS = f"""
SELECT moment, in_band, toInt64(count()), toInt64(countIf(bought)) FROM (
    SELECT bought, look.1 + 1 AS moment, look.2 AS in_band FROM (
        SELECT {BOUGHT} AS bought, arrayConcat(
            [(toUInt64(0), maxIf({_BAND}, {_LIVE}))], arrayMap(row -> (row.1, row.3), {_looks(_BAND)})
        ) AS looks
        {UPDATES} {BY_SESSION} AND max(closed)
    ) ARRAY JOIN looks AS look
    WHERE in_band > 0
) GROUP BY moment, in_band ORDER BY moment, in_band {IN_ORDER}
"""  # noqa: S608  our names
SCORE_COUNTS = f"""
SELECT place, score, toInt64(count()), toInt64(countIf(bought)), sum(exact), groupUniqArray(model) FROM (
    SELECT bought, look.1 AS place, look.3 AS exact, look.4 AS model, round(exact, {DIGITS}) AS score FROM (
        SELECT {BOUGHT} AS bought, {_looks("probability", "toString(model_version)")} AS looks
        {UPDATES} {BY_SESSION} AND max(closed)
    ) ARRAY JOIN looks AS look
) GROUP BY place, score ORDER BY place, score {IN_ORDER}
"""  # noqa: S608  our names


class ScoreOutcomes(NamedTuple):
    """Sessions that had this score, rounded, at the event of this place in AT_EVENTS; `expected` adds up the scores."""

    place: int
    score: float
    sessions: int
    buyers: int
    expected: float
    models: Sequence[str] = ()


def bands_of(rows: Iterable[Sequence[int]]) -> list[BandCount]:
    """Every band at every moment, also those of no session."""
    found = {(moment, band): (sessions, buyers) for moment, band, sessions, buyers in rows}
    return [
        BandCount(moment, band, sessions, buyers, share(buyers, sessions))
        for place, moment in enumerate(MOMENTS, 1)
        for number, band in enumerate(BANDS, 1)
        for sessions, buyers in [found.get((place, number), (0, 0))]
    ]


def models_of(counts: Iterable[ScoreOutcomes]) -> list[str]:
    """The models that gave these scores, by name."""
    return sorted({model for count in counts for model in count.models})


def calibration_of(counts: Iterable[ScoreOutcomes]) -> list[CalibrationAt]:
    """At each event of AT_EVENTS that sessions came to."""
    places = groupby(sorted(counts, key=itemgetter(0, 1)), key=itemgetter(0))
    return [_at(AT_EVENTS[place - 1], list(of_place)) for place, of_place in places]


def _at(event: int, counts: Sequence[ScoreOutcomes]) -> CalibrationAt:
    groups = [_group(each) for each in tenths(counts)]
    sessions = sum(group.sessions for group in groups)
    apart = sum(abs(group.bought.value - group.mean_score) * group.sessions for group in groups)
    buyers, expected = sum(group.buyers for group in groups), sum(count.expected for count in counts)
    return CalibrationAt(event, sessions, buyers, expected, apart / sessions if sessions else None, groups)


def tenths(counts: Sequence[ScoreOutcomes]) -> list[list[ScoreOutcomes]]:
    """The counts of ascending scores in up to GROUPS groups of about as many sessions; equal scores stay together."""
    total, before = sum(count.sessions for count in counts), 0
    found: dict[int, list[ScoreOutcomes]] = {}
    for count in counts:
        middle = before + count.sessions / 2
        found.setdefault(min(int(GROUPS * middle / total), GROUPS - 1), []).append(count)
        before += count.sessions
    return list(found.values())


def _group(counts: Sequence[ScoreOutcomes]) -> CalibrationGroup:
    sessions, buyers = sum(each.sessions for each in counts), sum(each.buyers for each in counts)
    mean = sum(each.expected for each in counts) / sessions
    return CalibrationGroup(counts[0].score, mean, counts[-1].score, sessions, buyers, share(buyers, sessions))


def score_counts(rows: Iterable[Any]) -> list[ScoreOutcomes]:
    """The rows of SCORE_COUNTS."""
    return [ScoreOutcomes(*row) for row in rows]
