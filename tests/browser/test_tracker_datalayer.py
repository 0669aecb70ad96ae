"""A page that says what it sells in a dataLayer only: each entry counts once, and the page's objects stay its own."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.test_tracker_commerce import parts, warnings
from tests.support.tracked import Tracked, Visit, counted

GTAG = "window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments); }"
#: Statements of a page, and what each of them says: type and member of an event.
FORMS: list[tuple[str, tuple[str, dict[str, Any]]]] = [
    (
        "dataLayer.push({ event: 'view_item', ecommerce: { currency: 'EUR', value: 9.5, items: [{ id: 'gtm' }] } })",
        ("commerce", {"action": "view_item", "value": 9.5, "currency": "EUR", "items": [{"id": "gtm"}]}),
    ),
    (
        "gtag('event', 'add_to_cart', { currency: 'EUR', value: 19, items: [{ item_id: 'gtag', quantity: 2 }] })",
        (
            "commerce",
            {"action": "add_to_cart", "value": 19, "currency": "EUR", "items": [{"id": "gtag", "quantity": 2}]},
        ),
    ),
    (
        "dataLayer.push({ event: 'add_to_wishlist', items: [{ id: 'without ecommerce' }] })",
        ("commerce", {"action": "add_to_wishlist", "items": [{"id": "without ecommerce"}]}),
    ),
    ("dataLayer.push({ event: 'search', search_term: 'mugs' })", ("commerce", {"action": "search", "items": []})),
    (
        """dataLayer.push({ event: 'addToCart', ecommerce: { currencyCode: 'EUR',
            add: { products: [{ name: 'Mug', id: 'added', price: '9.50', quantity: 1 }] } } })""",
        (
            "commerce",
            {
                "action": "add_to_cart",
                "currency": "EUR",
                "items": [{"id": "added", "quantity": 1, "price": 9.5}],
            },
        ),
    ),
    (
        "dataLayer.push({ event: 'x', ecommerce: { remove: { products: [{ name: 'removed' }] } } })",
        ("commerce", {"action": "remove_from_cart", "items": [{"id": "removed"}]}),
    ),
    (
        "dataLayer.push({ ecommerce: { detail: { actionField: { list: 'a' }, products: [{ id: 'seen' }] } } })",
        ("commerce", {"action": "view_item", "items": [{"id": "seen"}]}),
    ),
    (
        "dataLayer.push({ ecommerce: { impressions: [{ id: 'listed' }, { name: 'too' }] } })",
        ("commerce", {"action": "view_item_list", "items": [{"id": "listed"}, {"id": "too"}]}),
    ),
    (
        "dataLayer.push({ event: 'productClick', ecommerce: { click: { products: [{ id: 'clicked' }] } } })",
        ("commerce", {"action": "select_item", "items": [{"id": "clicked"}]}),
    ),
    *(
        (
            f"dataLayer.push({{ event: 'checkout', ecommerce: {{ checkout: {{ {field} products: [] }} }} }})",
            ("commerce", {"action": action, "items": []}),
        )
        for field, action in [
            ("", "begin_checkout"),
            ("actionField: { step: '1', option: 'Visa' },", "begin_checkout"),
            ("actionField: { step: 2 },", "add_shipping_info"),
            ("actionField: { step: 4 },", "add_payment_info"),
        ]
    ),
    (
        """dataLayer.push({ ecommerce: { currencyCode: 'EUR',
            purchase: { actionField: { id: 'T-1', revenue: '35.43' }, products: [{ id: 'bought' }] } } })""",
        ("purchase", {"amount": 35.43, "order_id": "T-1", "currency": "EUR"}),
    ),
    (
        """dataLayer.push({ event: 'purchase', ecommerce: { transaction_id: 'T-2', value: 7, currency: 'EUR',
            items: [{ item_id: 'bought' }], purchase: { actionField: { id: 'T-2', revenue: '7' } } } })""",
        ("purchase", {"amount": 7, "order_id": "T-2", "currency": "EUR"}),
    ),
    (
        "gtag('event', 'purchase', { transaction_id: 'T-3', value: 8, items: [] })",
        ("purchase", {"amount": 8, "order_id": "T-3"}),
    ),
    (
        "dataLayer.push({ ecommerce: { refund: { actionField: { id: 'T-1' } } } })",
        ("commerce", {"action": "refund", "items": [], "order_id": "T-1"}),
    ),
]
#: Statements that say nothing of buying.
OTHERS = """
    gtag('js', new Date()); gtag('config', 'G-1'); gtag('set', { currency: 'EUR' }); gtag('event', 'page_view');
    gtag('event', 'add_to_cart', { send_to: 'AW-123/abc', items: [{ id: 'an advertisement' }] });
    gtag('event', 'add_to_cart', { send_to: ['AW-123'], items: [{ id: 'an advertisement' }] });
    dataLayer.push({ event: 'gtm.js' }, { event: 'add_to_cart', eventModel: { items: [] } }, { ecommerce: null });
    dataLayer.push(null, undefined, 7, 'add_to_cart', Symbol('x'), () => { window.ran = 1; }, [], [[]], {}, new Map());
    dataLayer.push({ event: 'promo', ecommerce: { promoView: { promotions: [] }, add: 'no object' } });
