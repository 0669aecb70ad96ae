"""What a visitor does on a site's pages arrives, each thing once: views, events, tabs, routes, going away and back."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from deploy.processes.ports import wait_until
from storage.database import tables
from tests.support.browser import launched_whole
from tests.support.tracked import SECONDS, Tracked, Visit, counted

#: Keeps what the browser says of a page that it shows again.
PERSISTED = "addEventListener('pageshow', (event) => { window.shown = event.persisted; });"


def status(visit: Visit) -> str:
    (row,) = visit.rows()
    return str(row["status"])


def views(visit: Visit) -> list[tuple[str, str | None]]:
    """Path and type of each page view that the database has, in order."""
    (row,) = visit.rows()
    asked = select(tables.page_views).where(tables.page_views.c.session_id == row["session_id"])
    with visit.site.engine.connect() as connection:
        found = connection.execute(asked.order_by(tables.page_views.c.viewed_at, tables.page_views.c.event_id))
        return [(view.page_url, view.page_type) for view in found]


def test_a_view_and_events(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open("/products/1")
        page.evaluate("""() => {
            opEcomTracker.trackEvent('Cart', 'add', 'mug', 9.5);
            opEcomTracker.trackPurchase(19, {orderId: 'A-1', currency: 'EUR'});
        }""")
        start, view, custom, purchase = visit.made("session_start", "page_view", "custom", "purchase")
    assert view["page"] == {"url": f"{tracked.pages.url}/products/1", "type": "ProductRelated"}
    assert custom["custom"] == {"category": "Cart", "action": "add", "label": "mug", "value": 9.5}
    assert purchase["purchase"] == {"amount": 19, "order_id": "A-1", "currency": "EUR"}
    assert {event["visitor_type"] for event in (start, view, custom, purchase)} == {"New_Visitor"}


def test_a_batch_goes_by_itself_within_seconds(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        visit.open(ready=False)
        visit.made("session_start", "page_view")
        assert len(tracked.proxy.sent) == 1


def test_the_reports_tag_has_the_address_only(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(api=tracked.proxy.api))
        visit.open()
        visit.made("session_start", "page_view")
        (row,) = visit.rows()
    assert row["site"] == "shop"


def test_two_tabs_are_one_session(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        first, second = visit.open("/a"), visit.open("/b")
        first.evaluate("opEcomTracker.trackEvent('tab', 'first')")
        second.evaluate("opEcomTracker.trackEvent('tab', 'second')")
        first.close()
        visit.made("session_start", "page_view", "page_view", "custom", "custom", "session_end")
        assert status(visit) == "ended"
        second.evaluate("opEcomTracker.trackEvent('tab', 'goes on')")
        visit.made("session_start", "page_view", "page_view", "custom", "custom", "session_end", "custom")
        assert status(visit) == "open"


def test_tabs_that_come_online_together_send_nothing_twice(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tabs = [visit.open(f"/{number}") for number in range(3)]
        visit.context.set_offline(True)
        for tab in tabs:
            tab.evaluate("for (let i = 0; i < 20; i++) opEcomTracker.trackEvent('tab', 'n')")
        visit.context.set_offline(False)
        for tab in tabs:
            tab.evaluate("void opEcomTracker.flush()")
        visit.made("session_start", *["page_view"] * 3, *["custom"] * 60)


def test_the_back_forward_cache_opens_an_ended_session_again(tracked: Tracked) -> None:
    with launched_whole(tracked.browser) as browser, replace(tracked, browser=browser).visit(PERSISTED) as visit:
        page = visit.open("/a")
        page.goto(f"{tracked.proxy.url}/livez")
        visit.made("session_start", "page_view", "session_end")
        assert status(visit) == "ended"
        page.go_back(wait_until="commit")
        assert page.evaluate("window.shown") is True
        *_, again = visit.made("session_start", "page_view", "session_end", "page_view")
        assert again["page"]["url"].endswith("/a")
        assert status(visit) == "open"


@pytest.mark.parametrize(
    "script", ["", "delete window.navigation;"], ids=["with the Navigation API", "in an older browser"]
)
def test_routes_of_a_page_that_never_reloads(script: str, tracked: Tracked) -> None:
    """Each step with what it makes: the path and type of a view, or nothing."""
    steps: list[tuple[str, tuple[str, str | None] | None]] = [
        ("go('pushState', '/cart', 'Administrative')", ("/cart", "Administrative")),
        ("go('pushState', '/cart', 'Administrative')", None),
        ("go('replaceState', '/cart?sort=price', 'Administrative')", None),
        ("go('pushState', '/cart?page=2', 'Administrative')", ("/cart", "Administrative")),
        ("go('replaceState', '/checkout', '')", ("/checkout", None)),
        ("go('pushState', '/about/us', '')", ("/about/us", "Informational")),
        ("back('/checkout')", ("/checkout", None)),
        ("location.hash = 'reviews'", None),
        ("location.hash = '#/deep/1'", ("/checkout/deep/1", None)),
        ("go('pushState', '/last', '') ; opEcomTracker.page('ProductRelated')", ("/last", "ProductRelated")),
    ]
    draw = """
        window.go = (how, path, type) => {
            history[how]({}, '', path);
            setTimeout(() => { document.body.dataset.pageType = type; }, 10);
        };
        window.settled = (done) => setTimeout(done, 80);
        window.back = (path) => new Promise((done) => {
            addEventListener('popstate', done, { once: true });
            history.back();
        });
    """
    with tracked.visit(script) as visit:
        page = visit.open("/")
        page.evaluate(f"() => {{ {draw} }}")
        for step, _ in steps:
            # The page's own timers come in their order, however slow the machine is.
            page.evaluate(f"async () => {{ await ({step.replace(' ; ', ', ')}); await new Promise(settled); }}")
        expected = [("/", "ProductRelated"), *(made for _, made in steps if made)]
        sent = visit.made("session_start", *["page_view"] * len(expected))
        assert wait_until(lambda: views(visit) == expected, SECONDS), views(visit)
    addresses = [event["page"]["url"] for event in sent[1:]]
    assert [event["page"].get("referrer") for event in sent[2:]] == addresses[:-1]


def test_going_on_within_the_site_ends_nothing(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open("/a")
        page.click("#next")
        page.wait_for_url("**/next")
        counted(page)
        *_, last = visit.made("session_start", "page_view", "page_view")
    assert last["page"]["referrer"].endswith("/a")


def test_a_reload_goes_on_with_the_session(tracked: Tracked) -> None:
    """The browser does not say that it will reload: the end is told, and taken back by the view."""
    with tracked.visit() as visit:
        page = visit.open("/a")
        page.reload()
        counted(page)
        visit.made("session_start", "page_view", "session_end", "page_view")
        assert status(visit) == "open"


def test_closing_the_tab_ends_the_session(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        page.evaluate("opEcomTracker.trackEvent('last', 'word')")
        page.close()
        visit.made("session_start", "page_view", "custom", "session_end")
        assert status(visit) == "ended"
        assert tracked.proxy.sent[-1].beacon
        visit.open()
        *_, again = visit.made("session_start", "page_view", "custom", "session_end", "page_view")
        assert status(visit) == "open"
    assert again["visitor_type"] == "New_Visitor"


def test_times_are_those_of_the_wall(tracked: Tracked) -> None:
    """By the page's own notes of when it was there, and when it went."""
    note = "window.since = Date.now(); addEventListener('pagehide', () => { localStorage.left = Date.now(); });"
    with tracked.visit(note) as visit:
        page = visit.open("/a")
        page.wait_for_timeout(1_500)
        since, moved = page.evaluate("""() => {
            document.body.dataset.pageType = 'Administrative';
            history.pushState({}, '', '/account');
            return [since, Date.now()];
        }""")
        page.wait_for_timeout(700)
        page.close()
        visit.made("session_start", "page_view", "page_view", "session_end")
        (row,) = visit.rows()
        left = int(visit.open().evaluate("localStorage.left"))
    assert row["product_related_duration"] == pytest.approx((moved - since) / 1000, abs=0.5)
    assert row["administrative_duration"] == pytest.approx((left - moved) / 1000, abs=0.1)


def test_a_visitor_has_the_name_that_the_site_gives(tracked: Tracked) -> None:
    named = """addEventListener('DOMContentLoaded', () => {
        opEcomTracker.identify('no such name!');
        opEcomTracker.identify('customer-7');
    });"""
    with tracked.visit(named) as visit:
        page = visit.open()
        assert page.evaluate("opEcomTracker.session().visitorId") == "customer-7"
        start, view = visit.made("session_start", "page_view")
    assert start["visitor_id"] != view["visitor_id"] == "customer-7"


def test_a_module_does_the_same(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["/app.js"] = f"""
            import tracker, {{ start, trackEvent }} from '{tracked.proxy.url}/static/tracker.mjs';
            start({{ api: '{tracked.proxy.api}/', key: 'write-key-of-shop', site: 'shop' }});
            trackEvent('from', 'module');
            window.same = tracker === window.opEcomTracker;
        """
        tracked.pages.content["*"] = tracked.page('<script type="module" src="/app.js"></script>')
        page = visit.open()
        assert page.evaluate("window.same") is True
        visit.made("session_start", "page_view", "custom")
        assert not visit.errors
