"""A cart, as the events of a session say: what is in it, what it is worth, how far the checkout is. Pure.

Its events are kept in their order, and one that comes late has them all taken again. A line of the cart is a product,
by a digest of its id: ids are long, and a worker holds many sessions.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from math import isnan, nan
from struct import Struct as Packing
from typing import NamedTuple

from ingest.commerce import Commerce, CommerceAction, CommerceItem

#: How far the checkout is, by action.
CHECKOUT_STEPS: dict[str, int] = {"begin_checkout": 1, "add_shipping_info": 2, "add_payment_info": 3}
#: Events of a session that move its cart, the first in their order; those after them leave it as it stands then.
CART_EVENTS = 200
#: The product of which a page says no id.
UNNAMED = bytes(8)
DIGEST_BYTES = 8
#: An item, packed: digest, quantity, price of one (NaN where unknown).
_ITEM = Packing(f"<{DIGEST_BYTES}sdd")
#: Beyond this many digits an amount is noise of floating point.
_DIGITS = 6


class CartEvent(NamedTuple):
    """What an event does to the cart; `action` is `purchase` for an order. Sorts as the session's events do."""

    at: int
    id: bytes
    verified: bool
    action: CommerceAction | str
    items: bytes = b""
    #: NaN where the page gave none.
    value: float = nan
    currency: str = ""


class CartLine(NamedTuple):
    """A product in the cart. The quantity is NaN where a page gave only the cart's value, the worth where no price."""

    quantity: float
    worth: float
    currency: str


class Cart:
    """The lines by product, and the furthest step of the checkout since the cart was empty."""

    __slots__ = ("lines", "step")

    def __init__(self) -> None:
        self.lines: dict[bytes, CartLine] = {}
        self.step = 0

    def take(self, event: CartEvent) -> None:
        """Change the cart by the event that follows all that it has taken."""
        action = event.action
        if action == "add_to_cart":
            self._add(event)
        elif action == "remove_from_cart":
            self._remove(event)
        elif action == "purchase":
            self._empty()
        else:
            if event.items:
                self.lines.clear()
                self._add(event)
            elif action == "view_cart" and event.value == 0:
                self._empty()
            elif event.value > 0 and not self.lines:
                self.lines[UNNAMED] = CartLine(nan, event.value, event.currency)
            self.step = max(self.step, CHECKOUT_STEPS.get(action, 0))

    @property
    def quantity(self) -> float | None:
        """How many pieces are in it; None where a page gave its value only."""
        return _known(sum([line.quantity for line in self.lines.values()], 0.0))

    @property
    def value(self) -> float | None:
        """What it is worth; None where a price is unknown, or where prices are of several currencies."""
        if len({line.currency for line in self.lines.values() if line.currency}) > 1:
            return None
        return _known(sum([line.worth for line in self.lines.values()], 0.0))

    def _add(self, event: CartEvent) -> None:
        for product, quantity, price in _unpacked(event):
            line = self.lines.get(product)
            if line is None:
                self.lines[product] = CartLine(quantity, quantity * price, event.currency)
                continue
            worth = line.worth + quantity * price
            if line.currency and event.currency and line.currency != event.currency:
                worth = nan
            self.lines[product] = CartLine(line.quantity + quantity, worth, line.currency or event.currency)

    def _remove(self, event: CartEvent) -> None:
        """Never below nothing: what is not in the cart cannot be taken out of it."""
        lines = self.lines
        for product, quantity, _ in _unpacked(event):
            known = self._line_of(product)
            if known is None:
                continue
            line = lines[known]
            if not line.quantity > quantity:
                del lines[known]
                continue
            left = line.quantity - quantity
            lines[known] = CartLine(left, line.worth * (left / line.quantity), line.currency)
        if not lines:
            self.step = 0

    def _line_of(self, product: bytes) -> bytes | None:
        """The line from which a product is taken: its own, else that of unnamed ones; the last for one of no name."""
        if product in self.lines:
            return product
        if UNNAMED in self.lines:
            return UNNAMED
        return next(reversed(self.lines), None) if product == UNNAMED else None

    def _empty(self) -> None:
        self.lines.clear()
        self.step = 0


class CartEvents:
    """The events that move a cart in their order, whatever order they come in, and the cart as they leave it."""

    __slots__ = ("_cart", "_events")

    def __init__(self) -> None:
        self._cart = Cart()
        self._events: list[CartEvent] = []

    @classmethod
    def of(cls, events: Sequence[CartEvent]) -> "CartEvents":
        """The same as these made, which are those of another one's `events`."""
        again = cls()
        again._events = list(events)
        for event in events:
            again._cart.take(event)
        return again

    @property
    def events(self) -> Sequence[CartEvent]:
        """Those that count, in their order."""
        return self._events

    def take(self, event: CartEvent) -> Cart:
        """Take an event; returns the cart as it is then."""
        events = self._events
        place = bisect_left(events, event[:3], key=lambda known: known[:3])
        if place < CART_EVENTS:
            events.insert(place, event)
            if place == len(events) - 1:
                self._cart.take(event)
            else:
                del events[CART_EVENTS:]
                self._cart = Cart()
                for each in events:
                    self._cart.take(each)
        return self._cart


def packed(commerce: Commerce) -> bytes:
    """The items of an event.

    Where the event has a value and some items have no price, what the others leave of the value is shared among them by
    quantity.
    """
    items = commerce.items
    unpriced = sum([item.quantity for item in items if item.price is None])
    price = nan
    if unpriced and commerce.value is not None:
        rest = commerce.value - sum([item.quantity * item.price for item in items if item.price is not None])
        price = rest / unpriced if rest >= 0 else nan
    return b"".join(
        [_ITEM.pack(digest(item), item.quantity, price if item.price is None else item.price) for item in items]
    )


def digest(item: CommerceItem) -> bytes:
    """What stands for a product."""
    return blake2b(item.id.encode(), digest_size=DIGEST_BYTES).digest()


def _unpacked(event: CartEvent) -> Iterator[tuple[bytes, float, float]] | Sequence[tuple[bytes, float, float]]:
    """The items of an event; one of no name where it gave none."""
    return _ITEM.iter_unpack(event.items) if event.items else ((UNNAMED, 1.0, event.value),)


def _known(amount: float) -> float | None:
    return None if isnan(amount) else round(amount, _DIGITS)
