"""The cart of the demonstration shop in its own score: what is reported, what it moves, how the overlay shows it."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.chaos.topic_reader import read_topic
from deploy.processes.ports import wait_until
from stream.scored import ScoredSession
from stream.scored import decode as decode_scored
from tests.support.proxy import pages
from tests.support.shop import Shop, Visit, running, until
from tests.support.tracked import apart

ADDRESS = {
    "E-mail": "ada@example.org",
    "Name": "Ada Lovelace",
    "Street and number": "St James's Square 12",
    "Postcode": "SW1Y 4JH",
    "Town": "London",
}
PROGRAM = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/140.0 Safari/537.36"
#: Seconds within which a score is on the page, or in the topic: far more than anything takes.
SECONDS = 45.0
#: The colour of the gauge, and that of the word for the band.
COLOURS = """['.gauge-fill', '.band'].map((each) => document.querySelector(each))
  .map((each, place) => getComputedStyle(each)[place ? 'color' : 'stroke'])"""


@pytest.fixture(scope="module")
def shop(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running(browser, tmp_path_factory.mktemp("cart")) as one:
        yield one


def test_the_cart_raises_the_probability_at_once_and_the_checkout_more(shop: Shop) -> None:
    with shop.visit() as visit:
        page = visit.open("/products/harbour-mug")
        page.get_by_role("button", name="Live intent").click()
        cart_is(page, "Cart: empty")
        shown = [seen(page)]
        page.get_by_label("Quantity").select_option("2")
        page.get_by_role("button", name="Add to cart").click()
        cart_is(page, "Cart: 2 items, €36.00")
        assert "2 items in the cart raise it by" in reasons(page)[0]
        expect(page.locator(".reason-name").first).to_have_text("2 items in the cart")
        shown.append(seen(page))
        page.get_by_role("link", name="Cart, 2 pieces").click()
        page.get_by_role("link", name="Go to checkout").click()
        cart_is(page, "Cart: 2 items, €36.00, checkout step 1")
        assert any(text.startswith("begun checkout raises it by ") for text in reasons(page))
        shown.append(seen(page))
        page.go_back()
        page.get_by_role("button", name="Remove Harbour mug").click()
        cart_is(page, "Cart: empty")
        assert not any("in the cart" in text for text in reasons(page))
        shown.append(seen(page))
        updates = timeline(shop, page)

    chances = [chance for chance, _, _ in shown]
    assert chances[0] < chances[1] < chances[2]
    assert chances[3] < chances[1]
    for _, band, (gauge, word) in shown:
        assert gauge == word, band
    assert len({colours for _, _, colours in shown}) == len({band for _, band, _ in shown}) >= 2
    # At once: the first update that has the cart has the probability too, and the one before had neither.
    for first in (
        next(place for place, each in enumerate(updates) if each["signals"]["cart_quantity"]),
        next(place for place, each in enumerate(updates) if each["signals"]["checkout_step"]),
    ):
        assert updates[first]["event"]["type"] == "commerce"
        assert odds(updates[first]) > 2 * odds(updates[first - 1])
    last = max(place for place, each in enumerate(updates) if each["signals"]["cart_quantity"]) + 1
    assert odds(updates[last]) < odds(updates[last - 1]) / 5


def test_what_is_done_in_the_shop_is_reported(shop: Shop) -> None:
    """By the names of Google Analytics 4, in order, and nothing of what was typed."""
    with shop.visit() as visit:
        fill_and_check_out(visit.open("/products"))
        page = visit.page
        page.get_by_role("button", name="Place the order").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, Ada")
        page.get_by_role("link", name="Cart, 0 pieces").click()
        expect(page.get_by_text("There is nothing in it yet.")).to_be_visible()
        page.evaluate("opEcomTracker.flush()")
        assert wait_until(lambda: len(reported(visit)) == 11, SECONDS), reported(visit)
        sent = visit.sent()
    shown, *steps = reported(visit)
    assert (shown["action"], len(shown["items"]), "value" in shown) == ("view_item_list", 12, False)
    assert steps == [
        step("view_item", 18.0, mug=1),
        step("add_to_cart", 36.0, mug=2),
        step("view_cart", 36.0, mug=2),
        step("add_to_cart", 54.0, mug=3),
        step("remove_from_cart", 72.0, mug=4),
        step("begin_checkout", 18.0, mug=1),
        step("add_shipping_info", 18.0, mug=1),
        step("add_payment_info", 18.0, mug=1),
        {"amount": 22.9, "currency": "EUR"},
        step("view_cart", 0.0),
    ]
    for typed in (*ADDRESS.values(), "Ada"):
        assert typed not in sent


def test_a_full_line_takes_no_more_and_reports_what_it_took(shop: Shop) -> None:
    kept = "[{ slug: 'harbour-mug', variant: 'sage', quantity: 18 }]"
    with shop.visit(f"localStorage.setItem('fennel.cart', JSON.stringify({kept}));") as visit:
        page = visit.open("/products/harbour-mug")
        page.get_by_label("Quantity").select_option("6")
        for _ in range(2):
            page.get_by_role("button", name="Add to cart").click()
        expect(page.get_by_role("link", name="Cart, 20 pieces")).to_be_visible()
        page.evaluate("opEcomTracker.flush()")
        assert wait_until(lambda: len(reported(visit)) == 2, SECONDS), reported(visit)
    assert reported(visit) == [step("view_item", 18.0, mug=1), step("add_to_cart", 36.0, mug=2)]


#: Action, value, and pieces by product.
Step = tuple[str, float | None, dict[str, int]]
#: The pages of the shop's flow with nothing but a dataLayer, as Tag Manager's guide has it: path, page type, pushes.
PLAIN: list[tuple[str, str, list[Step]]] = [
    ("/products", "ProductRelated", [("view_item_list", None, {f"product-{number}": 1 for number in range(12)})]),
    ("/products/harbour-mug", "ProductRelated", [("view_item", 18, {"harbour-mug": 1})]),
    ("/cart", "Administrative", [("view_cart", 36, {"harbour-mug": 2})]),
    ("/checkout", "Administrative", [("begin_checkout", 18, {"harbour-mug": 1})]),
]
#: What is pushed on these pages when they are there.
LATER: dict[str, list[Step]] = {
    "/products/harbour-mug": [("add_to_cart", 36, {"harbour-mug": 2})],
    "/cart": [("add_to_cart", 54, {"harbour-mug": 3}), ("remove_from_cart", 72, {"harbour-mug": 4})],
    "/checkout": [("add_shipping_info", 18, {"harbour-mug": 1}), ("add_payment_info", 18, {"harbour-mug": 1})],
}
#: Signals that do not depend on how fast the machine is.
COMPARED = (
    *("page_views", "distinct_pages", "distinct_products", "last_page_type", "searches", "cart_adds", "cart_removes"),
    *("cart_quantity", "cart_value", "checkout_step", "wishlist_adds", "device_class", "previous_sessions"),
    *("previous_purchases", "days_since_previous_session"),
)


def test_a_page_with_only_a_data_layer_gives_the_same_signals(shop: Shop) -> None:
    with shop.visit() as visit:
        fill_and_check_out(visit.open("/products"))
        by_shop = session_of(visit.page)
    said = shop.stack.opecom("tag", "--site", "default", "--datalayer")
    assert said.returncode == 0, said.stderr
    with pages() as site, shop.visit() as visit:
        site.content = {path: plain_page(kind, entries, said.stdout) for path, kind, entries in PLAIN}
        page = visit.page
        for path, _, _ in PLAIN:
            page.goto(site.url + path)
            until(page, "Boolean(window.opEcomTracker?.session()) && !/native code/.test(dataLayer.push)", SECONDS)
            for entry in LATER.get(path, []):
                page.evaluate(pushed(*entry))
            page.evaluate("opEcomTracker.flush()")
        by_layer = session_of(page)
        # Its own pages are no part of the shop.
        visit.requests.clear()
    updates = {each: wait_for_step_3(shop, each) for each in (by_shop, by_layer)}
    last = {each: updates[each][-1].signals for each in updates}
    assert {name: getattr(last[by_layer], name) for name in COMPARED} == {
        name: getattr(last[by_shop], name) for name in COMPARED
    }
    assert carts(updates[by_layer]) == carts(updates[by_shop])
    assert carts(updates[by_shop]) == [
        *((0.0, 0.0, 0), (2.0, 36.0, 0), (5.0, 90.0, 0), (1.0, 18.0, 0)),
        *((1.0, 18.0, step) for step in (1, 2, 3)),
    ]


REASONS = [
    pytest.param(
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true });",
        {},
        "Nothing is measured: this browser asks not to be tracked (Global Privacy Control).",
        id="Global Privacy Control",
    ),
    pytest.param(
        "Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' });",
        {"driven": True},
        "Nothing is measured: this browser asks not to be tracked (Do Not Track).",
        id="Do Not Track",
    ),
    pytest.param(
        "localStorage.setItem('opecom.default.consent', '0');",
        {},
        "Nothing is measured: you have not agreed to it.",
        id="consent was taken back",
    ),
    pytest.param("", {"driven": True}, "Nothing is measured: this browser looks like a program.", id="driven"),
    pytest.param("", {"user_agent": PROGRAM}, "Nothing is measured: this browser looks like a program.", id="name"),
]


@pytest.mark.parametrize(("script", "how", "said"), REASONS)
def test_the_overlay_names_why_nothing_is_measured(shop: Shop, script: str, how: dict[str, Any], said: str) -> None:
    with shop.visit(script, **how) as visit:
        page = visit.open()
        page.get_by_role("button", name="Live intent").click()
        expect(page.locator(".state")).to_have_text(said)
        expect(page.locator(".intent")).to_be_hidden()


def test_the_overlay_notices_that_consent_is_taken_back(shop: Shop) -> None:
    with shop.visit() as visit:
        page = visit.open()
        page.get_by_role("button", name="Live intent").click()
        cart_is(page, "Cart: empty")
        page.evaluate("opEcomTracker.consent(false)")
        expect(page.locator(".state")).to_have_text("Nothing is measured: you have not agreed to it.")
        expect(page.locator(".intent")).to_be_hidden()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (360, 640)], ids=["phone", "small phone"])
def test_on_a_phone_the_sheet_leaves_the_purchase_in_sight(shop: Shop, width: int, height: int) -> None:
    with shop.visit(width=width, height=height) as visit:
        page = visit.open("/products/reading-lamp")
        page.get_by_role("button", name="Live intent").click()
        cart_is(page, "Cart: empty")
        for depth in (0, 10_000):
            page.evaluate(f"scrollTo(0, {depth})")
            for name in ("Add to cart", "Close live intent"):
                assert page.get_by_role("button", name=name).evaluate(ON_TOP), (name, depth)
            assert page.locator("select[name=quantity]").evaluate(ON_TOP), depth
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        # Half of the page is left, too.
        assert page.locator("#panel").evaluate("(each) => each.getBoundingClientRect().height") < height / 2
        page.get_by_role("button", name="Add to cart").click()
        cart_is(page, "Cart: 1 item, €119.00")
        page.get_by_role("button", name="Close live intent").click()
        expect(page.locator(".buy-line")).to_have_css("position", "static")


#: Whether all of an element is in the window, and nothing lies over its middle.
ON_TOP = """(each) => {
  const { left, right, top, bottom } = each.getBoundingClientRect();
  const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  return inside && each.contains(document.elementFromPoint((left + right) / 2, (top + bottom) / 2));
}"""


def fill_and_check_out(page: Page) -> None:
    """Two mugs, then five, then one, and all of the checkout but the order."""
    page.get_by_role("link", name="Harbour mug").click()
    page.get_by_label("Quantity").select_option("2")
    page.get_by_role("button", name="Add to cart").click()
    page.get_by_role("link", name="Cart, 2 pieces").click()
    page.get_by_label("Quantity of Harbour mug").select_option("5")
    page.get_by_label("Quantity of Harbour mug").select_option("1")
    page.get_by_role("link", name="Go to checkout").click()
    for label, value in ADDRESS.items():
        page.get_by_label(label).fill(value)
    page.get_by_label("In cash").check()
    page.evaluate("opEcomTracker.flush()")


def step(action: str, value: float, mug: int = 0) -> dict[str, Any]:
    """A step with so many mugs, as the API takes it."""
    items = [{"id": "harbour-mug", "quantity": mug, "price": 18}] if mug else []
    return {"action": action, "value": value, "currency": "EUR", "items": items}


def reported(visit: Visit) -> list[dict[str, Any]]:
    """Commerce events and purchases that left the page, in order, each once; without the number of orders."""
    found: dict[str, dict[str, Any]] = {}
    for body in visit.sent().splitlines():
        for event in json.loads(body).get("events", []):
            if event["type"] in ("commerce", "purchase"):
                given = {name: value for name, value in event[event["type"]].items() if name != "order_id"}
                found[f"{event['occurred_at']} {event['event_id']}"] = given
    return [found[name] for name in sorted(found)]


def cart_is(page: Page, text: str) -> None:
    expect(page.locator(".cart-state")).to_have_text(text)


def seen(page: Page) -> tuple[float, str, tuple[str, str]]:
    """What the overlay shows: probability, band, and the colours of gauge and band."""
    probability = float(page.get_attribute(".chance", "data-probability") or -1)
    gauge, word = page.evaluate(COLOURS)
    return probability, str(page.locator(".band").text_content()), (gauge, word)


def reasons(page: Page) -> list[str]:
    return page.locator(".reason .spoken").all_text_contents()


def session_of(page: Page) -> str:
    return str(page.evaluate("opEcomTracker.session().sessionId"))


def timeline(shop: Shop, page: Page) -> list[dict[str, Any]]:
    """The session's updates, when the database has the version that the overlay shows."""
    shown, path = int(page.get_attribute(".chance", "data-version") or 0), f"/sessions/{session_of(page)}/timeline"
    updates: list[dict[str, Any]] = []

    def is_stored() -> bool:
        answer = httpx.get(shop.stack.api.url + path, headers=shop.stack.read_headers, timeout=90)
        updates[:] = answer.json()["updates"] if answer.status_code == 200 else []
        return any(each["version"] >= shown for each in updates)

    assert wait_until(is_stored, SECONDS), f"version {shown} is not in {updates}"
    return updates


