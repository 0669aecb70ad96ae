"""One walk through the chain: a session as its events would be, each with the truth beside it. Pure."""

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from math import exp
from typing import Any, NamedTuple

import numpy as np

from deploy.simulate.shop.chain import ENDS, Chain, Segment, VisitState, entrances, is_page
from deploy.simulate.shop.goods import CURRENCY, SUCCESS, Goods, ShopProduct, path
from deploy.simulate.shop.parameters import (
    CHANGED_CART,
    LONGEST_SECONDS,
    PAGES,
    READ_SECONDS,
    REPORTED_ENDS,
    KindOfPage,
)
from deploy.simulate.shop.solve import Truth
from ingest.commerce import Commerce, CommerceAction, CommerceItem
from ingest.events import EventType, Page, Ping, Purchase

#: What a page sends when it is opened, beside its page view.
ACTIONS: dict[str, CommerceAction] = {
    "search": "search",
    "product": "view_item",
    "cart": "view_cart",
    "checkout": "begin_checkout",
    "shipping": "add_shipping_info",
    "payment": "add_payment_info",
}
#: The tracker's pings come so often while a page is engaged, which it is for so long at most; ms.
PING_MS, ENGAGED_MS = 15_000, 180_000
#: Of what is put into the cart, the share of which there are two.
IN_PAIRS = 0.15
THANKS = KindOfPage(None, 9.0, 0.6)
_DRAWS = 256


class WalkEvent(NamedTuple):
    """An event of a session, `at` ms after its start. `truth`: the probability that the session buys, given its events
    up to this one; None from its purchase on. `member` is the field of Event that belongs to the type."""

    at: int
    type: EventType
    truth: float | None
    member: dict[str, Any]


class CartEntry(NamedTuple):
    product: ShopProduct
    quantity: int


class Walker:
    """Walks through the chain of a shop."""

    def __init__(self, made: Chain, truth: Truth, goods: Goods) -> None:
        self._chain = made
        self._truth = truth
        self._goods = goods
        self._segments = {segment: number for number, segment in enumerate(made.segments)}
        self._cumulated: dict[tuple[int, int, int], list[float]] = {}

    def walk(self, segment: Segment, chance: np.random.Generator, history: dict[str, Any]) -> Iterator[WalkEvent]:
        """The events of one session; `history` belongs to its start."""
        return _Walk(self, self._segments[segment], segment, chance).events(history)

    def move(self, segment: int, read: int, state: int, draw: float) -> int:
        """The column of the next state or end."""
        key = segment, read, state
        cumulated = self._cumulated.get(key)
        if cumulated is None:
            cumulated = self._cumulated[key] = list(accumulate(self._chain.moves[segment, read, state].tolist()))
        return bisect_right(cumulated, draw * cumulated[-1])

    @property
    def chain(self) -> Chain:
        return self._chain

    @property
    def truth(self) -> Truth:
        return self._truth

    @property
    def goods(self) -> Goods:
        return self._goods


