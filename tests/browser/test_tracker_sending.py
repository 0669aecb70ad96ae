"""Nothing is lost and nothing comes twice, however the way to the server fails."""

import json
from itertools import pairwise

import pytest
from playwright.sync_api import Page

from deploy.processes.ports import wait_until
from tests.support.tracked import SECONDS, Tracked, Visit, counted, stored

TRACK = "for (let i = 0; i < {count}; i++) opEcomTracker.trackEvent('n', String(i), {label})"


def track(count: int, label: str = "''") -> str:
    return TRACK.format(count=count, label=label)


#: No batch goes by itself, however slow the machine is, and a page leaves once.
STILL = """
    const real = setTimeout;
    window.setTimeout = (work, after, ...given) => (after >= 3000 ? 0 : real(work, after, ...given));
    for (const type of ['pagehide', 'visibilitychange'])
        addEventListener(type, (event) => { if (window.gone) event.stopImmediatePropagation(); }, true);
"""

#: No ping comes between the events of a test that counts what is kept.
NO_PINGS = "window.setInterval = () => 0;"


def offline(visit: Visit, page: Page) -> None:
    """The network goes, once everything so far is accepted."""
    assert wait_until(lambda: not stored(page, "e."), 60)
    visit.context.set_offline(True)


def leave(page: Page) -> None:
    """Close a page after what it does when it leaves: a browser ends a page that takes long over that."""
    page.evaluate("(dispatchEvent(new PageTransitionEvent('pagehide')), window.gone = true)")
    page.close()