def odds(update: dict[str, Any]) -> float:
    return float(update["probability"] / (1 - update["probability"]))


def plain_page(kind: str, entries: list[Step], tag: str) -> str:
    """A page with a dataLayer before the tag, and nothing else."""
    pushes = "; ".join(pushed(*entry) for entry in entries)
    script = f"<script>window.dataLayer = window.dataLayer || []; {pushes};</script>"
    html = f'<!doctype html><html lang="en"><head><title>Plain</title>{script}{tag}</head>'
    return f'{html}<body data-page-type="{kind}"><h1>Plain</h1></body></html>'


def pushed(action: str, value: float | None, pieces: dict[str, int]) -> str:
    """The pushes of one step; a dataLayer is cleared of the step before first."""
    items = [
        {"item_id": name, "item_name": name.title(), "quantity": count, "price": 18} for name, count in pieces.items()
    ]
    given = {"currency": "EUR", "items": items} | ({} if value is None else {"value": value})
    return f"dataLayer.push({{ ecommerce: null }}, {json.dumps({'event': action, 'ecommerce': given})})"


def wait_for_step_3(shop: Shop, session: str) -> list[ScoredSession]:
    """The session's records of the topic, when it has come to the last step of the checkout."""
    kafka, found = shop.stack.settings.kafka, dict[int, ScoredSession]()

    def has_come() -> bool:
        records = apart(lambda: asyncio.run(read_topic(kafka, kafka.scored_topic)))
        decoded = [decode_scored(record.value) for record in records]
        found.update({each.version: each for each in decoded if each.session_id == session})
        return bool(carts(list(found.values()))) and carts(in_order(found))[-1][2] == 3

    assert wait_until(has_come, SECONDS), carts(in_order(found))
    return in_order(found)


def in_order(found: dict[int, ScoredSession]) -> list[ScoredSession]:
    return [found[version] for version in sorted(found)]


def carts(updates: list[ScoredSession]) -> list[tuple[float | None, float | None, int]]:
    """Quantity, value and step of the checkout as they changed."""
    states: list[tuple[float | None, float | None, int]] = []
    for signals in (each.signals for each in updates):
        state = signals and (signals.cart_quantity, signals.cart_value, signals.checkout_step)
        if state and states[-1:] != [state]:
            states.append(state)
    return states
