"""What the commerce events of a session say, whatever order they come in: counts, products, the cart, refunds.

Counts, products and refunds are sets. The cart is not: see cart.py.
"""

from math import nan

from ingest.commerce import ACTIONS, Commerce, CommerceAction
from ingest.events import Custom, Event
from stream.fold.cart import CHECKOUT_STEPS, DIGEST_BYTES, CartEvent, CartEvents, digest, packed
from stream.fold.event_ids import event_id_text, find_packed
from stream.scored import Refund

#: Distinct products of a session that are counted.
PRODUCTS = 1_000
_CART_ACTIONS = frozenset(("add_to_cart", "remove_from_cart", "view_cart", *CHECKOUT_STEPS))
#: Actions on products that the visitor looked at or wanted; a list of products shows more than anybody sees.
_PRODUCT_ACTIONS = frozenset(("view_item", "select_item", "add_to_wishlist", "add_to_cart"))


class CommerceState:
    """Of a session that has any such event."""

    __slots__ = (
        "_products", "cart_adds", "cart_events", "cart_quantity", "cart_removes", "cart_value", "checkout_step",
        "refunds", "searches", "wishlist_adds",
    )  # fmt: skip

    def __init__(self) -> None:
        self.searches = self.cart_adds = self.cart_removes = self.wishlist_adds = self.checkout_step = 0
        #: What Cart says; None is unknown.
        self.cart_quantity: float | None = 0.0
        self.cart_value: float | None = 0.0
        #: Verified ones, in the order of their events.
        self.refunds: tuple[Refund, ...] = ()
        #: Made by the first event that moves a cart: most sessions have none.
        self.cart_events: CartEvents | None = None
        #: Digests of the products, one behind the other.
        self._products = b""

    @property
    def distinct_products(self) -> int:
        return len(self._products) // DIGEST_BYTES

    def take(self, event: Event, id_bytes: bytes, at: int) -> None:
        """Take an event that `is_commerce`; `at` is its time as the fold reads it."""
        commerce = event.commerce
        action = "purchase" if event.purchase else commerce.action if commerce else named_action(event.custom)
        if action == "search":
            self.searches += 1
        elif action == "add_to_wishlist":
            self.wishlist_adds += 1
        elif action == "add_to_cart":
            self.cart_adds += 1
        elif action == "remove_from_cart":
            self.cart_removes += 1
        elif action == "refund" and commerce is not None and commerce.verified and commerce.order_id:
            # Of one event, whose id may be spelled in several ways, always the same text.
            refund = Refund(commerce.order_id, event_id_text(id_bytes), at, commerce.value, commerce.currency or "")
            self.refunds = tuple(sorted((*self.refunds, refund), key=lambda each: (each.at, each.id)))
        if commerce is not None and action in _PRODUCT_ACTIONS:
            self._see(commerce)
        if event.purchase is not None:
            self._move_cart(CartEvent(at, id_bytes, event.purchase.verified, "purchase"))
        elif commerce is None and action in _CART_ACTIONS:
            self._move_cart(CartEvent(at, id_bytes, False, str(action)))
        elif commerce is not None and action in _CART_ACTIONS:
            value = nan if commerce.value is None else commerce.value
            self._move_cart(
                CartEvent(at, id_bytes, False, commerce.action, packed(commerce), value, commerce.currency or "")
            )

    def _see(self, commerce: Commerce) -> None:
        products = self._products
        for item in commerce.items:
            if len(products) >= PRODUCTS * DIGEST_BYTES:
                break
            product = digest(item)
            if find_packed(products, product) < 0:
                products += product
        self._products = products

    def _move_cart(self, event: CartEvent) -> None:
        if self.cart_events is None:
            self.cart_events = CartEvents()
        cart = self.cart_events.take(event)
        self.cart_quantity, self.cart_value, self.checkout_step = cart.quantity, cart.value, cart.step


def is_commerce(event: Event) -> bool:
    """Whether an event says something of the cart, of products or of an order."""
    return event.commerce is not None or event.purchase is not None or named_action(event.custom) is not None


def named_action(custom: Custom | None) -> CommerceAction | None:
    """The action that a custom event names by its label or its action: trackEvent('click', 'button', 'add_to_cart')."""
    if custom is None:
        return None
    for text in (custom.label, custom.action):
        if text in ACTIONS:
            return text  # type: ignore[return-value]
    return None
