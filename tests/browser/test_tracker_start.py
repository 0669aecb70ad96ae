"""The tag on a page: it holds nothing up, keeps the calls that come before the script, and starts one tracker."""

import re
import socket
from collections.abc import Iterator

import pytest

from deploy.http.tag import TagOptions, content_security_policy, script_tag
from deploy.processes.ports import wait_until
from deploy.settings.model import Settings
from tests.support.tracked import KEY, SCRIPT, SECONDS, SITE, Tracked, counted, held

#: Milliseconds within which a page is ready whose events host never answers. Waiting for that host takes 20 s at least.
READY_WITHIN = 10_000
#: Calls of a page, each with the time at which it was made.
CALLS = """() => {
    const at = [];
    const call = (name, ...given) => { at.push(Date.now()); return opEcomTracker[name](...given); };
    call('trackEvent', 'Cart', 'add', 'mug', 9.5);
    call('identify', 'customer-7');
    call('trackPurchase', 19, { orderId: 'A-1' });
    window.stop = opEcomTracker.onIntent(() => {});
    const { trackEvent } = opEcomTracker;
    window.kept = trackEvent;
    return [at, typeof stop, opEcomTracker.session(), opEcomTracker.flush() instanceof Promise];
}"""


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A host that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_calls_before_the_script_count_with_their_own_times(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page, script = held(visit)
        called, kind, session, is_promise = page.evaluate(CALLS)
        assert (kind, session, is_promise) == ("function", None, True)
        page.wait_for_timeout(1_500)
        script.continue_()
        counted(page)
        page.evaluate("kept('by a name', 'that was taken before')")
        page.evaluate("stop()")
        page.evaluate("opEcomTracker.flush()")
        start, view, custom, purchase, last = visit.made("session_start", "page_view", "custom", "purchase", "custom")
        assert not visit.errors
    assert [custom["occurred_at"], purchase["occurred_at"]] == pytest.approx([called[0], called[2]], abs=5)
    assert custom["custom"] == {"category": "Cart", "action": "add", "label": "mug", "value": 9.5}
    assert start["occurred_at"] <= view["occurred_at"] <= called[0]
    assert (purchase["visitor_id"], last["custom"]["category"]) == ("customer-7", "by a name")


def test_no_call_of_a_page_fails_whose_events_host_never_answers(tracked: Tracked, black_hole: str) -> None:
    with tracked.visit() as visit:
        stub = f"<script>{SCRIPT.inline_stub}</script>"
        tag = tracked.bare_tag(f"{black_hole}/static/tracker.js", **tracked.settings(api=black_hole))
        tracked.pages.content["*"] = tracked.page(stub + tag)
        page = visit.tab()
        page.goto(tracked.pages.url, wait_until="domcontentloaded")
        ready = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
        assert 0 < ready < READY_WITHIN
        called, *_ = page.evaluate(CALLS)
        assert len(called) == 3
        assert not visit.errors


def test_a_page_is_ready_though_the_script_has_come_and_its_api_hangs(tracked: Tracked, black_hole: str) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(api=black_hole)))
        page = visit.tab()
        page.goto(tracked.pages.url, wait_until="load", timeout=READY_WITHIN)
        page.evaluate(CALLS)
        assert wait_until(lambda: page.evaluate("opEcomTracker.session()") is not None, SECONDS)
        assert not visit.errors


def test_the_tag_that_is_printed_for_a_strict_policy(tracked: Tracked) -> None:
    """The stub runs by its hash, and no other inline script does."""
    given = Settings(ingest={"public_url": tracked.proxy.url})  # type: ignore[arg-type]
    with tracked.visit() as visit:
        violations: list[str] = []
        visit.context.on("console", lambda message: violations.append(message.text))
        policy = "; ".join(f"{name} {sources}" for name, sources in content_security_policy(given).items())
        tracked.pages.headers["content-security-policy"] = f"default-src 'none'; {policy}; style-src 'unsafe-inline'"
        tag = script_tag(given, SITE, KEY).replace(f'data-api="{tracked.proxy.url}"', f'data-api="{tracked.proxy.api}"')
        tracked.pages.content["*"] = tracked.page(tag)
        page, script = held(visit)
        page.evaluate("opEcomTracker.trackEvent('before', 'the script')")
        assert not violations
        script.continue_()
        visit.made("session_start", "page_view", "custom")
        tracked.pages.content["*"] = tracked.page(tag + "<script>window.ran = true</script>")
        visit.context.unroute_all()
        assert visit.open("/other").evaluate("window.ran") is None


