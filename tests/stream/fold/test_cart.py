"""The cart of a session, case by case: what is in it, what it is worth, how far the checkout is."""

from typing import Any

import pytest

from ingest.commerce import Commerce, CommerceItem
from ingest.events import Custom, Event, Purchase
from scoring.signals import Signals
from stream.fold.cart import CART_EVENTS
from stream.fold.commerce import PRODUCTS
from tests.support.events import NOON, event
from tests.support.log import folded, log_of

SHOE, HAT = CommerceItem("shoe", 1, 50.0), CommerceItem("hat", 2, 10.0)


def commerce(
    action: Any, *items: CommerceItem, value: float | None = None, currency: str | None = "EUR"
) -> dict[str, Any]:
    return {"type": "commerce", "commerce": Commerce(action, value, currency, items)}


def custom(label: str) -> dict[str, Any]:
    return {"type": "custom", "custom": Custom("click", "button", label)}


ORDER = {"type": "purchase", "purchase": Purchase(70.0, "o1")}


def signals_of(events: list[Event]) -> Signals:
    signals = folded(log_of(events)).sessions[-1].signals
    assert signals is not None
    return signals


def after(*members: dict[str, Any]) -> Signals:
    return signals_of([event(number, NOON + number, **each) for number, each in enumerate(members)])


@pytest.mark.parametrize(
    ("members", "cart"),
    [
        pytest.param([commerce("view_item", SHOE)], (0, 0, 0), id="looking puts nothing into it"),
        pytest.param([commerce("add_to_cart", SHOE, HAT)], (3, 70, 0), id="pieces and their prices"),
        pytest.param(
            [commerce("add_to_cart", SHOE), commerce("add_to_cart", SHOE)], (2, 100, 0), id="twice the same product"
        ),
        pytest.param(
            [commerce("add_to_cart", HAT), commerce("remove_from_cart", CommerceItem("hat"))], (1, 10, 0), id="one"
        ),
        pytest.param([commerce("add_to_cart", HAT), commerce("remove_from_cart", HAT)], (0, 0, 0), id="all out"),
        pytest.param(
            [commerce("remove_from_cart", SHOE), commerce("add_to_cart", HAT)], (2, 20, 0), id="never below nothing"
        ),
        pytest.param(
            [commerce("add_to_cart", SHOE), commerce("remove_from_cart", HAT)], (1, 50, 0), id="nothing of it"
        ),
        pytest.param(
            [commerce("add_to_cart", SHOE), commerce("view_cart", HAT)], (2, 20, 0), id="a shown cart is the cart"
        ),
        pytest.param([commerce("add_to_cart", SHOE), commerce("view_cart", value=0)], (0, 0, 0), id="shown empty"),
        pytest.param([commerce("view_cart", value=30)], (None, 30, 0), id="of a shown value the pieces are unknown"),
        pytest.param([commerce("add_to_cart", CommerceItem("x"))], (1, None, 0), id="without a price no worth"),
        pytest.param([commerce("add_to_cart", CommerceItem("x", 2), SHOE, value=80)], (3, 80, 0), id="from the value"),
        pytest.param([commerce("add_to_cart", value=25)], (1, 25, 0), id="a value without items is one piece"),
        pytest.param(
            [commerce("add_to_cart", SHOE), commerce("add_to_cart", HAT, currency="USD")], (3, None, 0), id="two"
        ),
        pytest.param(
            [commerce("add_to_cart", SHOE, currency=None), commerce("add_to_cart", HAT)], (3, 70, 0), id="one unsaid"
        ),
        pytest.param([custom("add_to_cart")], (1, None, 0), id="a custom event that names the action"),
        pytest.param([custom("add_to_cart"), custom("remove_from_cart")], (0, 0, 0), id="and out again"),
        pytest.param([commerce("add_to_cart", SHOE), custom("remove_from_cart")], (0, 0, 0), id="or the last one"),
        pytest.param([commerce("begin_checkout", SHOE)], (1, 50, 1), id="a checkout shows the cart"),
        pytest.param([commerce("add_payment_info"), commerce("add_shipping_info")], (0, 0, 3), id="the furthest step"),
        pytest.param(
            [commerce("begin_checkout", SHOE), commerce("remove_from_cart", SHOE)],
            (0, 0, 0),
            id="an emptied cart ends it",
        ),
        pytest.param([commerce("add_payment_info", SHOE), ORDER], (0, 0, 0), id="an order empties it"),
        pytest.param([ORDER, commerce("add_to_cart", SHOE)], (1, 50, 0), id="and the next cart begins"),
    ],
)
def test_the_cart_follows_its_events(members: list[dict[str, Any]], cart: tuple[Any, ...]) -> None:
    signals = after(*members)
    assert (signals.cart_quantity, signals.cart_value, signals.checkout_step) == cart


def test_actions_and_products_are_counted() -> None:
    signals = after(
        *(commerce(action, SHOE) for action in ("search", "add_to_cart", "remove_from_cart", "add_to_wishlist")),
        *(commerce("view_item_list", HAT), commerce("view_item", SHOE), commerce("select_item", CommerceItem("bag"))),
        *(custom("search"), ORDER),
    )
    counted = (signals.searches, signals.cart_adds, signals.cart_removes, signals.wishlist_adds)
    assert (*counted, signals.distinct_products) == (2, 1, 1, 1, 2)


def test_a_refund_is_no_step_of_buying() -> None:
    signals = after(commerce("add_to_cart", SHOE), commerce("refund", SHOE))
    assert (signals.cart_quantity, signals.cart_value) == (1, 50)


def test_a_flood_of_events_moves_neither_cart_nor_products_beyond_a_bound() -> None:
    items = [[CommerceItem(f"{n}-{m}", 1, 1.0) for m in range(50)] for n in range(CART_EVENTS + 20)]
    adds = [commerce("add_to_cart", *each) for each in items]
    signals = after(*adds)
    assert (signals.cart_quantity, signals.cart_value) == (50 * CART_EVENTS, 50 * CART_EVENTS)
    assert signals.distinct_products == PRODUCTS
    assert signals.cart_adds == CART_EVENTS + 20


def test_of_a_flood_the_first_events_count_in_whatever_order_they_come() -> None:
    members = [commerce("add_to_cart", CommerceItem(f"{n}", 1, float(n))) for n in range(CART_EVENTS + 9)]
    events = [event(number, NOON + number, received_at=NOON + 1_000, **each) for number, each in enumerate(members)]
    backward = signals_of(events[::-1])
    assert backward == signals_of(events)
    assert backward.cart_value == sum(range(CART_EVENTS))
