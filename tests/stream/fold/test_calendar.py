"""A site's days: months and weekends in its own zone, special days, the cut at four."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from stream.fold.calendar import Calendar, Calendars


def at(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        pytest.param("2025-02-08", 1.0, id="the peak, six days before Valentine's Day"),
        pytest.param("2025-02-07", 0.8, id="a day before the peak"),
        pytest.param("2025-02-12", 0.2, id="four days after"),
        pytest.param("2025-02-13", 0.0, id="five days after"),
        pytest.param("2025-02-14", 0.0, id="the day itself: too late to order"),
        pytest.param("2024-12-26", 1.0, id="New Year's Day counts from the year before"),
    ],
)
def test_special_days(day: str, expected: float) -> None:
    assert Calendar(special_days=("02-14", "01-01")).day(at(f"{day}T12:00")).special_day == expected


def test_public_holidays_count_where_a_country_is_named() -> None:
    assert Calendar(country="DE").day(at("2025-12-19T12:00")).special_day == 1.0
    assert Calendar().day(at("2025-12-19T12:00")).special_day == 0.0


@pytest.mark.parametrize(
    ("zone", "month", "weekend"),
    [("UTC", "May", True), ("Asia/Tokyo", "June", True), ("America/New_York", "May", True)],
)
def test_month_and_weekend_are_local(zone: str, month: str, weekend: bool) -> None:
    day = Calendar(zone).day(at("2025-05-31T20:00"))
    assert (day.month, day.weekend) == (month, weekend)


@pytest.mark.parametrize(
    ("zone", "now", "cut"),
    [
        ("UTC", "2025-01-01T04:00", "2025-01-01T04:00"),
        ("UTC", "2025-01-01T03:59", "2024-12-31T04:00"),
        ("Europe/Berlin", "2025-03-30T12:00", "2025-03-30T04:00"),
        ("Asia/Tokyo", "2025-01-01T05:00", "2025-01-01T04:00"),
    ],
    ids=["at four", "before four", "when the clocks change", "in Tokyo"],
)
def test_the_last_cut(zone: str, now: str, cut: str) -> None:
    calendar = Calendar(zone)
    for _ in range(2):
        assert calendar.latest_cut(at(now, zone)) == at(cut, zone)


def test_a_run_has_its_sites_calendar() -> None:
    uci = Calendar(special_days=("02-14",))
    calendars = Calendars({"uci": uci})
    assert calendars.of("uci~k3") is uci
    assert calendars.of("nobody") is calendars.of("nobody~1")


@pytest.mark.parametrize("wrong", ["14-02", "2-30", "soon"])
def test_a_special_day_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is not MM-DD: fix sites\.NAME\.special_days"):
        Calendar(special_days=(wrong,))
