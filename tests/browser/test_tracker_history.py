"""What the tracker keeps of a visitor's earlier sessions, and says when the next one begins."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.test_tracker_domains import CHECKOUT, ELSEWHERE, SHOP, gone_on, open_at, several
from tests.support.browser_clock import MINUTE, hours, still
from tests.support.tracked import SITE, Tracked, Visit, counted, stored

DAY = 24 * 60 * MINUTE
#: Makes all pages from now on pages of two days later.
LATER = f"{{ const real = Date.now; Date.now = () => real() + {2 * DAY}; }}"


def histories(visit: Visit) -> list[dict[str, Any] | None]:
    """What each session start said, in the order of the sessions."""
    return [event.get("history") for event in visit.accepted() if event["type"] == "session_start"]


def pause(page: Page, minutes: int) -> None:
    page.clock.fast_forward(minutes * MINUTE)
    page.evaluate("opEcomTracker.trackEvent('back', 'again')")


def test_three_sessions(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.evaluate("see('hidden')")
        page.evaluate("opEcomTracker.trackPurchase(5, { orderId: 'A-1' })")
        page.evaluate("opEcomTracker.trackPurchase(5, { orderId: 'A-1' })")
        page.evaluate("opEcomTracker.trackPurchase(7)")
        with hours(visit, page):
            pause(page, 36)
        with hours(visit, page):
            pause(page, 3 * 24 * 60)
        first, second, third = histories(visit)
    assert first == {"previous_sessions": 0, "previous_purchases": 0}
    assert second == {
        "previous_sessions": 1,
        "previous_purchases": 2,
        "days_since_previous_session": pytest.approx(36 * MINUTE / DAY, abs=0.001),
    }
    assert third == {
        "previous_sessions": 2,
        "previous_purchases": 2,
        "days_since_previous_session": pytest.approx(3, abs=0.001),
    }


def test_it_is_forgotten_with_consent(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.evaluate("see('hidden')")
        with hours(visit, page):
            pause(page, 31)
        page.evaluate("opEcomTracker.consent(false)")
        assert stored(page) == [f"opecom.{SITE}.consent"]
        page.evaluate("opEcomTracker.consent(true)")
        page.evaluate("opEcomTracker.flush()")
        visitors = [event["visitor_id"] for event in visit.accepted() if event["type"] == "session_start"]
        assert [told and told["previous_sessions"] for told in histories(visit)] == [0, 1, 0]
    assert visitors[0] == visitors[1] != visitors[2]


def test_nothing_is_kept_before_there_is_consent(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(consent="required")))
        page = visit.open(ready=False)
        for _ in range(2):
            page.evaluate("opEcomTracker.trackPurchase(5)")
            page.reload()
            assert page.evaluate("Object.keys(localStorage)") == []
        page.evaluate("opEcomTracker.consent(true)")
        counted(page)
        assert histories(visit) == [{"previous_sessions": 0, "previous_purchases": 0}]


def test_a_visitor_of_an_earlier_release_has_no_history(tracked: Tracked) -> None:
    """Nobody counted the sessions before: how many there were is not known, now or later."""
    kept = json.dumps({"id": "old", "at": 1_700_000_000_000, "last": 1_700_000_000_000, "type": "New_Visitor"})
    known = f"""
        localStorage['opecom.{SITE}.visitor'] = localStorage['opecom.{SITE}.visitor'] || 'somebody';
        localStorage['opecom.{SITE}.session'] = localStorage['opecom.{SITE}.session'] || '{kept}';
    """
    with tracked.visit(known) as visit:
        page = visit.open()
        page.evaluate("opEcomTracker.trackPurchase(5)")
        page.close()
        visit.context.add_init_script(LATER)
        visit.open()
        starts = [event for event in visit.accepted() if event["type"] == "session_start"]
    assert [(event["visitor_id"], event["visitor_type"]) for event in starts] == [("somebody", "Returning_Visitor")] * 2
    assert [event.get("history") for event in starts] == [None, None]


@pytest.mark.parametrize(
    ("data", "other"),
    [
        pytest.param({"cookie-domain": SHOP}, CHECKOUT, id="by the cookie of their domain"),
        pytest.param({"link-domains": f"{SHOP} {ELSEWHERE}"}, ELSEWHERE, id="by a link"),
    ],
)
def test_hosts_that_share_a_visitor_share_the_history(data: dict[str, str], other: str, tracked: Tracked) -> None:
    with tracked.visit() as visit:
        several(tracked, **data)
        page = open_at(visit, SHOP)
        gone_on(page, f'[id="{other}"]', "/there")
        page.evaluate("opEcomTracker.trackPurchase(5, { orderId: 'A-1' })")
        gone_on(page, f'[id="{SHOP}"]', "/there")
        page.close()
        visit.context.add_init_script(LATER)
        # Where the session began, and where it had gone on.
        page = open_at(visit, SHOP)
        assert histories(visit)[1:] == [
            {"previous_sessions": 1, "previous_purchases": 1, "days_since_previous_session": pytest.approx(2, abs=0.01)}
        ]
        ids = page.evaluate("opEcomTracker.session()")
        assert gone_on(page, f'[id="{other}"]', "/there") == ids


def test_a_clock_that_was_ahead_gives_no_days(tracked: Tracked) -> None:
    with tracked.visit(f"if (!localStorage.now) {LATER}") as visit:
        page = visit.open()
        page.evaluate("localStorage.now = 1")
        page.close()
        visit.open()
        _, second = sorted(
            (told for told in histories(visit) if told is not None), key=lambda told: told["previous_sessions"]
        )
    assert second == {"previous_sessions": 1, "previous_purchases": 0}