"""
ADD = "dataLayer.push({ event: 'add_to_cart', ecommerce: { items: [{ item_id: '%s' }] } })"


def listening(tracked: Tracked, before: str = "", **data: str) -> None:
    """All pages have a tag that reads the dataLayer, after a script of their own."""
    tag = tracked.tag(**tracked.settings(**(data or {"datalayer": ""})))
    tracked.pages.content["*"] = tracked.page(f"<script>{GTAG}{before}</script>{tag}")


def await_reader(page: Page) -> None:
    """Wait until the tracker reads the page's dataLayer: `push` is its own then."""
    page.wait_for_function("!/native code/.test(dataLayer.push)")


def added(visit: Visit, *ids: str) -> None:
    """Check that exactly these products were added to the cart, in this order, once each."""
    _, _, *made = visit.made("session_start", "page_view", *["commerce"] * len(ids))
    assert [event["commerce"]["items"] for event in made] == [[{"id": each}] for each in ids]
    assert not visit.errors


@pytest.mark.parametrize("is_before", [True, False], ids=["before the start", "after it"])
def test_each_form_of_an_entry_counts_once(is_before: bool, tracked: Tracked) -> None:
    statements = "; ".join(statement for statement, _ in FORMS) + ";" + OTHERS
    with tracked.visit() as visit:
        lines, loaded = warnings(visit), parts(visit)
        listening(tracked, statements if is_before else "")
        page = visit.open()
        await_reader(page)
        if not is_before:
            page.evaluate(f"() => {{ {statements} }}")
        _, _, *made = visit.made("session_start", "page_view", *(kind for _, (kind, _) in FORMS))
        assert [(event["type"], event[event["type"]]) for event in made] == [says for _, says in FORMS]
        assert page.evaluate("window.ran") is None
        assert not visit.errors
    assert not lines
    assert sorted(loaded) == ["commerce", "datalayer"]


def test_an_order_counts_once_in_whatever_form(tracked: Tracked) -> None:
    order = "{ transaction_id: 'A-1', value: 20, currency: 'EUR' }"
    said = f"dataLayer.push({{ event: 'purchase', ecommerce: {order} }}); gtag('event', 'purchase', {order});"
    with tracked.visit() as visit:
        listening(tracked, said)
        page = visit.open()
        await_reader(page)
        page.evaluate("opEcomTracker.trackPurchase(20, { orderId: 'A-1' })")
        page.reload()
        counted(page)
        await_reader(page)
        *_, purchase, _, _ = visit.made("session_start", "page_view", "purchase", "session_end", "page_view")
    assert purchase["purchase"] == {"amount": 20, "order_id": "A-1", "currency": "EUR"}