class _Walk:
    """What changes on the way: the time, the page with its product, the cart."""

    def __init__(self, walker: Walker, number: int, segment: Segment, chance: np.random.Generator) -> None:
        self._walker = walker
        self._number = number
        self._segment = segment
        self._chance = chance
        self._draws: list[float] = []
        self._at = 0
        self._opened = 0
        #: When the page has sent its last ping.
        self._pinged = -1
        self._before: str | None = None
        self._depth = 0.0
        self._product: ShopProduct | None = None
        self._cart: list[CartEntry] = []

    def events(self, history: dict[str, Any]) -> Iterator[WalkEvent]:
        made, truth, number = self._walker.chain, self._walker.truth, self._number
        yield WalkEvent(0, "session_start", float(truth.start[number]), history)
        column = made.number(self._first())
        while True:
            state = made.states[column]
            value = float(truth.state[number, column])
            yield from self._arrive(state, value)
            seconds = self._seconds(PAGES.get(state.kind, CHANGED_CART))
            read = int(is_page(state.kind) and seconds >= READ_SECONDS)
            value, left = (float(known[number, read, column]) for known in (truth.reading, truth.leaving))
            until = self._at + int(seconds * 1000)
            column = self._walker.move(number, read, column, self._draw())
            stays = column < len(made.states) and not is_page(made.states[column].kind)
            yield from self._pings(until, value)
            if not stays:
                yield from self._last_ping(until, left)
            self._at = until
            if column >= len(made.states):
                break
        if ENDS[column - len(made.states)] == "buy":
            yield from self._buy()
        elif self._draw() < REPORTED_ENDS[self._segment.device]:
            yield WalkEvent(self._at, "session_end", 0.0, {})

    def _first(self) -> VisitState:
        states = entrances(self._segment.source)
        place = bisect_right(list(accumulate(states.values())), self._draw() * sum(states.values()))
        return list(states)[place]

    def _arrive(self, state: VisitState, value: float) -> Iterator[WalkEvent]:
        """What the page sends at once."""
        if state.kind == "added":
            assert self._product is not None  # noqa: S101 - only a product's page leads here
            self._cart.append(CartEntry(self._product, 2 if self._draw() < IN_PAIRS else 1))
            yield self._commerce("add_to_cart", self._cart[-1:], value)
        elif state.kind == "removed":
            yield self._commerce("remove_from_cart", [self._cart.pop()], value)
        else:
            self._product = self._walker.goods.product(self._draw()) if state.kind == "product" else None
            yield self._view(path(state.kind, self._draw(), self._product), PAGES[state.kind], value)
            action = ACTIONS.get(state.kind)
            if action == "view_item" and self._product is not None:
                yield self._commerce(action, [CartEntry(self._product, 1)], value)
            elif action == "search":
                yield WalkEvent(self._at, "commerce", value, {"commerce": Commerce(action)})
            elif action is not None:
                yield self._commerce(action, self._cart, value)

    def _view(self, where: str, page: KindOfPage, value: float | None) -> WalkEvent:
        viewed = Page(where, page.type, self._before)
        self._before, self._opened, self._pinged, self._depth = where, self._at, -1, 0.0
        return WalkEvent(self._at, "page_view", value, {"page": viewed})

    def _commerce(self, action: CommerceAction, entries: list[CartEntry], value: float) -> WalkEvent:
        money = self._walker.goods.money
        items = tuple(
            CommerceItem(entry.product.id, float(entry.quantity), money(entry.product.cents)) for entry in entries
        )
        commerce = Commerce(action, money(_cents(entries)), CURRENCY, items)
        return WalkEvent(self._at, "commerce", value, {"commerce": commerce})

    def _pings(self, until: int, value: float | None) -> Iterator[WalkEvent]:
        """The pings of the page up to a time; the first one says that it is being read."""
        at = self._opened + PING_MS * (1 + (self._at - self._opened) // PING_MS)
        while at <= min(until, self._opened + ENGAGED_MS):
            yield self._ping(at, value)
            at += PING_MS

    def _last_ping(self, at: int, value: float | None) -> Iterator[WalkEvent]:
        """The ping with which an engaged page is left."""
        if self._pinged < at <= self._opened + ENGAGED_MS:
            yield self._ping(at, value)

    def _ping(self, at: int, value: float | None) -> WalkEvent:
        self._pinged = at
        self._depth = min(100.0, self._depth + round(45 * self._draw(), 1))
        return WalkEvent(at, "page_ping", value, {"ping": Ping(at - self._opened, self._depth)})

    def _buy(self) -> Iterator[WalkEvent]:
        """The order, verified, and the page that thanks for it."""
        amount = self._walker.goods.money(_cents(self._cart))
        order = f"order-{int(self._draw() * 2**48):012x}"
        yield WalkEvent(self._at, "purchase", None, {"purchase": Purchase(amount, order, CURRENCY, True)})
        yield self._view(SUCCESS, THANKS, None)
        until = self._at + int(1000 * self._seconds(THANKS))
        yield from self._pings(until, None)
        yield from self._last_ping(until, None)
        self._at = until

    def _seconds(self, page: KindOfPage) -> float:
        return min(page.seconds * exp(page.deviation * float(self._chance.standard_normal())), LONGEST_SECONDS)

    def _draw(self) -> float:
        if not self._draws:
            self._draws = self._chance.random(_DRAWS).tolist()
        return self._draws.pop()


def _cents(entries: list[CartEntry]) -> int:
    return sum(entry.quantity * entry.product.cents for entry in entries)
