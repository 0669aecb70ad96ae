"""The days of a site in the timeline: how many rows each has, what is open still, and a fingerprint of what it holds.

Days are those of UTC, by the opening of the session. Pure.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

import msgspec
from msgspec import Struct

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Grows where the same rows of the timeline make other rows of an export.
FORMAT = 1


class OpeningHour(Struct, frozen=True):
    """An hour (its begin, ms UTC), and how many updates the sessions have that opened in it."""

    begin: int
    updates: int


class FeatureDay(Struct, frozen=True):
    """A day, as 2026-11-29: its sessions, those of them that are not closed, and its hours that have sessions.

    `fingerprint` changes with whatever a row of the export is made of.
    """

    day: str
    sessions: int
    open_sessions: int
    fingerprint: str
    hours: list[OpeningHour]


class FeatureDays(Struct, frozen=True):
    """The days of [since, until), ms UTC, that have sessions; `next` is where to go on, null at the end."""

    site: str
    since: int
    until: int
    next: int | None
    days: list[FeatureDay]


class HourTally(NamedTuple):
    """What the timeline has of an hour (hours since 1970); `digest` is of its rows, in any order."""

    hour: int
    updates: int
    sessions: int
    closed: int
    digest: int


def days_of(tallies: Iterable[HourTally], repeated: Sequence[tuple[str, str, int]]) -> list[FeatureDay]:
    """The days of these hours, which ascend; `repeated` are the sessions whose orders count in other ones."""
    taken_back: dict[int, list[tuple[str, str, int]]] = {}
    for identity in repeated:
        taken_back.setdefault(identity[2] // DAY_MS, []).append(identity)
    found = groupby(tallies, lambda tally: tally.hour // 24)
    return [_day(day, list(hours), sorted(taken_back.get(day, []))) for day, hours in found]


def _day(day: int, hours: Sequence[HourTally], repeated: Sequence[tuple[str, str, int]]) -> FeatureDay:
    sessions, closed = sum(each.sessions for each in hours), sum(each.closed for each in hours)
    return FeatureDay(
        datetime.fromtimestamp(day * DAY_MS // 1000, UTC).date().isoformat(),
        sessions,
        sessions - closed,
        hashlib.sha256(msgspec.json.encode([FORMAT, hours, repeated])).hexdigest()[:32],
        [OpeningHour(each.hour * HOUR_MS, each.updates) for each in hours],
    )