def test_offline_and_back(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        visit.context.set_offline(True)
        page.evaluate(track(5))
        page.evaluate("opEcomTracker.flush()")
        assert len(stored(page, "e.")) == 5
        visit.context.set_offline(False)
        visit.made("session_start", "page_view", *["custom"] * 5)
        assert wait_until(lambda: not stored(page, "e.") + stored(page, "u."), SECONDS)


def test_what_was_made_offline_outlives_its_page(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        visit.context.set_offline(True)
        page.evaluate(track(3))
        page.close()
        visit.context.set_offline(False)
        visit.open()
        visit.made("session_start", "page_view", *["custom"] * 3, "session_end", "page_view")


def test_the_server_is_away_and_names_when_to_come_back(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.proxy.fail(503, retry_after="2")
        page = visit.open()
        page.evaluate(track(2))
        # Neither another flush nor another page tries sooner.
        page.evaluate("opEcomTracker.flush()")
        visit.open("/other")
        tracked.proxy.well()
        visit.made("session_start", "page_view", *["custom"] * 2, "page_view")
        tries = tracked.proxy.sent
    assert all(later.sent_at - sooner.sent_at >= 2_000 for sooner, later in pairwise(tries) if sooner.status == 503)
    refused, again = tries[0], next(batch for batch in tries if batch.status == 202)
    ids = [[event["event_id"] for event in batch.events] for batch in (refused, again)]
    assert ids[0] == ids[1][: len(ids[0])]
    assert [event["occurred_at"] for event in refused.events] == [
        event["occurred_at"] for event in again.events[: len(ids[0])]
    ]


def attempts(tracked: Tracked) -> int:
    """How often the tracker tried: each try tells its own time."""
    return len({batch.sent_at for batch in tracked.proxy.sent})


def stored_wait(page: Page, least: int) -> int:
    """How long the tracker waits now, in ms, once it is at least so long."""
    waits: list[int] = []

    def is_stored() -> bool:
        waits.append(page.evaluate("localStorage['opecom.shop.wait'] - Date.now()"))
        return (waits[-1] or 0) >= least - 1

    assert wait_until(is_stored, SECONDS), waits[-1]
    return waits[-1]


@pytest.mark.parametrize("status", [0, 408, 429, 500, 502])
def test_each_failure_doubles_the_wait(status: int, tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.context.new_page()
        page.clock.install()
        tracked.proxy.fail(status)
        page.goto(tracked.pages.url)
        page.clock.pause_at(page.evaluate("Date.now() / 1000 + 1"))
        counted(page)
        # The n-th failure is followed by 3 s x 2^n, or down to half of that.
        for failures, (least, most) in enumerate([(3_000, 6_000), (6_000, 12_000), (12_000, 24_000)], 1):
            assert wait_until(lambda count=failures: attempts(tracked) == count, SECONDS)
            assert least - 1 <= stored_wait(page, least) <= most
            page.clock.run_for(least - 1)
            page.wait_for_timeout(50)
            assert attempts(tracked) == failures
            page.clock.run_for(most - least + 2)
        # A try under way would be given up when the clock jumps.
        assert wait_until(lambda: attempts(tracked) == 4, SECONDS)
        assert 23_999 <= stored_wait(page, 24_000) <= 48_000
        tracked.proxy.well()
        page.clock.run_for(48_000)
        visit.made("session_start", "page_view")


def test_what_cannot_succeed_is_not_tried_again(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(api=tracked.proxy.api, key="no-such-key", site="shop"))
        said: list[str] = []
        visit.context.on("console", lambda message: said.append(message.text))
        page = visit.open()
        assert [batch.status for batch in tracked.proxy.sent] == [401]
        assert not stored(page, "e.") + stored(page, "u.")
        page.evaluate("opEcomTracker.flush()")
        assert len(tracked.proxy.sent) == 1
        assert any("2 events refused: 401 unknown key" in line for line in said)


def test_a_refused_event_takes_no_other_with_it(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        said: list[str] = []
        visit.context.on("console", lambda message: said.append(message.text))
        page = visit.open()
        page.evaluate("""() => {
            opEcomTracker.trackEvent('before', 'it');
            opEcomTracker.trackPurchase('ten');
            opEcomTracker.trackEvent('after', 'it');
        }""")
        page.evaluate("opEcomTracker.flush()")
        wrong = [event for batch in tracked.proxy.sent for event in batch.events if event["type"] == "purchase"]
        assert len(wrong) == 1
        assert [line for line in said if wrong[0]["event_id"] in line and "amount" in line]
        assert not stored(page, "e.") + stored(page, "u.")
        accepted = [event["type"] for event in visit.accepted()]
    assert accepted == ["session_start", "page_view", "custom", "custom"]


def test_a_batch_that_is_too_large_is_sent_in_halves(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        tracked.proxy.fail(413)
        page.evaluate(track(8))
        page.evaluate("void opEcomTracker.flush()")
        assert wait_until(lambda: len(tracked.proxy.sent) >= 4, SECONDS)
        tracked.proxy.well()
        refused = [len(batch.events) for batch in tracked.proxy.sent if batch.status == 413]
    assert refused[:3] == [8, 4, 2]


def test_what_does_not_fit_on_leaving_waits_for_the_next_page(tracked: Tracked) -> None:
    """Some 200 kB of events, of which a page that goes away may send 64."""
    with tracked.visit(STILL) as visit:
        page = visit.open()
        page.evaluate(track(400, "'é'.repeat(200)"))
        leave(page)
        assert wait_until(lambda: any(batch.beacon for batch in tracked.proxy.sent), SECONDS)
        (left,) = [batch for batch in tracked.proxy.sent if batch.beacon]
        assert 40_000 < left.size <= 65_536
        visit.open()
        visit.made("session_start", "page_view", *["custom"] * 400, "session_end", "page_view")
        assert max(batch.size for batch in tracked.proxy.sent) <= 65_536


def test_leaving_while_the_server_fails_loses_nothing(tracked: Tracked) -> None:
    with tracked.visit(STILL) as visit:
        page = visit.open()
        tracked.proxy.fail(0)
        page.evaluate(track(3))
        leave(page)
        assert wait_until(lambda: tracked.proxy.sent[-1].beacon, SECONDS)
        other = visit.open()
        assert wait_until(lambda: not tracked.proxy.sent[-1].beacon, SECONDS)
        tracked.proxy.well()
        other.evaluate("localStorage.removeItem('opecom.shop.wait')")
        other.evaluate("opEcomTracker.flush()")
        visit.made("session_start", "page_view", *["custom"] * 3, "session_end", "page_view")


def test_the_queue_keeps_the_newest_thousand(tracked: Tracked) -> None:
    with tracked.visit(NO_PINGS) as visit:
        page = visit.open()
        offline(visit, page)
        page.evaluate(track(1_005))
        kept = [json.loads(page.evaluate(f"localStorage['{name}']")) for name in stored(page, "e.")[:1]]
        assert len(stored(page, "e.")) == 1_000
        assert kept[0]["custom"]["action"] == "5"
        visit.context.set_offline(False)
        visit.made("session_start", "page_view", *["custom"] * 1_000)


def test_no_event_pushes_a_purchase_out_of_the_queue(tracked: Tracked) -> None:
    with tracked.visit(NO_PINGS) as visit:
        page = visit.open()
        offline(visit, page)
        page.evaluate("opEcomTracker.trackPurchase(20, { orderId: 'kept' })")
        page.evaluate(track(1_005))
        assert len(stored(page, "e.")) == 1_001
        visit.context.set_offline(False)
        *_, purchase = visit.made("session_start", "page_view", "purchase", *["custom"] * 1_000)[:3]
    assert purchase["purchase"] == {"amount": 20, "order_id": "kept"}


def test_what_was_offline_for_over_ten_minutes_is_late(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.context.new_page()
        page.clock.install()
        page.goto(tracked.pages.url)
        counted(page)
        visit.context.set_offline(True)
        page.evaluate(track(3))
        page.clock.fast_forward("11:00")
        visit.context.set_offline(False)
        page.evaluate("opEcomTracker.flush()")
        late = [event["event_id"] for event in visit.accepted() if event["type"] == "custom"]
        assert len(late) == 3
        visit.logged([event["event_id"] for event in visit.accepted()])
        visit.dead(late, "late")
        assert wait_until(visit.rows, SECONDS)
        (row,) = visit.rows()
    assert row["custom_count"] == 0


def test_without_locks_tabs_take_turns(tracked: Tracked) -> None:
    """As on a page without TLS, where navigator has no locks."""
    with tracked.visit("delete Navigator.prototype.locks;") as visit:
        tabs = [visit.open(f"/{number}") for number in range(2)]
        visit.context.set_offline(True)
        for tab in tabs:
            tab.evaluate(track(10))
        visit.context.set_offline(False)
        for tab in tabs:
            tab.evaluate("void opEcomTracker.flush()")
        visit.made("session_start", "page_view", "page_view", *["custom"] * 20)


def test_with_storage_blocked(tracked: Tracked) -> None:
    blocked = """Object.defineProperty(window, 'localStorage', {
        get() { throw new DOMException('denied', 'SecurityError'); },
    });"""
    with tracked.visit(blocked) as visit:
        page = visit.open()
        tracked.proxy.fail(503, retry_after="1")
        page.evaluate(track(3))
        page.evaluate("opEcomTracker.flush()")
        tracked.proxy.well()
        visit.made("session_start", "page_view", *["custom"] * 3)
        page.close()
        visit.made("session_start", "page_view", *["custom"] * 3, "session_end")
        assert not visit.errors


@pytest.mark.parametrize(
    ("call", "made"),
    [
        pytest.param("trackEvent('a', 'b', 'x'.repeat(199) + '\\u{1F600}')", ["custom"], id="half a character"),
        pytest.param("trackEvent('a', 'b', 'x'.repeat(70000))", ["custom"], id="more than a request may have"),
        pytest.param("trackEvent('a', 'b', { toString() { throw 1; } })", ["custom"], id="no text"),
    ],
)
def test_no_call_of_the_page_holds_up_the_others(call: str, made: list[str], tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        page.evaluate(f"opEcomTracker.{call}; opEcomTracker.trackEvent('and', 'then')")
        assert wait_until(lambda: not stored(page, "e.") + stored(page, "u."), SECONDS)
        accepted = [event["type"] for event in visit.accepted() if event["type"] != "page_ping"]
        assert accepted == ["session_start", "page_view", *made, "custom"]
