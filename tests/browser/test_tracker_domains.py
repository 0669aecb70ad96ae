"""One visitor on several hosts: by a cookie of their domain, and by links to another domain."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page

from deploy.processes.ports import wait_until
from tests.support.tracked import SECONDS, SITE, Tracked, Visit, counted

SHOP, CHECKOUT, ELSEWHERE = "shop.example", "checkout.shop.example", "pay.example"
IDS = "opEcomTracker.session()"


def several(tracked: Tracked, **data: str) -> None:
    """All hosts show the same page, with these settings more; it leads to the others by links and forms."""
    origin = tracked.pages.origin
    links = "".join(
        f'<a id="{host}" href="{origin(host)}/there?kept=a+b&x=%20">there</a>' for host in (SHOP, CHECKOUT, ELSEWHERE)
    )
    form = '<form id="{0}" method="{0}" action="{1}/form"><input name="field" value="1"><button>go</button></form>'
    forms = "".join(form.format(method, origin(ELSEWHERE)) for method in ("get", "post"))
    page = tracked.page(tracked.tag(**tracked.settings(**data)))
    tracked.pages.content["*"] = page.replace("<div style", links + forms + "<div style")


def open_at(visit: Visit, host: str, path: str = "/") -> Page:
    return visit.open(path, origin=visit.site.pages.origin(host))


def gone_on(page: Page, click: str, path: str) -> dict[str, str]:
    """The ids after a click that leads to another page."""
    page.click(click)
    page.wait_for_url(f"**{path}*")
    counted(page)
    return dict(page.evaluate(IDS))


def test_without_a_cookie_domain_each_host_is_a_session(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        several(tracked)
        first, second = (open_at(visit, host).evaluate(IDS) for host in (SHOP, CHECKOUT))
        assert first["sessionId"] != second["sessionId"]
        assert first["visitorId"] != second["visitorId"]
        assert visit.context.cookies() == []


def test_one_cookie_for_all_hosts_of_a_domain(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        several(tracked, **{"cookie-domain": SHOP})
        page = open_at(visit, SHOP)
        first = page.evaluate(IDS)
        assert gone_on(page, f'[id="{CHECKOUT}"]', "/there") == first
        page.evaluate("opEcomTracker.trackPurchase(20, { orderId: 'A-1' })")
        assert gone_on(page, f'[id="{SHOP}"]', "/there") == first
        visit.made("session_start", "page_view", "page_view", "purchase", "page_view")
        (cookie,) = visit.context.cookies()
        assert (cookie["domain"], cookie["sameSite"], cookie["path"]) == (f".{SHOP}", "Lax", "/")
        # Another domain is none of it.
        assert open_at(visit, ELSEWHERE).evaluate(IDS)["visitorId"] != first["visitorId"]


def test_consent_is_one_for_all_hosts_of_a_domain(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        several(tracked, **{"cookie-domain": SHOP, "consent": "required"})
        shop = visit.open(ready=False, origin=tracked.pages.origin(SHOP))
        assert shop.evaluate(IDS) is None
        assert visit.context.cookies() == []
        shop.evaluate("opEcomTracker.consent(true)")
        counted(shop)
        checkout = open_at(visit, CHECKOUT)
        assert checkout.evaluate(IDS) == shop.evaluate(IDS)
        checkout.evaluate("opEcomTracker.consent(false)")
        assert shop.evaluate(IDS) is None
        (cookie,) = visit.context.cookies()
        assert "visitor" not in cookie["value"]
        assert shop.evaluate("Object.keys(localStorage)") == [f"opecom.{SITE}.consent"]
        again = visit.open(ready=False, origin=tracked.pages.origin(SHOP))
        assert again.evaluate(IDS) is None


def test_a_cookie_domain_that_is_not_the_pages_is_reported_and_costs_nothing(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines: list[str] = []
        visit.context.on("console", lambda message: lines.append(message.text))
        several(tracked, **{"cookie-domain": "other.example"})
        page = open_at(visit, SHOP)
        first = page.evaluate(IDS)
        page.reload()
        counted(page)
        assert page.evaluate(IDS) == first
        assert [line for line in lines if "other.example" in line]
        visit.made("session_start", "page_view", "session_end", "page_view")


@pytest.mark.parametrize(
    ("click", "path", "query"),
    [
        pytest.param(f'[id="{ELSEWHERE}"]', "/there", "?kept=a+b&x=%20", id="a link"),
        pytest.param("#get button", "/form", "?field=1", id="a form that asks"),
        pytest.param("#post button", "/form", "", id="a form that posts"),
    ],
)
def test_a_link_to_another_domain_brings_the_visitor_along(click: str, path: str, query: str, tracked: Tracked) -> None:
    with tracked.visit() as visit:
        several(tracked, **{"link-domains": f"{SHOP}, {ELSEWHERE}"})
        page = open_at(visit, SHOP)
        first = page.evaluate(IDS)
        before = page.get_attribute(f'[id="{ELSEWHERE}"]', "href")
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        assert gone_on(page, click, path) == first
        # It is in the request, and neither in the address nor in what was sent.
        assert "_opecom" in dict(parse_qsl(urlsplit(next(url for url in seen if path in url)).query))
        assert page.evaluate("location.search") == query
        *_, view = visit.made("session_start", "page_view", "page_view")
        assert view["page"]["url"] == f"{tracked.pages.origin(ELSEWHERE)}{path}{query}"
        assert view["visitor_type"] == "New_Visitor"
        page.go_back(wait_until="commit")
        # The page sets it right when it goes on.
        assert wait_until(lambda: page.get_attribute(f'[id="{ELSEWHERE}"]', "href") == before, SECONDS)


@pytest.mark.parametrize(
    ("age", "origin", "is_taken"),
    [
        pytest.param(1_000, SHOP, True, id="as a click makes it"),
        pytest.param(121_000, SHOP, False, id="too old"),
        pytest.param(-60_000, SHOP, False, id="of the future"),
        pytest.param(1_000, "127.0.0.1", False, id="from a page of another domain"),
        pytest.param(1_000, "", False, id="from nowhere"),
    ],
)
def test_who_may_bring_a_visitor_along(age: int, origin: str, is_taken: bool, tracked: Tracked) -> None:
    """Else anybody could give their own session to a visitor, and read its intent."""
    with tracked.visit() as visit:
        several(tracked, **{"link-domains": f"{SHOP} {ELSEWHERE}"})
        given, session = "someone", "0197a000-0000-7000-8000-000000000001"
        text = f"Date.now() - {age} + '*{given}*{session}*' + (Date.now() - 5000) + '*New_Visitor'"
        target = f"'{tracked.pages.origin(ELSEWHERE)}/there?_opecom=' + encodeURIComponent({text})"
        if origin:
            page = open_at(visit, origin)
            page.evaluate(f"location.href = {target}")
        else:
            page = visit.tab()
            page.goto(page.evaluate(target))
        page.wait_for_url("**/there")
        counted(page)
        ids = page.evaluate(IDS)
        assert (ids["visitorId"] == given, ids["sessionId"] == session) == (is_taken, is_taken)


def test_nothing_is_carried_without_consent(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        several(tracked, **{"link-domains": f"{SHOP} {ELSEWHERE}", "consent": "required"})
        page = visit.open(ready=False, origin=tracked.pages.origin(SHOP))
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        page.click(f'[id="{ELSEWHERE}"]')
        page.wait_for_url("**/there*")
        assert not [url for url in seen if "_opecom" in url]
        assert page.evaluate("Object.keys(localStorage)") == []
        assert not tracked.proxy.sent


def test_the_session_goes_on_though_the_part_does_not_load(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines: list[str] = []
        visit.context.on("console", lambda message: lines.append(message.text))
        visit.context.route("**/tracker.domains.mjs", lambda route: route.abort())
        several(tracked, **{"cookie-domain": SHOP})
        page = open_at(visit, SHOP)
        page.evaluate("opEcomTracker.trackEvent('still', 'counted')")
        visit.made("session_start", "page_view", "custom")
        assert [line for line in lines if "tracker.domains.mjs" in line]
        assert json.loads(page.evaluate(f"localStorage['opecom.{SITE}.session']"))["id"]
