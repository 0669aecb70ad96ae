"""Private mode: a visit is scored in its tab as the server would score it, and nothing of it leaves the tab."""

import json
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Request

from deploy.processes.ports import wait_until
from scoring import registry
from tests.support.agents import BROWSER
from tests.support.tracked import KEY, SCRIPT, SITE, Tracked, Visit

SECONDS = 90.0
GPC = "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });"
#: What a page does before the tracker has come, and the intents that it hears.
LISTEN = """window.intents = []; window.refused = [];
document.addEventListener('securitypolicyviolation', (event) => refused.push(event.blockedURI));
addEventListener('DOMContentLoaded', () => opEcomTracker.onIntent((intent) => intents.push(intent)), { once: true });"""
#: A visit that uses all that the tracker has.
JOURNEY = """async () => {
  opEcomTracker.trackEvent('click', 'button');
  history.pushState(0, '', '/about/us?utm_source=news');
  opEcomTracker.page('Informational');
  await opEcomTracker.track('view_item', { items: [{ id: 'lamp', price: 19 }] });
  await opEcomTracker.track('add_to_cart', { items: [{ id: 'lamp', price: 19, quantity: 2 }], currency: 'EUR' });
  history.pushState(0, '', '/checkout');
  opEcomTracker.page('Administrative');
  await opEcomTracker.track('begin_checkout');
  await opEcomTracker.flush();
}"""


