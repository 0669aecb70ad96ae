"""What a page says of products and its cart by `track`, and what becomes of it where it says it badly."""

import uuid
from typing import Any

import pytest

from deploy.processes.ports import wait_until
from tests.support.browser_clock import MINUTE, hours, still
from tests.support.tracked import SECONDS, Tracked, Visit, counted, held

MUG, CUP = {"id": "mug", "quantity": 2, "price": 9.5}, {"id": "cup"}
#: A list of items as a page may have it that does not check its own.
ITEMS = "[{ item_id: 'mug', price: '9.50', quantity: 2 }, { item_id: 'cup' }, %s]"


def warnings(visit: Visit) -> list[str]:
    """The lines that the tracker writes into the console of this visitor's pages, from now on."""
    lines: list[str] = []
    visit.context.on(
        "console", lambda message: lines.append(message.text) if "OP-ECOM tracker" in message.text else None
    )
    return lines


def parts(visit: Visit) -> list[str]:
    """The names of the parts that this visitor's pages ask for, from now on."""
    names: list[str] = []
    visit.context.on(
        "request", lambda request: names.append(request.url.split(".")[-2]) if request.url.endswith(".mjs") else None
    )
    return names


def test_actions_with_the_items_of_google_analytics(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines, loaded = warnings(visit), parts(visit)
        page = visit.open()
        page.evaluate("""() => {
            const item = { item_id: 'SKU-1', item_name: 'Mug', price: '29.90', quantity: 2, item_brand: 'X', index: 0 };
            opEcomTracker.track('view_item', { currency: 'eur', value: 29.9, items: [{ ...item, quantity: '' }] });
            opEcomTracker.track('add_to_cart', { currency: 'EUR', value: '59.80', items: [item] });
            opEcomTracker.track('remove_from_cart', { items: [{ item_name: 'Mug' }, { id: 7, quantity: 0.5 }] });
            opEcomTracker.track('search');
            opEcomTracker.track('refund', { transaction_id: 12, value: 5 });
        }""")
        _, _, *made = visit.made("session_start", "page_view", *["commerce"] * 5)
        assert not visit.errors
    assert [event["commerce"] for event in made] == [
        {"action": "view_item", "value": 29.9, "currency": "EUR", "items": [{"id": "SKU-1", "price": 29.9}]},
        {
            "action": "add_to_cart",
            "value": 59.8,
            "currency": "EUR",
            "items": [{"id": "SKU-1", "quantity": 2, "price": 29.9}],
        },
        {"action": "remove_from_cart", "items": [{"id": "Mug"}, {"id": "7", "quantity": 0.5}]},
        {"action": "search", "items": []},
        {"action": "refund", "value": 5, "items": [], "order_id": "12"},
    ]
    assert (lines, loaded) == ([], ["commerce"])


def test_a_purchase_by_track_is_one_by_track_purchase(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        page = visit.open()
        page.evaluate("""() => {
            opEcomTracker.track('purchase', { transaction_id: 'A-1', value: '19.90', currency: 'EUR' });
            opEcomTracker.trackPurchase(19.9, { orderId: 'A-1', currency: 'EUR' });
            opEcomTracker.track('purchase', { orderId: 'A-1', value: 19.9 });
            opEcomTracker.track('purchase', { orderId: 'A-2', items: [{ id: 'mug', price: 4, quantity: 3 }] });
        }""")
        *_, first, second = visit.made("session_start", "page_view", "purchase", "purchase")
    assert first["purchase"] == {"amount": 19.9, "order_id": "A-1", "currency": "EUR"}
    assert second["purchase"] == {"amount": 12, "order_id": "A-2"}


def test_a_call_before_the_script_counts_at_its_own_time(tracked: Tracked) -> None:
    early = """addEventListener('DOMContentLoaded', () => {
        opEcomTracker.track('view_item', { items: [{ id: 'mug' }] });
        window.called = Date.now();
    });"""
    with tracked.visit(early) as visit:
        visit.context.route("**/tracker.commerce.mjs", lambda route: (page.wait_for_timeout(500), route.continue_()))
        page = visit.tab()
        page.goto(tracked.pages.url)
        counted(page)
        *_, event = visit.made("session_start", "page_view", "commerce")
        assert event["occurred_at"] == pytest.approx(page.evaluate("called"), abs=20)


#: Calls in one millisecond, of which `track` waits for its part, with the events that they make.
MIXED_CALLS = """() => {
    const { now } = Date, at = now();
    Date.now = () => at;
    opEcomTracker.trackEvent('before', 'all');
    opEcomTracker.track('begin_checkout', { value: 19 });
    opEcomTracker.trackPurchase(19, { orderId: 'A-1' });
    opEcomTracker.track('purchase', { orderId: 'A-2', value: 20 });
    opEcomTracker.page('Informational');
    opEcomTracker.track('add_to_cart', { items: [{ id: 'mug' }] });
    opEcomTracker.trackEvent('after', 'all');
    Date.now = now;
    return at;
}"""
MIXED_EVENTS = ["custom", "commerce", "purchase", "purchase", "page_view", "commerce", "custom"]


def check_mixed_calls(visit: Visit, called_at: int) -> None:
    """Check that the events of MIXED_CALLS have ids and times in the order of the calls, whoever waited."""
    start, *made = visit.made("session_start", *MIXED_EVENTS)
    assert start["event_id"] < made[0]["event_id"]
    ids, times = [event["event_id"] for event in made], [event["occurred_at"] for event in made]
    assert (ids, times) == (sorted(ids), [called_at] * len(made))
    assert {uuid.UUID(each).version for each in ids} == {7}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}
    assert [event["purchase"]["order_id"] for event in made if event["type"] == "purchase"] == ["A-1", "A-2"]
    assert [event["commerce"]["action"] for event in made if event["type"] == "commerce"] == [
        "begin_checkout",
        "add_to_cart",
    ]
    assert not visit.errors


def test_events_of_one_millisecond_have_ids_in_the_order_of_the_calls(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(pages="manual")))
        page = visit.open()
        check_mixed_calls(visit, page.evaluate(MIXED_CALLS))


