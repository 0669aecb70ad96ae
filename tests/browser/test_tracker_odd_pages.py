"""Pages that name their elements badly, draw late, route in new ways, change their mind, or call with odd values."""

import pytest

from tests.support.tracked import Tracked, Visit, counted

#: Names of what the tracker reads of a document. A form or an image of that name hides it.
NAMES = (
    "referrer", "title", "cookie", "readyState", "hasFocus", "visibilityState", "querySelector", "documentElement",
    "prerendering", "currentScript", "addEventListener",
)  # fmt: skip
CLOBBERED = "".join(f'<form name="{name}"></form><img name="{name}" alt="">' for name in NAMES) + (
    '<nav id="navigation"></nav><div id="opEcomTracker"></div><div id="Document"></div>'
    '<form data-page-type="Administrative"><input name="getAttribute"><input name="dataset"></form>'
)
#: A route that the page draws later: in an attribute, or by another element.
DRAW = """
    window.later = (work, after) => new Promise((done) => setTimeout(() => { work(); setTimeout(done, 700); }, after));
    window.attribute = (type) => () => { document.body.dataset.pageType = type; };
    window.element = (type) => () => {
        document.body.removeAttribute('data-page-type');
        document.querySelector('main')?.remove();
        const main = document.createElement('main');
        main.dataset.pageType = type;
        document.body.append(main);
    };
"""


def pages_of(visit: Visit, *types: str) -> list[tuple[str, str | None]]:
    """Path and type of each view that was made."""
    made = visit.made(*types)
    origin = visit.site.pages.url
    views = [event["page"] for event in made if event["type"] == "page_view"]
    return [(page["url"].removeprefix(origin), page.get("type")) for page in views]


@pytest.mark.parametrize(
    "script", ["", "delete window.navigation;"], ids=["with the Navigation API", "in an older browser"]
)
def test_elements_with_the_names_of_properties(script: str, tracked: Tracked) -> None:
    with tracked.visit(script) as visit:
        html = tracked.page().replace('<body data-page-type="ProductRelated">', "<body>" + CLOBBERED)
        tracked.pages.content["*"] = html
        page = visit.open("/a")
        assert page.evaluate("document.referrer instanceof Element || document.referrer.length > 1")
        page.evaluate("history.pushState({}, '', '/b')")
        page.evaluate("opEcomTracker.trackPurchase(5)")
        assert pages_of(visit, "session_start", "page_view", "page_view", "purchase") == [
            ("/a", "Administrative"),
            ("/b", "Administrative"),
        ]
        page.close()
        visit.made("session_start", "page_view", "page_view", "purchase", "session_end")
        assert not visit.errors