@pytest.mark.parametrize(
    ("change", "ids"),
    [
        pytest.param(
            """const before = dataLayer.push;
            dataLayer.push = function (...entries) {
                entries.forEach((each) => { each['gtm.uniqueEventId'] = 1; });
                const result = before.apply(dataLayer, entries);
                while (dataLayer.length > 300) dataLayer.shift();
                return result;
            };""",
            ["a", "b", "c"],
            id="push is wrapped, as Tag Manager does",
        ),
        pytest.param(
            "dataLayer.push = function () { return Array.prototype.push.apply(dataLayer, arguments); };",
            ["a", "b", "c"],
            id="push is replaced",
        ),
        pytest.param("window.dataLayer = [...dataLayer];", ["a", "b", "c"], id="the array is replaced by a copy"),
        pytest.param("window.dataLayer = [];", ["a", "b", "c"], id="the array is replaced by another"),
        pytest.param("opEcomTracker.start({ api: '/', datalayer: '' });", ["a", "b", "c"], id="it is started again"),
        pytest.param(
            "const other = document.createElement('script'); other.src = '%s'; document.head.append(other);",
            ["a", "b", "c"],
            id="the script is there twice",
        ),
        pytest.param(
            "opEcomTracker.consent(true); opEcomTracker.consent(true);", ["a", "b", "c"], id="consent is given again"
        ),
    ],
)
def test_entries_count_once_whatever_the_page_does(change: str, ids: list[str], tracked: Tracked) -> None:
    with tracked.visit() as visit:
        listening(tracked, ADD % "a" + ";")
        page = visit.open()
        await_reader(page)
        page.evaluate(ADD % "b")
        page.evaluate(f"() => {{ {change.replace('%s', tracked.source)} }}")
        page.wait_for_timeout(700)
        page.evaluate(ADD % "c")
        added(visit, *ids)


def test_one_object_that_is_pushed_twice_counts_twice(tracked: Tracked) -> None:
    again = (
        "window.entry = { event: 'add_to_cart', ecommerce: { items: [{ id: 'a' }] } }; dataLayer.push(entry, entry);"
    )
    with tracked.visit() as visit:
        listening(tracked, again)
        page = visit.open()
        await_reader(page)
        page.evaluate("(dataLayer.push(entry), dataLayer.push(entry))")
        added(visit, *["a"] * 4)