def test_calls_before_the_script_have_ids_in_their_order(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(pages="manual")))
        page, script = held(visit)
        called_at = page.evaluate(MIXED_CALLS)
        script.continue_()
        counted(page)
        check_mixed_calls(visit, called_at)


def test_a_session_begins_before_the_call_that_begins_it_and_waits(tracked: Tracked) -> None:
    with still(tracked) as (visit, page):
        page.evaluate("see('hidden')")
        with hours(visit, page):
            page.clock.fast_forward(31 * MINUTE)
        page.evaluate("""() => {
            opEcomTracker.track('purchase', { orderId: 'A-3', value: 5 });
            opEcomTracker.trackEvent('after', 'it');
        }""")
        page.evaluate("opEcomTracker.flush()")
        assert wait_until(lambda: visit.accepted()[-1]["type"] == "custom", SECONDS)
        first, *later = visit.accepted()
    # A ping of the first session may arrive as late as these.
    made = [event for event in later if event["session_id"] != first["session_id"]]
    assert [event["type"] for event in made] == ["session_start", "page_view", "purchase", "custom"]
    ids = [event["event_id"] for event in made]
    assert ids == sorted(ids)
    assert len({event["session_id"] for event in made}) == 1


@pytest.mark.parametrize(
    ("call", "expected", "warning"),
    [
        pytest.param("track('addToCart', { items: [{ id: 'mug' }] })", None, "addToCart is no action", id="an action"),
        pytest.param("track(undefined)", None, "is no action", id="no action at all"),
        pytest.param("track(Symbol('x'), Symbol('y'))", None, "is no action", id="symbols"),
        pytest.param(
            f"track('add_to_cart', {{ items: {ITEMS % '{ price: 3 }'} }})",
            {"action": "add_to_cart", "items": [MUG, CUP]},
            "counts without 1 of 3 items",
            id="an item without id",
        ),
        pytest.param(
            f"track('add_to_cart', {{ items: {ITEMS % '{ id: 1, quantity: -2 }'} }})",
            {"action": "add_to_cart", "items": [MUG, CUP]},
            "counts without 1 of 3 items",
            id="a negative quantity",
        ),
        pytest.param(
            "track('add_to_cart', { items: [{ id: 'mug', quantity: -1 }] })",
            None,
            "does not count without 1 of 1 items",
            id="no item that can be read",
        ),
        pytest.param(
            "track('view_item_list', { items: Array.from({ length: 51 }, (_, index) => ({ id: index })) })",
            {"action": "view_item_list", "items": [{"id": str(index)} for index in range(50)]},
            "counts without 1 of 51 items",
            id="51 items",
        ),
        pytest.param(
            "track('view_cart', { items: new Array(1e6).fill({ id: 'a', extra: 'x'.repeat(1000) }) })",
            {"action": "view_cart", "items": [{"id": "a"}] * 50},
            "counts without 999950 of 1000000 items",
            id="a million items",
        ),
        pytest.param(
            "track('add_to_cart', { items: { id: 'mug' } })", None, "does not count without 1 of 1 items", id="no list"
        ),
        pytest.param(
            "track('add_to_cart', { value: -1, currency: 'euro', orderId: 'x'.repeat(65) })",
            {"action": "add_to_cart", "items": []},
            "counts without value, currency, orderId",
            id="value, currency and order",
        ),
        pytest.param(
            f"track('add_to_cart', (() => {{ const a = {{}}; a.id = a; return {{ a, items: {ITEMS % 'a'} }}; }})())",
            {"action": "add_to_cart", "items": [MUG, CUP]},
            "counts without 1 of 3 items",
            id="cyclic objects",
        ),
        pytest.param(
            f"track('add_to_cart', {{ items: {ITEMS % '{ get id() { throw new Error(); } }'} }})",
            {"action": "add_to_cart", "items": [MUG, CUP]},
            "counts without 1 of 3 items",
            id="a getter of an item that throws",
        ),
        pytest.param(
            "track('add_to_cart', { get items() { throw new Error(); }, get value() { throw new Error(); } })",
            None,
            "does not count without items, value",
            id="getters that throw",
        ),
        pytest.param(
            "track('view_cart', (() => { const made = Proxy.revocable({}, {}); made.revoke(); return made.proxy; })())",
            None,
            "does not count without items, value, currency",
            id="a proxy that is revoked",
        ),
    ],
)
def test_bad_input_costs_a_line_and_no_more_than_itself(
    call: str, expected: dict[str, Any] | None, warning: str, tracked: Tracked
) -> None:
    with tracked.visit() as visit:
        lines = warnings(visit)
        page = visit.open()
        page.evaluate(f"() => {{ opEcomTracker.{call}; }}")
        page.evaluate("opEcomTracker.flush()")
        page.evaluate("opEcomTracker.trackEvent('the page', 'goes on')")
        kinds = ["commerce"] if expected else []
        made = visit.made("session_start", "page_view", *kinds, "custom")
        assert [event["commerce"] for event in made if event["type"] == "commerce"] == ([expected] if expected else [])
        assert not visit.errors
    assert len(lines) == 1
    assert warning in lines[0]


