"""The signals of a session beside its cart, case by case."""

from typing import Any

import pytest

from ingest.commerce import VisitorHistory
from ingest.events import Context, Event, Page, Ping
from scoring.signals import Signals
from tests.support.events import NOON, event
from tests.support.log import folded, log_of

SECOND, MINUTE = 1_000, 60_000


def view(number: int, at: int = 0, path: str = "/p/1", kind: Any = "ProductRelated", **given: Any) -> Event:
    return event(number, NOON + at, page=Page(path, kind), received_at=NOON + 5 * MINUTE, **given)


def ping(number: int, at: int, engaged_ms: int, depth: float) -> Event:
    member = Ping(engaged_ms, depth)
    return event(number, NOON + at, type="page_ping", ping=member, received_at=NOON + 5 * MINUTE)


def start(number: int, at: int, **given: Any) -> Event:
    history = VisitorHistory(**given) if given else None
    return event(number, NOON + at, type="session_start", history=history, received_at=NOON + 5 * MINUTE)


def signals_of(*events: Event) -> Signals:
    signals = folded(log_of(list(events))).sessions[-1].signals
    assert signals is not None
    return signals


@pytest.mark.parametrize(
    ("events", "seconds", "depth"),
    [
        pytest.param([view(1)], 0.0, None, id="without pings nothing is known of scrolling"),
        pytest.param([view(1), ping(2, 9, 4_000, 30), ping(3, 20, 9_000, 20)], 9.0, 30, id="of a view the greatest"),
        pytest.param([view(1), ping(2, 9, 4_000, 30), view(3, 20), ping(4, 30, 2_000, 50)], 6.0, 40, id="of two views"),
        pytest.param([view(3, 20), ping(4, 30, 2_000, 50), ping(2, 9, 4_000, 30), view(1)], 6.0, 40, id="backward"),
        pytest.param([view(1), ping(2, 9, 4_000, 30), view(3, 20)], 4.0, 30, id="the last view has none"),
        pytest.param([ping(2, 9, 4_000, 30), view(3, 20)], 4.0, 30, id="before any view"),
        pytest.param([view(1), ping(2, 9, 90 * MINUTE, 0)], 1800.0, 0, id="thirty minutes of a view at most"),
    ],
)
def test_engaged_time_and_depth_are_those_of_the_views(events: list[Event], seconds: float, depth: float) -> None:
    signals = signals_of(*events)
    assert (signals.engaged_seconds, signals.mean_scroll_depth) == (seconds, depth)


@pytest.mark.parametrize(
    ("events", "elapsed", "since_previous"),
    [
        pytest.param([view(1)], 0, None, id="one event has none before it"),
        pytest.param([view(1), view(2, 8 * SECOND)], 8, 8, id="two"),
        pytest.param([view(1), view(3, 9 * SECOND), view(2, 7 * SECOND)], 9, 2, id="one that comes late"),
        pytest.param([view(2, 9 * SECOND), view(1)], 9, 9, id="the first comes late"),
    ],
)
def test_times_are_those_of_the_events_in_their_order(events: list[Event], elapsed: float, since_previous: Any) -> None:
    signals = signals_of(*events)
    assert (signals.elapsed_seconds, signals.seconds_since_previous_event) == (elapsed, since_previous)


def test_distinct_pages_are_counted_by_path() -> None:
    signals = signals_of(view(1), view(2, 5, "/p/2"), view(3, 9, "/p/1", None), start(4, 12))
    assert (signals.page_views, signals.events, signals.distinct_pages, signals.last_page_type) == (3, 4, 2, "Other")


def test_a_session_without_a_view_has_no_last_page() -> None:
    assert signals_of(start(1, 0)).last_page_type is None


def test_the_earliest_history_counts() -> None:
    signals = signals_of(start(2, 9, previous_sessions=7), start(1, 0, previous_sessions=3, previous_purchases=1))
    assert (signals.previous_sessions, signals.previous_purchases, signals.days_since_previous_session) == (3, 1, None)


def test_without_a_history_earlier_sessions_are_unknown() -> None:
    signals = signals_of(start(1, 0))
    assert (signals.previous_sessions, signals.previous_purchases, signals.days_since_previous_session) == (None,) * 3


def test_hour_and_device_are_those_of_the_first_event() -> None:
    at = NOON + 59 * MINUTE
    late, first = Context(device_class="tablet"), Context(device_class="mobile")
    events = [event(2, at + 2 * MINUTE, context=late), event(1, at, context=first, received_at=at + 2 * MINUTE)]
    signals = signals_of(*events)
    assert (signals.hour, signals.device_class) == (12, "mobile")
