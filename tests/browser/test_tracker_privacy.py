"""Where a visitor, a law or a robot says no, the tracker stores nothing and sends nothing."""

import pytest
from playwright.sync_api import Page

from deploy.processes.ports import wait_until
from tests.support.tracked import SITE, Tracked, Visit, counted, stored

#: Everything that a page can ask of the tracker; it must do nothing then.
ASK = """async () => {
    opEcomTracker.trackEvent('a', 'b');
    opEcomTracker.trackPurchase(1);
    opEcomTracker.page('ProductRelated');
    opEcomTracker.identify('someone');
    opEcomTracker.onIntent(() => {});
    history.pushState({}, '', '/other');
    await new Promise((done) => setTimeout(done, 100));
    await opEcomTracker.flush();
    return opEcomTracker.session();
}"""


def keeps_still(visit: Visit, page: Page, kept: tuple[str, ...] = ()) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.evaluate(ASK) is None
    assert stored(page) == [f"opecom.{SITE}.{name}" for name in kept]
    page.reload()
    page.wait_for_function("window.opEcomTracker")
    page.close()
    assert not [url for url in asked if "/v1/" in url or "/tracker/" in url]
    assert not visit.site.proxy.sent
    assert not visit.errors


@pytest.mark.parametrize(
    ("script", "how"),
    [
        pytest.param(
            "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });",
            {}, id="Global Privacy Control",
        ),
        pytest.param(
            "Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' });", {}, id="Do Not Track"
        ),
        pytest.param("", {"driven": True}, id="a driven browser"),
        pytest.param("", {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, id="a robot"),
        pytest.param("", {"user_agent": "Mozilla/5.0 (X11) HeadlessChrome/140.0.0.0"}, id="a headless browser"),
    ],
)  # fmt: skip
def test_it_keeps_still(script: str, how: dict[str, object], tracked: Tracked) -> None:
    with tracked.visit(script, **how) as visit:
        page = visit.open(ready=False)
        page.evaluate("opEcomTracker.consent(true)")
        keeps_still(visit, page)


def test_a_telephone_is_no_robot_by_its_name(tracked: Tracked) -> None:
    with tracked.visit(user_agent="Mozilla/5.0 (Linux; Android 12; CUBOT NOTE 30) Chrome/140.0.0.0") as visit:
        visit.open()
        visit.made("session_start", "page_view")


def test_nothing_before_consent(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(consent="required")))
        page = visit.open(ready=False)
        keeps_still(visit, page)


def test_consent_off_then_on_then_off(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(consent="required")))
        page = visit.open(ready=False)
        page.evaluate("opEcomTracker.trackEvent('before', 'consent')")
        page.evaluate("opEcomTracker.consent(true)")
        counted(page)
        page.evaluate("opEcomTracker.trackEvent('with', 'consent')")
        # It is remembered on the next page.
        page.click("#next")
        page.wait_for_url("**/next")
        counted(page)
        visit.made("session_start", "page_view", "custom", "page_view")
        page.evaluate("opEcomTracker.trackEvent('not', 'sent yet'), opEcomTracker.consent(false)")
        assert stored(page) == [f"opecom.{SITE}.consent"]
        page.evaluate("opEcomTracker.trackEvent('after', 'consent')")
        page.close()
        again = visit.open(ready=False)
        assert again.evaluate(ASK) is None
        visit.made("session_start", "page_view", "custom", "page_view")


def test_refusing_where_consent_was_not_required(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open(ready=False)
        page.evaluate("opEcomTracker.consent(false)")
        keeps_still(visit, page, ("consent",))


def stopped(page: Page) -> None:
    """Wait until a tab has heard what was said in another one: its process learns that a moment later."""
    assert wait_until(lambda: page.evaluate("opEcomTracker.session()") is None, 90)


def test_refusing_holds_in_every_tab(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        other = visit.open("/other")
        page = visit.open()
        page.evaluate("opEcomTracker.consent(false)")
        stopped(other)
        tracked.proxy.clear()
        keeps_still(visit, other, ("consent",))


def test_consent_holds_in_every_tab(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(consent="required")))
        other, page = visit.open(ready=False), visit.open(ready=False)
        page.evaluate("opEcomTracker.consent(true)")
        counted(other)
        page.evaluate("opEcomTracker.consent(false)")
        stopped(other)
        tracked.proxy.clear()
        keeps_still(visit, other, ("consent",))


def test_a_prerendered_page_counts_when_it_is_shown(tracked: Tracked) -> None:
    prerendering = (
        "let hidden = true; Object.defineProperty(Document.prototype, 'prerendering', { get: () => hidden });"
    )
    shown = "window.show = () => { hidden = false; document.dispatchEvent(new Event('prerenderingchange')); };"
    with tracked.visit(prerendering + shown) as visit:
        page = visit.open(ready=False)
        assert page.evaluate("opEcomTracker.session()") is None
        assert not stored(page)
        page.evaluate("show()")
        counted(page)
        visit.made("session_start", "page_view")


def test_secrets_of_an_address_stay_in_the_browser(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        visit.open("/a?utm_source=mail#access_token=secret")
        events = visit.made("session_start", "page_view")
        assert "secret" not in str(events)
        logged = visit.logged([event["event_id"] for event in events])
    assert [event.page.path for event in logged if event.page] == ["/a?utm_source=mail"]
