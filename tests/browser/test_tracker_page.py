"""The tracker on other people's pages: strict ones, broken ones, and what it shows them."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx

from deploy.processes.ports import wait_until
from ingest import script
from tests.support.proxy import preflighted, reply
from tests.support.tracked import KEY, SECONDS, SITE, Tracked


def test_a_strict_content_security_policy_and_the_pinned_script(tracked: Tracked) -> None:
    served = script.read("/static/tracker.js")
    with tracked.visit() as visit:
        said: list[str] = []
        visit.context.on("console", lambda message: said.append(message.text))
        host = tracked.proxy.url
        tracked.pages.headers["content-security-policy"] = (
            f"default-src 'none'; script-src {host}; connect-src {host}; form-action 'none'; base-uri 'none'"
        )
        # The integrity attribute refuses every other byte.
        tag = (
            f'<script async src="{host}{served.pinned_path}" integrity="{served.script.integrity}" '
            f'crossorigin="anonymous" data-api="{tracked.proxy.api}" data-key="{KEY}" data-site="{SITE}"></script>'
        )
        tracked.pages.content["*"] = tracked.page(tag).replace('<div style="height:3000px"></div>', "")
        page = visit.open()
        page.close()
        visit.made("session_start", "page_view", "session_end")
        assert not said
        tracked.pages.content["*"] = tracked.page(tag.replace("sha384-", "sha384-A"))
        wrong = visit.open(ready=False)
        assert wrong.evaluate("window.opEcomTracker") is None


def test_nothing_is_thrown_when_everything_is_broken(tracked: Tracked) -> None:
    broken = """
        const fail = () => { throw new Error('broken'); };
        for (const name of ['localStorage', 'crypto', 'sessionStorage', 'indexedDB', 'navigation'])
            Object.defineProperty(window, name, { get: fail });
        for (const name of ['locks', 'onLine', 'sendBeacon'])
            Object.defineProperty(Navigator.prototype, name, { get: fail });
        window.fetch = window.EventSource = window.Blob = fail;
        document.hasFocus = document.querySelector = fail;
        window.rejections = [];
        addEventListener('unhandledrejection', (event) => rejections.push(String(event.reason)));
    """
    calls = """async () => {
        const called = [];
        // The tag's stub keeps its queue and its time beside the functions.
        const functions = Object.entries(opEcomTracker).filter(([, held]) => typeof held === 'function');
        for (const [name, call] of functions) {
            for (const given of [[], [undefined, null], [{}, []], [Symbol('x')], [() => { throw 1; }]]) {
                call(...given);
            }
            called.push(name);
        }
        history.pushState({}, '', '/x');
        for (const type of ['focus', 'blur', 'pagehide', 'pageshow', 'online', 'scroll', 'hashchange'])
            dispatchEvent(new Event(type));
        document.dispatchEvent(new Event('visibilitychange'));
        await new Promise((done) => setTimeout(done, 3500));
        return [called.length, rejections];
    }"""
    with tracked.visit(broken) as visit:
        page = visit.open(ready=False)
        # Until then the queue of the tag's stub is an array.
        assert wait_until(lambda: page.evaluate("!Array.isArray(opEcomTracker.q)"), 60)
        assert page.evaluate(calls) == [11, []]
        page.close()
        assert not visit.errors


def test_the_sites_own_errors_stay_its_own(tracked: Tracked) -> None:
    """What the page does with the history is done as without us, its failures too."""
    with tracked.visit() as visit:
        page = visit.open()
        said = page.evaluate("""() => {
            try { history.pushState(() => {}, '', '/x'); } catch (error) { return error.name; }
        }""")
        assert said == "DataCloneError"
        visit.made("session_start", "page_view")


def test_the_live_intent_comes_to_those_who_subscribe(tracked: Tracked) -> None:
    """Against a server side of the test's own: the token once, the stream again when it breaks off."""
    tokens: list[dict[str, Any]] = []
    streams: list[str] = []

    def token(request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        if request.command == "POST":
            tokens.append(json.loads(body) | {"key": request.headers.get("x-opecom-key")})
        reply(request, "application/json", json.dumps({"token": f"t&{len(tokens)}", "expires_in": 300}))

    def stream(request: BaseHTTPRequestHandler) -> None:
        streams.append(request.path.partition("?")[2])
        said = "".join(f"event: intent\ndata: {json.dumps({'probability': p})}\n\n" for p in (0.1, 0.7))
        reply(request, "text/event-stream", f": well\n\n{said}")

    with tracked.visit() as visit:
        tracked.proxy.routes |= {"/tracker/intent/token": preflighted(token), "/tracker/intent/stream": stream}
        page = visit.open()
        page.evaluate("""() => {
            window.got = [];
            opEcomTracker.onIntent(() => { throw new Error('of the page'); });
            window.stop = opEcomTracker.onIntent((intent) => got.push(intent.probability));
        }""")
        session = page.evaluate("opEcomTracker.session().sessionId")
        assert wait_until(lambda: page.evaluate("got.length") >= 2, SECONDS)
        assert page.evaluate("got.slice(0, 2)") == [0.1, 0.7]
        assert tokens == [{"session_id": session, "key": KEY}]
        assert streams[0] == "token=t%261"
        page.evaluate("stop()")
        heard = page.evaluate("got.length")
        # The other one still listens: the browser opens the stream again by itself.
        assert wait_until(lambda: len(streams) >= 2, SECONDS)
        assert page.evaluate("got.length") == heard
        assert not visit.errors


def test_a_page_does_not_see_what_is_held_back(tracked: Tracked) -> None:
    """Nor does one that calls onIntent later, until something is not held."""
    said: list[list[tuple[float, bool]]] = [[(0.1, False), (0.6, True)], [(0.7, True), (0.2, False), (0.3, True)]]
    streams: list[str] = []

    def token(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers["content-length"]))
        reply(request, "application/json", json.dumps({"token": "t", "expires_in": 300}))

    def stream(request: BaseHTTPRequestHandler) -> None:
        streams.append(request.path)
        intents = [{"probability": p, "held": held} for p, held in (said.pop(0) if said else [])]
        body = "".join(f"event: intent\ndata: {json.dumps(each)}\n\n" for each in intents)
        reply(request, "text/event-stream", f"retry: 200\n\n{body}")

    watch = "(name) => { window[name] = []; opEcomTracker.onIntent((one) => window[name].push(one.probability)); }"
    with tracked.visit() as visit:
        tracked.proxy.routes |= {"/tracker/intent/token": preflighted(token), "/tracker/intent/stream": stream}
        page = visit.open()
        page.evaluate(watch, "first")
        assert wait_until(lambda: bool(page.evaluate("first.length === 2")) and len(streams) >= 3, SECONDS)
        assert page.evaluate("first") == [0.1, 0.2]
        page.evaluate(watch, "late")
        assert page.evaluate("late") == []
        assert not visit.errors