def test_an_array_of_another_name_that_the_page_makes_late(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        listening(tracked, ADD % "of the other array" + ";", datalayer="gtmLayer")
        page = visit.open()
        page.evaluate("window.gtmLayer = [{ event: 'add_to_cart', ecommerce: { items: [{ item_id: 'late' }] } }]")
        page.wait_for_function("!/native code/.test(gtmLayer.push)")
        page.evaluate("gtmLayer.push({ event: 'add_to_cart', items: [{ item_id: 'later' }] })")
        added(visit, "late", "later")


def test_push_gives_the_page_what_it_gave_before(tracked: Tracked) -> None:
    """Also to those who look at the array, or call it by another object."""
    with tracked.visit() as visit:
        listening(tracked)
        page = visit.open()
        await_reader(page)
        told = page.evaluate("""() => {
            const other = [], results = [dataLayer.push({}), dataLayer.push({}, {}), dataLayer.push.call(other, 1, 2)];
            let thrown = false;
            try { dataLayer.push.call(null, {}); } catch { thrown = true; }
            return [results, other, Object.keys(dataLayer), thrown];
        }""")
        assert told == [[1, 3, 2], [1, 2], ["0", "1", "2"], True]


FOREIGN = """
    const cyclic = { event: 'add_to_cart', ecommerce: { items: [{ item_id: 'cyclic' }] } };
    cyclic.self = cyclic.ecommerce.self = cyclic.ecommerce.items[0].self = cyclic;
    dataLayer.push(cyclic, window, document, document.body, navigator, new Error('x'), new Proxy({}, {}));
    cyclic.ecommerce.items.push(cyclic);
"""


def test_cyclic_and_foreign_objects(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines = warnings(visit)
        listening(tracked)
        page = visit.open()
        await_reader(page)
        page.evaluate(f"() => {{ {FOREIGN} }}")
        added(visit, "cyclic")
    assert not lines


def test_getters_that_throw_cost_one_line(tracked: Tracked) -> None:
    bad = """
        for (let index = 0; index < 5; index++) {
            dataLayer.push({ get event() { throw new Error('no'); } });
            dataLayer.push({ event: 'view_cart', get ecommerce() { throw new Error('no'); } });
            dataLayer.push({ ecommerce: { get add() { throw new Error('no'); } } });
        }
        const { proxy, revoke } = Proxy.revocable({}, {});
        dataLayer.push(proxy);
        revoke();
    """
    with tracked.visit() as visit:
        lines = warnings(visit)
        listening(tracked, bad + ADD % "a" + ";")
        page = visit.open()
        await_reader(page)
        page.evaluate(f"() => {{ {bad} }}")
        page.evaluate(ADD % "b")
        added(visit, "a", "b")
    (line,) = lines
    assert "dataLayer has entries that cannot be read" in line


def test_a_frozen_array_is_read_as_it_stands(tracked: Tracked) -> None:
    frozen = """
        const freeze = (given) => { Object.values(given).forEach((each) => Object(each) === each && freeze(each));
            return Object.freeze(given); };
        freeze(dataLayer);
    """
    with tracked.visit() as visit:
        lines = warnings(visit)
        listening(tracked, ADD % "a" + ";" + frozen)
        page = visit.open()
        page.wait_for_timeout(1_200)
        assert (
            page.evaluate("(() => { try { dataLayer.push({}); } catch (error) { return error.name; } })()")
            == "TypeError"
        )
        added(visit, "a")
    assert not lines


def test_of_a_huge_array_the_end_counts(tracked: Tracked) -> None:
    huge = "for (let index = 0; index < 200000; index++) dataLayer.push({ event: 'search' });"
    with tracked.visit() as visit:
        lines = warnings(visit)
        listening(tracked, ADD % "too early" + ";" + huge + "dataLayer.length = 200000;" + "dataLayer.fill({}, 1);")
        page = visit.open()
        await_reader(page)
        page.evaluate(ADD % "a")
        added(visit, "a")
    (line,) = lines
    assert "dataLayer has 200000 entries: the last 1000 of them count" in line


def test_entries_are_neither_changed_nor_kept(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        listening(tracked)
        page = visit.open()
        await_reader(page)
        assert (
            page.evaluate(f"""() => {{
            {ADD % "a"};
            const text = JSON.stringify(dataLayer);
            window.entry = new WeakRef(dataLayer.pop());
            window.array = new WeakRef(dataLayer);
            window.dataLayer = undefined;
            return text;
        }}""")
            == '[{"event":"add_to_cart","ecommerce":{"items":[{"item_id":"a"}]}}]'
        )
        added(visit, "a")
        page.wait_for_timeout(700)
        visit.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
        assert page.evaluate("[entry.deref(), array.deref()]") == [None, None]


def test_the_part_is_loaded_by_pages_with_the_setting_only(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        loaded = parts(visit)
        tracked.pages.content["*"] = tracked.page(f"<script>{GTAG}{ADD % 'a'};</script>{tracked.tag()}")
        page = visit.open()
        page.wait_for_timeout(1_000)
        assert page.evaluate("/native code/.test(dataLayer.push)")
        visit.made("session_start", "page_view")
    assert not loaded


def test_the_setting_may_stand_in_the_scripts_address(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        address = f"{tracked.source}?datalayer=dataLayer"
        tag = tracked.bare_tag(address, **tracked.settings())
        tracked.pages.content["*"] = tracked.page(f"<script>{GTAG}{ADD % 'a'};</script>{tag}")
        visit.open()
        added(visit, "a")


def test_the_array_is_read_when_there_is_consent(tracked: Tracked) -> None:
    """Then what stands there counts; what is pushed while consent is taken back does not."""
    with tracked.visit() as visit:
        loaded = parts(visit)
        listening(tracked, ADD % "a" + ";", datalayer="", consent="required")
        page = visit.open(ready=False)
        page.wait_for_timeout(700)
        assert (loaded, page.evaluate("Object.keys(localStorage)")) == ([], [])
        page.evaluate("opEcomTracker.consent(true)")
        await_reader(page)
        page.evaluate("opEcomTracker.flush()")
        added(visit, "a")
        page.evaluate("opEcomTracker.consent(false)")
        page.evaluate(ADD % "without consent")
        page.evaluate("opEcomTracker.consent(true)")
        page.evaluate(ADD % "b")
        page.evaluate("opEcomTracker.flush()")
        made = visit.made("session_start", "page_view", "commerce", "session_start", "page_view", "commerce")
    assert [event["commerce"]["items"][0]["id"] for event in made if event["type"] == "commerce"] == ["a", "b"]
