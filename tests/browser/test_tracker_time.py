"""Sessions and heartbeats over hours, by a clock that the test moves."""

import json
from itertools import pairwise
from typing import Any

from playwright.sync_api import Page

from deploy.processes.ports import wait_until
from tests.support.browser_clock import hours, still
from tests.support.tracked import SECONDS, Tracked, Visit, stored

#: Lets a test set the wall's clock, as a user or a time server does: the page's own clock goes on.
SET = "const real = Date.now; window.ahead = Number(localStorage.ahead || 0); Date.now = () => real() + ahead;"
HOUR = 3_600_000


def sent(visit: Visit, page: Page, after: int) -> list[dict[str, Any]]:
    """What was accepted beyond the first `after` events; waits for what a hidden page has sent."""
    page.evaluate("opEcomTracker.flush()")
    assert wait_until(lambda: len(visit.accepted()) > after, SECONDS)
    return visit.accepted()[after:]


def test_heartbeats_report_the_time_seen_and_how_far_down(tracked: Tracked) -> None:
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


def test_a_clock_that_is_set_back_keeps_no_session_alive(tracked: Tracked) -> None:
    """By the wall no time has passed since, but the page knows better."""
    with still(tracked) as (visit, page):
        page.evaluate("see('hidden')")
        before, first = page.evaluate("[Date.now(), opEcomTracker.session().sessionId]")
        with hours(visit, page):
            page.clock.run_for(31 * 60_000)
            page.clock.set_system_time((before - HOUR) / 1000)
            assert page.evaluate("Date.now()") - (before - HOUR) < 60_000
            page.evaluate("opEcomTracker.trackEvent('after', 'half an hour')")
        assert wait_until(lambda: any(event["type"] == "custom" for event in visit.accepted()), SECONDS)
        (custom,) = [event for event in visit.accepted() if event["type"] == "custom"]
        starts = [event["session_id"] for event in visit.accepted() if event["type"] == "session_start"]
        assert len(set(starts)) == 2
        assert custom["session_id"] != first


def test_a_clock_that_is_set_back_ends_no_session_that_goes_on(tracked: Tracked) -> None:
    with tracked.visit(SET) as visit:
        page = visit.open()
        page.evaluate("ahead = -3600000, opEcomTracker.trackEvent('an hour', 'back')")
        page.evaluate("opEcomTracker.flush()")
        events = [event for event in visit.accepted() if event["type"] != "page_ping"]
        assert [event["type"] for event in events] == ["custom", "session_start", "page_view"]
        assert len({event["session_id"] for event in events}) == 1


def test_a_wait_of_another_clock_is_no_wait(tracked: Tracked) -> None:
    with tracked.visit("delete Navigator.prototype.locks;") as visit:
        page = visit.open()
        far = "String(Date.now() + 3 * 24 * 3600000)"
        page.evaluate(f"localStorage['opecom.shop.wait'] = localStorage['opecom.shop.lease'] = {far}")
        page.evaluate("opEcomTracker.trackEvent('not', 'held up')")
        page.evaluate("opEcomTracker.flush()")
        visit.made("session_start", "page_view", "custom")


def test_a_clock_that_was_ahead_is_not_believed_later(tracked: Tracked) -> None:
    """One view with a clock three days ahead, then the right time: later visits are sessions of their own."""
    with tracked.visit(SET) as visit:
        page = visit.open()
        page.evaluate(f"localStorage.ahead = {72 * HOUR}")
        page.close()
        ahead = visit.open("/ahead")
        made = json.loads(ahead.evaluate("localStorage['opecom.shop.session']"))
        assert made["last"] - ahead.evaluate("Date.now()") < 60_000
        ahead.evaluate("delete localStorage.ahead")
        ahead.close()
        right = visit.open("/right")
        now = json.loads(right.evaluate("localStorage['opecom.shop.session']"))
        assert now["id"] != made["id"]
        assert abs(now["last"] - right.evaluate("Date.now()")) < 60_000
        # From now on it is a session like any other: another page goes on with it.
        right.close()
        again = json.loads(visit.open("/again").evaluate("localStorage['opecom.shop.session']"))
        assert again["id"] == now["id"]
        assert stored(visit.open("/last"), "visitor")