def test_a_pages_objects_stay_as_they_are(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines = warnings(visit)
        page = visit.open()
        page.evaluate("opEcomTracker.track('search')")
        page.evaluate("opEcomTracker.flush()")
        # Once the part is there, what a page changes afterwards comes too late.
        page.evaluate("""() => {
            const items = Object.freeze([Object.freeze({ id: 'mug' })]), cart = { items };
            opEcomTracker.track('add_to_cart', Object.freeze({ items }));
            opEcomTracker.track('view_cart', cart);
            cart.items = [];
        }""")
        *_, added, viewed = visit.made("session_start", "page_view", *["commerce"] * 3)
        assert not visit.errors
    assert added["commerce"]["items"] == viewed["commerce"]["items"] == [{"id": "mug"}]
    assert not lines


def test_nothing_is_loaded_or_sent_without_consent(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        loaded = parts(visit)
        tracked.pages.content["*"] = tracked.page(tracked.tag(**tracked.settings(consent="required")))
        page = visit.open(ready=False)
        page.evaluate("opEcomTracker.track('add_to_cart', { items: [{ id: 'mug' }] })")
        page.evaluate("opEcomTracker.consent(true)")
        counted(page)
        page.evaluate("opEcomTracker.track('view_cart')")
        *_, event = visit.made("session_start", "page_view", "commerce")
    assert event["commerce"]["action"] == "view_cart"
    assert loaded == ["commerce"]


def test_the_rest_goes_on_though_the_part_does_not_load(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        lines = warnings(visit)
        visit.context.route("**/tracker.commerce.mjs", lambda route: route.abort())
        page = visit.open()
        page.evaluate("opEcomTracker.track('view_cart')")
        page.evaluate("opEcomTracker.trackEvent('still', 'counted')")
        visit.made("session_start", "page_view", "custom")
        assert wait_until(lambda: len(lines) == 1, SECONDS)
        assert "tracker.commerce.mjs" in lines[0]
        assert not visit.errors