def tags(tracked: Tracked, *names: str) -> str:
    """A page of several tags, in this order."""
    tracked.pages.content["/app.js"] = f"""
        import tracker, {{ start, trackEvent }} from '{tracked.proxy.url}/static/tracker.mjs';
        start({{ api: '{tracked.proxy.api}', key: '{KEY}', site: '{SITE}' }});
        window.same = () => tracker === window.opEcomTracker;
    """
    known = {
        "stub": f"<script>{SCRIPT.inline_stub}</script>",
        "tag": tracked.bare_tag(**tracked.settings()),
        "without settings": tracked.bare_tag(),
        "module": '<script type="module" async src="/app.js"></script>',
    }
    return "".join(known[name] for name in names)


@pytest.mark.parametrize(
    "names",
    [
        ("stub", "tag", "stub", "tag"),
        ("tag", "module"),
        ("module", "tag"),
        ("stub", "module", "tag"),
        ("without settings", "tag"),
    ],
    ids="+".join,
)
def test_two_copies_are_one_tracker(names: tuple[str, ...], tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tags(tracked, *names))
        page = visit.open()
        page.evaluate("opEcomTracker.trackEvent('once', 'only')")
        page.evaluate("history.pushState({}, '', '/route'), opEcomTracker.page()")
        visit.made("session_start", "page_view", "custom", "page_view")
        assert "module" not in names or page.evaluate("same()") is True
        assert not visit.errors


def test_the_settings_of_the_scripts_address(tracked: Tracked) -> None:
    """As a tag manager leaves a tag that `opecom tag --tag-manager` printed, put in by a script."""
    given = Settings(ingest={"public_url": tracked.proxy.url})  # type: ignore[arg-type]
    tag = script_tag(given, SITE, KEY, TagOptions(in_address=True, has_stub=False))
    (source,) = re.findall(r'src="(.*?)"', tag)
    assert "data-" not in tag
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page("")
        page = visit.tab()
        page.goto(tracked.pages.url)
        put = "(src) => document.head.append(Object.assign(document.createElement('script'), { src, async: true }))"
        lane = tracked.proxy.api.removeprefix(tracked.proxy.url)
        page.evaluate(put, source.replace("&amp;", "&").replace("&key=", f"{lane.replace('/', '%2F')}&key="))
        counted(page)
        visit.made("session_start", "page_view")
        assert {row["site"] for row in visit.rows()} == {SITE}


def test_a_tag_without_settings_names_what_is_missing(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines: list[str] = []
        visit.context.on("console", lambda message: lines.append(message.text))
        tracked.pages.content["*"] = tracked.page(tracked.bare_tag())
        page = visit.open(ready=False)
        assert wait_until(lambda: bool(page.evaluate("1")) and any("data-api" in line for line in lines), SECONDS)
        assert page.evaluate("opEcomTracker.session()") is None
        assert not tracked.proxy.sent


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Perplexity-User/1.0)",
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
        "Mozilla/5.0 (Linux; Android 6.0.1) Chrome/140.0.0.0 Mobile Safari/537.36 (compatible; GoogleOther)",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36 PTST/240101.120000",
        "Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0.0.0 Safari/537.36 DatadogSynthetics",
        "Mozilla/5.0 (compatible; AhrefsSiteAudit/6.1; +http://ahrefs.com/robot/site-audit)",
        "Mozilla/5.0 (Linux; Android 11) Chrome/140.0.0.0 Mobile Safari/537.36 Chrome-Lighthouse",
    ],
    ids=lambda agent: re.findall(r"Perplexity|ChatGPT|GoogleOther|PTST|Datadog|Ahrefs|Lighthouse", agent)[0],
)
def test_programs_that_run_scripts_are_known_by_their_names(agent: str, tracked: Tracked) -> None:
    with tracked.visit(user_agent=agent) as visit:
        page = visit.open(ready=False)
        page.evaluate("opEcomTracker.trackEvent('by a', 'program')")
        assert page.evaluate("opEcomTracker.session()") is None
        assert page.evaluate("Object.keys(localStorage)") == []