def test_the_live_intent_is_that_of_the_session(tracked: Tracked) -> None:
    """The real one: what a page is told after its events equals what the query API answers."""
    with tracked.visit() as visit:
        page = visit.open("/a")
        page.evaluate("() => { window.got = []; opEcomTracker.onIntent((intent) => got.push(intent)); }")
        assert wait_until(lambda: page.evaluate("got.length") >= 1, SECONDS)
        page.evaluate("opEcomTracker.trackEvent('Cart', 'add')")
        page.evaluate("opEcomTracker.flush()")
        assert wait_until(lambda: page.evaluate("got.at(-1).counts.customs") == 1, SECONDS)
        (start, *_) = visit.made("session_start", "page_view", "custom")
        path = f"{tracked.stack.api.url}/sessions/{start['session_id']}/intent"

        def equal() -> bool:
            told = httpx.get(path, headers=tracked.stack.read_headers, timeout=90)
            return bool(told.status_code == 200 and told.json() == page.evaluate("got.at(-1)"))

        assert wait_until(equal, SECONDS)


def test_no_live_intent_where_the_site_does_not_allow_it(tracked: Tracked) -> None:
    asked: list[str] = []

    def refuse(request: BaseHTTPRequestHandler) -> None:
        request.rfile.read(int(request.headers["content-length"]))
        asked.append(request.command)
        reply(request, "application/json", '{"error":"x","reason":"sites.shop.intent_in_browser is off"}', 403)

    with tracked.visit() as visit:
        said: list[str] = []
        visit.context.on("console", lambda message: said.append(message.text))
        tracked.proxy.routes["/tracker/intent/token"] = preflighted(refuse)
        page = visit.open()
        page.evaluate("void opEcomTracker.onIntent(() => {})")
        assert wait_until(
            lambda: bool(page.evaluate("1")) and any("intent_in_browser" in line for line in said), SECONDS
        )
        assert asked == ["POST"]
        visit.made("session_start", "page_view")
