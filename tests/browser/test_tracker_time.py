"""Sessions and heartbeats over hours, by a clock that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page

from deploy.processes.ports import wait_until
from tests.support.tracked import Tracked, Visit, counted

#: Lets a test say whether the page can be seen.
SEEN = """
    let state = 'visible';
    Object.defineProperty(Document.prototype, 'visibilityState', { get: () => state });
    window.see = (now) => { state = now; document.dispatchEvent(new Event('visibilitychange')); };
"""


@contextmanager
def still(tracked: Tracked) -> Iterator[tuple[Visit, Page]]:
    """A page whose clock moves only by `run_for` and `fast_forward`; its view is counted and sent."""
    with tracked.visit(SEEN) as visit:
        page = visit.context.new_page()
        page.clock.install()
        page.goto(tracked.pages.url)
        page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
        counted(page)
        yield visit, page


@contextmanager
def hours(visit: Visit, page: Page) -> Iterator[None]:
    """Offline meanwhile: a clock that jumps would give up every request under way, and send it again."""
    visit.context.set_offline(True)
    try:
        yield
    finally:
        visit.context.set_offline(False)
        page.evaluate("opEcomTracker.flush()")


def sent(visit: Visit, page: Page, after: int) -> list[dict[str, Any]]:
    """What was accepted beyond the first `after` events; waits for what a hidden page has sent."""
    page.evaluate("opEcomTracker.flush()")
    wait_until(lambda: len(visit.accepted()) > after, 3)
    return visit.accepted()[after:]


def test_heartbeats_tell_the_time_seen_and_how_far_down(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.clock.run_for(31_000)
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
        page.wait_for_timeout(100)
        page.clock.run_for(15_000)
        pings = sent(visit, page, 2)
        assert [ping["type"] for ping in pings] == ["page_ping"] * 3
        engaged = [ping["ping"]["engaged_ms"] for ping in pings]
        assert [later - sooner for sooner, later in pairwise(engaged)] == [15_000, 15_000]
        depths = [ping["ping"]["scroll_depth"] for ping in pings]
        assert 0 < depths[0] == depths[1] < 50 < depths[2] < 100


def test_nobody_looks_at_a_hidden_page(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.clock.run_for(5_000)
        page.evaluate("see('hidden')")
        page.clock.run_for(60_000)
        (ping,) = sent(visit, page, 2)
        page.evaluate("see('visible')")
        page.clock.run_for(20_000)
        assert [each["type"] for each in sent(visit, page, 3)] == ["page_ping"]
        later = visit.accepted()[-1]
        assert later["ping"]["engaged_ms"] - ping["ping"]["engaged_ms"] == 15_000
        assert later["occurred_at"] - ping["occurred_at"] == 75_000


def test_a_page_that_lies_open_does_not_keep_its_session(tracked: Tracked) -> None:
    """Heartbeats stop after half an hour; half an hour later the session has idled, and coming back begins another."""
    with still(tracked) as (visit, page):
        with hours(visit, page):
            page.clock.run_for(50 * 60_000)
        first = [event["type"] for event in sent(visit, page, 2)]
        assert set(first) == {"page_ping"}
        assert 118 <= len(first) <= 120
        page.evaluate("see('hidden')")
        sent(visit, page, 2 + len(first))
        before = len(visit.accepted())
        page.clock.fast_forward(31 * 60_000)
        page.evaluate("see('visible')")
        start, view = sent(visit, page, before)
        assert [start["type"], view["type"]] == ["session_start", "page_view"]
        assert (start["visitor_type"], start["visitor_id"]) == ("Returning_Visitor", visit.accepted()[0]["visitor_id"])
        assert start["session_id"] != visit.accepted()[0]["session_id"]


def test_a_session_lasts_a_day_at_most(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.evaluate("see('hidden')")
        track = "opEcomTracker.trackEvent('still', 'here')"
        with hours(visit, page):
            for _ in range(72):
                page.clock.fast_forward(20 * 60_000)
                page.evaluate(track)
        kinds = [event["type"] for event in visit.accepted()]
        assert [kinds.count(kind) for kind in ("session_start", "page_view", "custom")] == [2, 2, 72]
        assert kinds[-3:] == ["session_start", "page_view", "custom"]


def test_a_tab_that_lay_in_the_background_ends_nothing(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.evaluate("see('hidden')")
        page.clock.fast_forward(6 * 60_000)
        page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
        page.wait_for_timeout(200)
        assert "session_end" not in [event["type"] for event in sent(visit, page, 0)]
