"""Periods, the periods beside them, and their hours and days where clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from storage.http.errors import ReadError
from storage.overview.periods import (
    DAY_MS,
    HOUR_MS,
    QUARTER_MS,
    Period,
    compared_period,
    period_of,
    span_of,
    span_starts,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = int(datetime(2026, 3, 31, 10, 30, tzinfo=UTC).timestamp() * 1000)


def ms(text: str, zone: Any = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def given(since: str | None, until: str | None) -> Period:
    times = [None if text is None else datetime.fromisoformat(text) for text in (since, until)]
    return period_of(times[0], times[1], BERLIN, NOW)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param("2026-03-01", "2026-03-08", (ms("2026-03-01"), ms("2026-03-08")), id="the site's zone"),
        pytest.param("2026-03-01T00:00Z", "2026-03-02T00:00+05:30", (ms("2026-03-01", UTC), ms("2026-03-01T19:30")),
                     id="zones of their own"),
        pytest.param("2026-03-30", None, (ms("2026-03-30"), NOW), id="until now"),
        pytest.param(None, None, (ms("2026-03-04"), NOW), id="four weeks"),
        pytest.param(None, "2026-03-31", (ms("2026-03-03"), ms("2026-03-31")), id="28 days, one of them short"),
        pytest.param("2025-10-20", "2026-10-21", (ms("2025-10-20"), ms("2026-10-21")), id="366 days, one hour longer"),
    ],
)  # fmt: skip
def test_a_period_is_in_the_zone_of_its_site(since: str | None, until: str | None, expected: tuple[int, int]) -> None:
    assert given(since, until) == Period(*expected)


@pytest.mark.parametrize(
    ("since", "until", "reason"),
    [
        pytest.param("2026-03-02", "2026-03-02", "before `to`", id="no length"),
        pytest.param("2027-03-02", None, "before `to`", id="after now"),
        pytest.param("2025-01-01", "2026-01-04", "366 days", id="too long"),
    ],
)
def test_a_period_that_is_none_or_too_long_is_refused(since: str, until: str | None, reason: str) -> None:
    with pytest.raises(ReadError, match=reason) as refused:
        given(since, until)
    assert refused.value.code == "invalid"


@pytest.mark.parametrize(
    ("compare", "expected"),
    [
        pytest.param("previous", (ms("2026-03-22"), ms("2026-03-29")), id="seven days of 24 hours beside one of 23"),
        pytest.param("2025-12-01/2025-12-31", (ms("2025-12-01"), ms("2025-12-31")), id="another period"),
    ],
)
def test_a_period_is_compared_with_another(compare: str, expected: tuple[int, int]) -> None:
    period = given("2026-03-29", "2026-04-05")
    assert period.until - period.since == 7 * DAY_MS - HOUR_MS
    assert compared_period(compare, period, BERLIN, NOW) == Period(*expected)


def test_a_period_that_is_no_whole_days_is_compared_with_as_long_a_one() -> None:
    period = given("2026-03-30", "2026-03-30T13:00")
    assert compared_period("previous", period, BERLIN, NOW) == Period(period.since - 13 * HOUR_MS, period.since)
    assert compared_period(None, period, BERLIN, NOW) is None


@pytest.mark.parametrize("compare", ["last", "2026-01-01", "a/b", "2026-01-02/2026-01-01"])
def test_another_comparison_is_refused(compare: str) -> None:
    with pytest.raises(ReadError, match=r"compare|from"):
        compared_period(compare, given("2026-03-01", "2026-03-02"), BERLIN, NOW)


@pytest.mark.parametrize(
    ("zone", "since", "until", "hours"),
    [
        pytest.param("Europe/Berlin", "2026-03-28", "2026-03-31", [24, 23, 24], id="spring"),
        pytest.param("Europe/Berlin", "2026-10-24", "2026-10-27", [24, 25, 24], id="autumn"),
        pytest.param("Asia/Kathmandu", "2026-01-01T18:15", "2026-01-03", [5.75, 24], id="a part of a day"),
        pytest.param("Australia/Lord_Howe", "2026-04-04", "2026-04-06", [24, 24.5], id="half an hour"),
        pytest.param("America/Havana", "2026-03-07", "2026-03-09", [24, 23], id="a midnight that is none"),
    ],
)
def test_days_are_those_of_the_zone(zone: str, since: str, until: str, hours: list[float]) -> None:
    period = Period(ms(since, ZoneInfo(zone)), ms(until, ZoneInfo(zone)))
    starts = span_starts(period, "day", ZoneInfo(zone))
    assert [(b - a) / HOUR_MS for a, b in pairwise([*starts, period.until])] == hours


def test_hours_are_those_of_the_zone_and_hold_whole_quarters() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    period = Period(ms("2026-04-04T22:20", zone), ms("2026-04-05T06:00", zone))
    starts = span_starts(period, "hour", zone)
    local = [datetime.fromtimestamp(at / 1000, zone) for at in starts]
    assert [at.minute for at in local[:2]] == [20, 0]
    assert local[-1] + timedelta(hours=1) == datetime(2026, 4, 5, 6, tzinfo=zone)
    assert all(at % QUARTER_MS == 0 for at in starts[1:])
    for quarter in range(period.since // QUARTER_MS * QUARTER_MS, period.until, QUARTER_MS):
        place = span_of(starts, quarter)
        assert starts[place] <= max(quarter, period.since)
        assert place == len(starts) - 1 or quarter < starts[place + 1]


def test_hours_of_a_long_period_are_refused() -> None:
    with pytest.raises(ReadError, match="by=day"):
        span_starts(given("2026-01-01", "2026-02-02"), "hour", BERLIN)
    assert len(span_starts(given("2026-03-01", "2026-04-01"), "hour", BERLIN)) == 31 * 24 - 1