@pytest.fixture(scope="module")
def files(tracked: Tracked, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What both exports write, by the paths at which the pages have it."""
    folder = tmp_path_factory.mktemp("exports")
    made = (
        ("models", "export", "--browser", registry.current(), "--out", str(folder)),
        ("pages", "export", "--browser", str(folder / "site.json"), "--site", SITE),
    )
    for words in made:
        done = tracked.stack.opecom(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    return {f"/{file.name}": file.read_bytes() for file in folder.iterdir()}


def private_page(tracked: Tracked, mode: str, files: dict[str, bytes]) -> str:
    [head] = [name for name in files if name.endswith(".float16.json")]
    given = tracked.settings(mode=mode, model=head, statistics="/site.json")
    data = " ".join(f'data-{name}="{value}"' for name, value in given.items())
    source = tracked.proxy.url + SCRIPT.private_path
    return tracked.page(f'<script>{SCRIPT.inline_stub}</script><script type="module" src="{source}" {data}></script>')


def opened(visit: Visit, mode: str, files: dict[str, bytes], policy: str = "", path: str = "/p/1") -> Page:
    """A page in this mode that has heard its first intent."""
    pages = visit.site.pages
    pages.content = {"*": private_page(visit.site, mode, files), **files}
    if policy:
        pages.headers["content-security-policy"] = policy
    page = visit.tab()
    page.goto(pages.url + path)
    assert wait_until(lambda: bool(page.evaluate("intents.length")), SECONDS), visit.errors
    return page


def recorded_requests(visit: Visit) -> list[str]:
    """Every request of the visit's pages from now on, as it comes."""
    requests: list[str] = []

    def note(request: Request) -> None:
        requests.append(f"{request.method} {request.url}")

    visit.context.on("request", note)
    return requests


def stored_outside_of_the_tab(page: Page) -> list[Any]:
    return [page.evaluate("Object.keys(localStorage)"), page.context.cookies(), page.evaluate("refused")]


def test_a_visit_is_scored_as_the_server_scores_it_and_sends_nothing(tracked: Tracked, files: dict[str, bytes]) -> None:
    with tracked.visit(LISTEN, GPC) as visit:
        requests = recorded_requests(visit)
        policy = f"default-src 'none'; script-src {SCRIPT.stub_hash} {tracked.proxy.url}; style-src 'unsafe-inline'"
        # The address of the API is not among those that the page may ask.
        page = opened(visit, "private", files, f"{policy}; connect-src 'self'")
        loaded = len(requests)
        page.evaluate(JOURNEY)
        assert wait_until(lambda: page.evaluate("intents.at(-1).version") >= 10, SECONDS)
        assert requests[loaded:] == []
        # The next page of the tab goes on with the session.
        before = page.evaluate("intents")
        page.goto(tracked.pages.url + "/p/2")
        assert wait_until(lambda: bool(page.evaluate("intents.length")), SECONDS)
        assert wait_until(lambda: page.evaluate("intents.at(-1).version") > before[-1]["version"], SECONDS)
        intents = before + page.evaluate("intents")
        assert {each["session_id"] for each in intents} == {before[0]["session_id"]}
        assert stored_outside_of_the_tab(page) == [[], [], []]
        kept = json.loads(page.evaluate(f"sessionStorage.getItem('opecom.{SITE}.steps')"))
        assert tracked.proxy.sent == []
        assert not any(url.startswith("POST") for url in requests)
        assert not visit.errors
    served = scored_by_the_server(tracked, kept["steps"])
    assert len(served) == len(kept["steps"]) >= 11
    # By the number of events; a page that becomes another type, or goes, may say two of one number: the last one holds.
    said = {each["version"]: each for each in intents}
    for events, probability in served.items():
        if events in said:
            assert said[events]["probability"] == pytest.approx(probability, abs=1e-3), events
    assert len(said.keys() & served.keys()) >= 9
    assert len({round(each, 4) for each in served.values()}) >= 4, "the probability did not move along the way"


def scored_by_the_server(tracked: Tracked, steps: list[dict[str, Any]]) -> dict[int, float]:
    """The probability after each of these events, by their number, when they come in this order."""
    at = steps[-1]["occurred_at"]
    body = {"site": SITE, "sent_at": at, "events": steps}
    headers = {**BROWSER, "origin": tracked.pages.url, "x-opecom-key": KEY}
    with httpx.Client(timeout=90) as http:
        answer = http.post(f"{tracked.stack.ingest.url}/v1/batch", json=body, headers=headers)
        assert (answer.status_code, answer.json().get("refused")) == (202, []), answer.text
        found: dict[int, float] = {}

        def is_scored() -> bool:
            path = f"{tracked.stack.api.url}/sessions/{steps[0]['session_id']}/timeline"
            timeline = http.get(path, params={"site": SITE}, headers=tracked.stack.read_headers)
            if timeline.status_code == 200:
                updates = sorted(timeline.json()["updates"], key=lambda update: update["version"])
                found.update({number: update["probability"] for number, update in enumerate(updates, 1)})
            return len(found) >= len(steps)

        assert wait_until(is_scored, SECONDS), found
    return found


def test_consent_hands_the_page_over_to_the_tracker_that_sends(tracked: Tracked, files: dict[str, bytes]) -> None:
    with tracked.visit(LISTEN) as visit:
        page = opened(visit, "auto", files)
        page.evaluate("opEcomTracker.trackEvent('before', 'consent')")
        assert stored_outside_of_the_tab(page) == [[], [], []]
        assert tracked.proxy.sent == []
        private = page.evaluate("intents[0].session_id")
        page.evaluate("opEcomTracker.consent(true); opEcomTracker.trackEvent('after', 'consent')")
        assert wait_until(lambda: bool(page.evaluate("opEcomTracker.session()")), SECONDS)
        assert wait_until(lambda: bool(page.evaluate("opEcomTracker.flush()") or tracked.proxy.sent), SECONDS)
        # The visit of before is in no storage and was never sent.
        assert page.evaluate("Object.keys(sessionStorage)") == []
        session = page.evaluate("opEcomTracker.session().sessionId")
        assert session != private
        assert wait_until(lambda: "custom" in [each["type"] for each in visit.accepted()], SECONDS)
        assert {each["session_id"] for each in visit.accepted()} == {session}
        assert [each["custom"]["category"] for each in visit.accepted() if "custom" in each] == ["after"]
        # The callback of before hears the server.
        assert wait_until(lambda: page.evaluate("intents.at(-1).session_id") == session, SECONDS)
        # The browser remembers it: the next page sends at once.
        page.goto(tracked.pages.url + "/p/2")
        assert wait_until(lambda: bool(page.evaluate("opEcomTracker.session()")), SECONDS)
        assert page.evaluate("opEcomTracker.session().sessionId") == session
        assert not visit.errors


def test_global_privacy_control_counts_more_than_consent(tracked: Tracked, files: dict[str, bytes]) -> None:
    with tracked.visit(LISTEN, GPC) as visit:
        requests = recorded_requests(visit)
        page = opened(visit, "auto", files)
        loaded = len(requests)
        before = page.evaluate("intents.length")
        page.evaluate("opEcomTracker.consent(true); opEcomTracker.trackEvent('still', 'private')")
        assert wait_until(lambda: page.evaluate("intents.length") > before, SECONDS)
        assert requests[loaded:] == []
        assert stored_outside_of_the_tab(page) == [[], [], []]
        # Who says no is not even scored.
        page.evaluate("opEcomTracker.consent(false)")
        before = page.evaluate("intents.length")
        page.evaluate("opEcomTracker.trackEvent('nothing', 'more')")
        assert page.evaluate("Object.keys(sessionStorage)") == [f"opecom.{SITE}.consent"]
        assert page.evaluate("intents.length") == before
