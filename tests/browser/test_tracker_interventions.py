"""Interventions that go to the page: once in a session and all its tabs, and what the page reports of them."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

from playwright.sync_api import Page

from deploy.processes.ports import wait_until
from tests.support.proxy import preflighted, reply
from tests.support.tracked import SECONDS, SITE, Tracked, stored

WATCH = """() => {
    window.got = [];
    opEcomTracker.onIntervention((one) => { window.last = one; got.push([one.name, one.payload]); });
}"""
HELLO = ["help", {"text": "hello"}]


class Streams:
    """A server of streams that says the same interventions to everyone who listens, over and over."""

    def __init__(self, tracked: Tracked, *names: str) -> None:
        self.names = list(names)
        self.opened = 0
        routes = {"/tracker/intent/token": preflighted(self._token), "/tracker/intent/stream": self._stream}
        tracked.proxy.routes |= routes

    def _token(self, request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers["content-length"]))
        reply(request, "application/json", json.dumps({"token": "t", "expires_in": 300}))

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        self.opened += 1
        said = [
            {"intervention": name, "opened_at": 1000, "fired_at": 2000, "payload": {"text": "hello"}}
            for name in self.names
        ]
        body = "".join(f"event: intervention\ndata: {json.dumps(each)}\n\n" for each in said)
        reply(request, "text/event-stream", f"retry: 200\n\n{body}")

    def listened(self, page: Page) -> None:
        """Wait until pages have asked three times more: each asks again when it has read what was said."""
        opened = self.opened
        assert wait_until(lambda: bool(page.evaluate("1")) and self.opened >= opened + 3, SECONDS)


def opecom(tracked: Tracked, *arguments: str) -> dict[str, Any]:
    done = tracked.stack.opecom("interventions", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def got(page: Page) -> list[Any]:
    return list(page.evaluate("got"))


def test_one_reaches_a_session_once_over_reconnects_navigations_and_tabs(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        streams = Streams(tracked, "help")
        page = visit.open("/a")
        page.evaluate("opEcomTracker.onIntervention(() => { throw new Error('of the page'); })")
        page.evaluate(WATCH)
        assert wait_until(lambda: got(page) == [HELLO], SECONDS)
        streams.listened(page)
        assert got(page) == [HELLO]
        page.goto(tracked.pages.url + "/b")
        page.evaluate(WATCH)
        streams.listened(page)
        assert got(page) == []
        page.close()
        tab = visit.open("/c")
        tab.evaluate(WATCH)
        streams.listened(tab)
        assert got(tab) == []
        streams.names.append("bye")
        assert wait_until(lambda: got(tab) == [["bye", {"text": "hello"}]], SECONDS)
        assert not visit.errors


def test_one_waits_for_a_callback_and_for_the_tab_to_be_seen(tracked: Tracked) -> None:
    hidden = """Object.defineProperty(Document.prototype, 'visibilityState', {
        configurable: true, get: () => window.seen === false ? 'hidden' : 'visible' });"""
    with tracked.visit(hidden) as visit:
        streams = Streams(tracked, "help")
        page = visit.open()
        page.evaluate("void opEcomTracker.onIntent(() => {})")
        assert wait_until(lambda: bool(page.evaluate("1")) and streams.opened >= 2, SECONDS)
        page.evaluate("window.seen = false")
        page.evaluate(WATCH)
        streams.listened(page)
        assert got(page) == []
        page.evaluate("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))")
        assert wait_until(lambda: got(page) == [HELLO], SECONDS)
        assert not visit.errors


def test_who_takes_consent_back_has_nothing_left_and_reports_nothing(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        Streams(tracked, "help")
        page = visit.open()
        page.evaluate(WATCH)
        assert wait_until(lambda: got(page) == [HELLO], SECONDS)
        assert stored(page, "interventions") == [f"opecom.{SITE}.interventions"]
        page.evaluate("opEcomTracker.consent(false); last.shown()")
        assert stored(page) == [f"opecom.{SITE}.consent"]


def test_the_real_one_from_its_rule_to_what_the_page_reported(tracked: Tracked) -> None:
    given = ("--site", SITE, "--when", "page_views >= 2", "--action", "page", "--payload", json.dumps(HELLO[1]))
    opecom(tracked, "create", "help", *given)
    assert opecom(tracked, "start", "help")["action"] == "page"
    try:
        with tracked.visit() as visit:
            page = visit.open("/a")
            page.evaluate(WATCH)
            page.evaluate("history.pushState(0, '', '/b'); opEcomTracker.flush()")
            assert wait_until(lambda: got(page) == [HELLO], 2 * SECONDS)
            before = page.evaluate("localStorage.getItem('opecom.shop.session')")
            page.evaluate("last.shown(); last.shown(); last.clicked()")
            after = page.evaluate("localStorage.getItem('opecom.shop.session')")
            assert after == before, "a report keeps no session open"
            # The next page still hears of it, within two minutes, and does not show it again.
            page.goto(tracked.pages.url + "/c")
            page.evaluate(WATCH)
            heard = "() => { window.heard = 0; opEcomTracker.onIntent(() => heard++); }"
            page.evaluate(heard)
            assert wait_until(lambda: page.evaluate("heard") >= 1, SECONDS)
            *_, first, second, _, _ = visit.made(
                "session_start", "page_view", "page_view", *["intervention"] * 2, "session_end", "page_view"
            )
            assert [first["intervention"]["action"], second["intervention"]["action"]] == ["shown", "clicked"]
            assert first["session_id"] == second["session_id"]

            def counts() -> list[int]:
                shown = opecom(tracked, "show", "help")
                return [shown[name] for name in ("delivered", "shown", "dismissed", "clicked")]

            assert wait_until(lambda: counts() == [1, 1, 0, 1], 2 * SECONDS)
            assert got(page) == []
            assert not visit.errors
    finally:
        opecom(tracked, "stop", "help")
