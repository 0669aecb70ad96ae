"""Drift: as few alarms on quiet days as the setting says, and planted shifts found. Generated days, known truth."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import poisson

from scoring.drift.alarms import FEWEST_DAYS, ColumnPlace, TooFewSessionsError, drift
from scoring.drift.bins import SessionSample
from scoring.drift.quiet import QuietDays

NAMES = ("engaged_seconds", "cart_value", "device_class", "page_views", "TrafficType", "last_page_type", "probability")
COLUMNS = [ColumnPlace(events, name) for events in (1, 3, 10) for name in NAMES]
Change = Callable[[np.ndarray], None]


def day(seed: int, number: int, sessions: int = 300, change: Change | None = None) -> SessionSample:
    """Sessions of which fewer have more events; every seventh day is a weekend, with more phones and longer visits."""
    chance = np.random.default_rng((seed, number))
    weekend = 0.25 if number % 7 == 0 else 0.0
    values = np.empty((sessions, len(COLUMNS)), np.float32)
    phone = chance.random(sessions) < 0.5 + weekend
    traffic, pages = chance.integers(1, 6, sessions), chance.geometric(0.2, sessions)
    for column, (events, name) in enumerate(COLUMNS):
        size = sessions
        values[:, column] = {
            "engaged_seconds": chance.gamma(2, 8 * events * (1 + weekend / 2), size),
            "cart_value": np.where(chance.random(size) < 0.1, chance.lognormal(3, 1, size), 0.0),
            "device_class": 1 + phone,
            "page_views": np.minimum(pages, events),
            "TrafficType": traffic,
            "last_page_type": np.where(chance.random(size) < 0.1, np.nan, chance.integers(1, 5, size)),
            "probability": chance.beta(1, 20, size),
        }[name]
    if change is not None:
        change(values)
    reached = chance.geometric(0.15, sessions)
    present = np.column_stack([reached >= place.events for place in COLUMNS])
    return SessionSample(values, present)


def of(name: str) -> list[int]:
    return [column for column, place in enumerate(COLUMNS) if place.name == name]


def no_pings(values: np.ndarray) -> None:
    values[:, of("engaged_seconds")] = 0


def prices_doubled(values: np.ndarray) -> None:
    values[:, of("cart_value")] *= 2


def bots(values: np.ndarray) -> None:
    some = slice(0, len(values) // 4)
    values[some, of("page_views")[0] :] = values[some, of("page_views")[0] :]
    for name, value in (("device_class", 4), ("TrafficType", 1)):
        values[some, of(name)[0]] = value
        values[some, of(name)[1]] = value


def no_page_types(values: np.ndarray) -> None:
    values[:, of("last_page_type")] = 4


def test_quiet_days_give_no_more_alarms_than_the_setting() -> None:
    alarmed = 0
    for seed in range(20):
        known = QuietDays([day(seed, number) for number in range(30)], 300, draws=300)
        for number in range(30, 40):
            counts = known.bins.counts(known.bins.codes(day(seed, number)))
            alarmed += known.strengths(counts).max() > known.limit(1 / 20)
    assert alarmed <= poisson.ppf(0.99, 200 / 20)


@pytest.mark.parametrize(
    ("change", "sessions"),
    # One session in ten has a cart.
    [(no_pings, 300), (prices_doubled, 3_000), (bots, 300), (no_page_types, 300)],
)
def test_planted_shifts_are_found(change: Change, sessions: int) -> None:
    found = 0
    for seed in range(20):
        quiet = [day(seed, number, sessions) for number in range(1, 15)]
        found += bool(drift(COLUMNS, quiet, day(seed, 15, sessions, change), draws=200).alarms)
    assert found >= 19


def test_an_alarm_names_the_column_its_histograms_and_the_usual_cause() -> None:
    quiet = [day(1, number) for number in range(14)]
    report = drift(COLUMNS, quiet, day(1, 14, change=no_pings), draws=200)
    first = report.alarms[0]
    assert first.name == "engaged_seconds"
    assert first.cause.startswith("pings stopped")
    assert len(first.bins) == len(first.before) == len(first.now)
    assert (sum(first.before), sum(first.now)) == (pytest.approx(1), pytest.approx(1))
    assert first.now[0] == 1.0
    assert [alarm.strength for alarm in report.alarms] == sorted((a.strength for a in report.alarms), reverse=True)


def test_the_same_days_give_the_same_report() -> None:
    quiet = [day(2, number) for number in range(10)]
    assert drift(COLUMNS, quiet, day(2, 30)) == drift(COLUMNS, quiet, day(2, 30))


def test_a_value_that_one_session_has_for_the_first_time_is_no_alarm() -> None:
    def one_more(values: np.ndarray) -> None:
        values[0, of("device_class")] = 3

    quiet = [day(3, number) for number in range(14)]
    assert drift(COLUMNS, quiet, day(3, 14, change=one_more), draws=200).alarms == []


def test_the_usual_limits_of_psi_are_passed_on_quiet_days_of_few_sessions() -> None:
    quiet = [day(4, number, 100) for number in range(1, 29)]
    report = drift(COLUMNS, quiet, day(4, 30, 100), draws=200)
    assert report.psi_over[0] > 0
    assert report.alarms == []


def test_too_little_to_compare_is_one_line() -> None:
    quiet = [day(5, number) for number in range(FEWEST_DAYS)]
    with pytest.raises(TooFewSessionsError, match="the window has 49 sessions: 50 are needed"):
        drift(COLUMNS, quiet, day(5, 9, 49))
    with pytest.raises(TooFewSessionsError, match="there are 6 days"):
        drift(COLUMNS, [*quiet[1:], day(5, 8, 10)], day(5, 9))
