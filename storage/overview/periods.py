"""Periods of a site, the periods that they are compared with, and their hours and days in the site's time zone. Pure.

A period is [since, until) in ms UTC. A time without a zone is one of the site's.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from storage.http.errors import ReadError

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
#: Every zone's hours and days begin at a quarter of an hour UTC, so that counts by quarters can be added up to both.
QUARTER_MS = HOUR_MS // 4
#: The longest period, and the longest one by hours, in days.
MOST_DAYS, MOST_DAYS_OF_HOURS = 366, 31
#: Days of the period where no beginning is given.
USUAL_DAYS = 28

SpanLength = Literal["hour", "day"]


class Period(Struct, frozen=True):
    """The sessions that opened in [since, until), ms UTC."""

    since: int
    until: int


def period_of(since: datetime | None, until: datetime | None, zone: ZoneInfo, now: int) -> Period:
    """Of these times, as far as they are given: until now, and the last USUAL_DAYS days; raises ReadError (invalid)."""
    end = now if until is None else _ms(until, zone)
    if since is None:
        midnight = _local(end - 1, zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        begin = _ms(midnight - timedelta(days=USUAL_DAYS - 1), zone)
    else:
        begin = _ms(since, zone)
    if begin >= end:
        raise ReadError("invalid", "from: give a time before `to`")
    if end - begin > MOST_DAYS * DAY_MS + HOUR_MS:  # One of the days may have 25 hours.
        raise ReadError("invalid", f"from, to: a period has {MOST_DAYS} days at most")
    return Period(begin, end)


def compared_period(compare: str | None, period: Period, zone: ZoneInfo, now: int) -> Period | None:
    """`previous`: as long as the period, and directly before it; or two times with a slash between, as ISO 8601 writes
    an interval. Whole days are compared with as many whole days. Raises ReadError (invalid).
    """
    if compare is None:
        return None
    if compare == "previous":
        begin, end = _local(period.since, zone), _local(period.until, zone)
        if begin.time() == end.time() and begin.date() != end.date():
            return Period(_ms(begin - (end.replace(tzinfo=None) - begin.replace(tzinfo=None)), zone), period.since)
        return Period(period.since - (period.until - period.since), period.since)
    first, slash, last = compare.partition("/")
    try:
        since, until = datetime.fromisoformat(first), datetime.fromisoformat(last)
    except ValueError:
        slash = ""
    if not slash:
        raise ReadError("invalid", "compare: give `previous`, or two times as 2026-10-01/2026-10-08")
    return period_of(since, until, zone, now)


def span_starts(period: Period, length: SpanLength, zone: ZoneInfo) -> list[int]:
    """When the hours or days of the period begin, ms UTC; the first with the period. Raises ReadError (invalid)."""
    if length == "hour" and period.until - period.since > MOST_DAYS_OF_HOURS * DAY_MS + HOUR_MS:
        raise ReadError("invalid", f"by=hour: a period has {MOST_DAYS_OF_HOURS} days at most; take by=day")
    following = _next_hour if length == "hour" else _next_day
    starts, at = [], period.since
    while at < period.until:
        starts.append(at)
        at = following(at, zone)
    return starts


def span_of(starts: Sequence[int], quarter: int) -> int:
    """The place of the span that has this quarter of an hour (its beginning, ms UTC)."""
    return max(bisect_right(starts, quarter) - 1, 0)


def _next_hour(at: int, zone: ZoneInfo) -> int:
    offset = _offset(at, zone)
    return (at + offset) // HOUR_MS * HOUR_MS + HOUR_MS - offset


def _next_day(at: int, zone: ZoneInfo) -> int:
    following = _local(at, zone).date() + timedelta(days=1)
    return _ms(datetime(following.year, following.month, following.day), zone)


def _offset(at: int, zone: ZoneInfo) -> int:
    shift = _local(at, zone).utcoffset()
    return 0 if shift is None else int(shift.total_seconds() * 1000)


def _local(at: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at / 1000, zone)


def _ms(at: datetime, zone: ZoneInfo) -> int:
    return int((at if at.tzinfo not in (None, zone) else at.replace(tzinfo=zone)).timestamp() * 1000)