@pytest.mark.parametrize("how", ["attribute", "element"])
@pytest.mark.parametrize("after", [5, 120, 600])
def test_a_route_that_draws_late_has_the_type_that_it_draws(how: str, after: int, tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open("/")
        page.evaluate(f"() => {{ {DRAW} }}")
        page.evaluate(f"(history.pushState({{}}, '', '/cart'), later({how}('Administrative'), {after}))")
        # What comes after it finds it settled, and has its own.
        page.evaluate(f"(history.pushState({{}}, '', '/about'), later({how}('Informational'), {after}))")
        assert pages_of(visit, "session_start", *["page_view"] * 3) == [
            ("/", "ProductRelated"),
            ("/cart", "Administrative"),
            ("/about", "Informational"),
        ]


def test_a_type_that_is_set_before_the_route_is_that_of_the_route(tracked: Tracked) -> None:
    """Two at once: the first keeps its own type though the second has set another by the time that it is counted."""
    with tracked.visit() as visit:
        page = visit.open("/")
        page.evaluate("""() => {
            for (const [path, type] of [['/cart', 'Administrative'], ['/about', 'Informational']]) {
                document.body.dataset.pageType = type;
                history.pushState({}, '', path);
            }
        }""")
        page.evaluate("opEcomTracker.flush()")
        assert pages_of(visit, "session_start", *["page_view"] * 3) == [
            ("/", "ProductRelated"),
            ("/cart", "Administrative"),
            ("/about", "Informational"),
        ]


def test_navigations_that_the_page_intercepts(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open("/")
        page.evaluate("""async () => {
            navigation.addEventListener('navigate', (event) => {
                if (event.canIntercept) event.intercept({ handler: async () => {
                    document.body.dataset.pageType = 'Administrative';
                } });
            });
            await navigation.navigate('/cart').finished;
            await navigation.navigate('/checkout', { history: 'replace' }).finished;
            await new Promise((done) => setTimeout(done, 100));
            await navigation.navigate('/thanks').finished;
            await navigation.back().finished;
        }""")
        page.evaluate("opEcomTracker.flush()")
        # The first was replaced before it was drawn.
        assert pages_of(visit, "session_start", *["page_view"] * 4) == [
            ("/", "ProductRelated"),
            ("/checkout", "Administrative"),
            ("/thanks", "Administrative"),
            ("/checkout", "Administrative"),
        ]


@pytest.mark.parametrize(
    "script", ["", "delete window.navigation;"], ids=["with the Navigation API", "in an older browser"]
)
def test_a_redirect_is_one_view_of_where_it_leads(script: str, tracked: Tracked) -> None:
    with tracked.visit(script) as visit:
        page = visit.open("/")
        page.evaluate("""async () => {
            history.pushState({}, '', '/account');
            await new Promise((done) => setTimeout(done, 5));
            history.replaceState({}, '', '/login');
        }""")
        page.evaluate("opEcomTracker.flush()")
        start, first, second = visit.made("session_start", "page_view", "page_view")
    assert second["page"]["url"].endswith("/login")
    assert second["page"]["referrer"] == first["page"]["url"] == start["page"]["url"]


def test_a_view_that_waits_keeps_its_own_address(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open("/")
        page.evaluate("""() => {
            history.pushState({}, '', '/first?page=1');
            history.pushState({}, '', '/second');
            history.replaceState({}, '', '/second?sort=price');
        }""")
        page.evaluate("opEcomTracker.flush()")
        paths = [path for path, _ in pages_of(visit, "session_start", *["page_view"] * 3)]
    assert paths == ["/", "/first?page=1", "/second"]


def test_page_amends_the_newest_view(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page().replace(' data-page-type="ProductRelated"', "")
        page = visit.open("/", ready=False)
        page.evaluate("opEcomTracker.trackEvent('counts', 'the view')")
        page.evaluate("opEcomTracker.page('Informational')")
        page.evaluate("opEcomTracker.page('no such type')")
        page.evaluate("(history.pushState({}, '', '/cart'), opEcomTracker.page('Administrative'))")
        page.evaluate("opEcomTracker.page('ProductRelated')")
        counted(page)
        made = ("session_start", "page_view", "custom", "page_view")
        assert pages_of(visit, *made) == [("/", "Informational"), ("/cart", "ProductRelated")]
        # What was sent cannot be changed, nor does it count twice.
        page.evaluate("opEcomTracker.page('Administrative')")
        page.evaluate("opEcomTracker.flush()")
        assert pages_of(visit, *made) == [("/", "Informational"), ("/cart", "ProductRelated")]


def test_page_counts_each_time_where_the_site_counts_by_itself(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(pages="manual")))
        page = visit.open("/")
        page.evaluate("opEcomTracker.page('Administrative')")
        page.evaluate("opEcomTracker.page()")
        assert pages_of(visit, "session_start", "page_view", "page_view") == [
            ("/", "Administrative"),
            ("/", "ProductRelated"),
        ]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        pytest.param("null", {}, id="no options"),
        pytest.param("{ orderId: 1001, currency: ' eur' }", {"order_id": "1001", "currency": "EUR"}, id="other types"),
        pytest.param("{ orderId: '', currency: '' }", {}, id="empty ones"),
        pytest.param("{ orderId: 'o'.repeat(70), currency: 'Euro' }", {}, id="too long ones"),
        pytest.param("{ orderId: 'A\\ud83d', currency: Symbol('x') }", {"order_id": "A\ufffd"}, id="half a character"),
        pytest.param("{ orderId: { toString() { throw 1; } } }", {}, id="one that fails"),
    ],
)
def test_nothing_that_only_adorns_costs_a_purchase(options: str, kept: dict[str, str], tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        page.evaluate(f"opEcomTracker.trackPurchase(19, {options})")
        *_, purchase = visit.made("session_start", "page_view", "purchase")
        assert not visit.errors
    assert purchase["purchase"] == {"amount": 19, **kept}


def test_an_order_is_sent_once_by_a_browser(tracked: Tracked) -> None:
    """The page of an order is opened again from the mail: in another tab, and when its session is over."""
    with tracked.visit() as visit:
        page = visit.open("/thanks")
        page.evaluate("opEcomTracker.trackPurchase(19, { orderId: 'A-1' })")
        page.evaluate("opEcomTracker.trackPurchase(19, { orderId: 'A-1' })")
        page.close()
        visit.made("session_start", "page_view", "purchase", "session_end")
        again = visit.open("/thanks")
        again.evaluate("localStorage.removeItem('opecom.shop.session')")
        again.evaluate("opEcomTracker.trackPurchase(19, { orderId: 'A-1' })")
        again.evaluate("opEcomTracker.trackPurchase(7, { orderId: 'A-2' })")
        again.evaluate("opEcomTracker.trackPurchase(5), opEcomTracker.trackPurchase(5)")
        again.evaluate("opEcomTracker.flush()")
        purchases = [event["purchase"] for event in visit.accepted() if event["type"] == "purchase"]
        # Consent that is withdrawn takes the memory with it.
        again.evaluate("opEcomTracker.consent(false)")
        assert again.evaluate("Object.keys(localStorage)") == ["opecom.shop.consent"]
    assert purchases == [
        {"amount": 19, "order_id": "A-1"},
        {"amount": 7, "order_id": "A-2"},
        {"amount": 5},
        {"amount": 5},
    ]
