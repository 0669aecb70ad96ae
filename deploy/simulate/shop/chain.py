"""The states of a visit, and the probabilities of the moves between them, by traits of the visitor. Pure.

A state is what the events of a session so far say: the page, how many products were looked at, the cart, how far the
checkout is. So what follows depends on it alone, given the visitor's traits, and whether the page is being read.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import erf, log, sqrt
from typing import NamedTuple, get_args

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from deploy.simulate.shop import parameters as table
from deploy.simulate.shop.parameters import Kind, Lever, Source, Target, Trait, VisitorClass
from ingest.events import DeviceClass

#: The furthest checkout step by the page that begins it.
STEPS: dict[Kind, int] = {"checkout": 1, "shipping": 2, "payment": 3}
PAYING_ON = (("checkout", "shipping"), ("shipping", "payment"), ("payment", "buy"))
LEVERS: tuple[Lever, ...] = get_args(Lever)
#: Where a session ends, as columns after those of the states.
ENDS: tuple[Target, Target] = ("leave", "buy")


class VisitState(NamedTuple):
    """`products` that were looked at count while the cart is empty; 3: or more, or a cart was emptied. `landing`: the
    first page."""

    kind: Kind
    products: int = 0
    cart: int = 0
    step: int = 0
    landing: bool = False


class Segment(NamedTuple):
    """Traits of a session, all of which its first event shows."""

    visitor: VisitorClass
    device: DeviceClass
    source: Source

    @property
    def traits(self) -> tuple[Trait, Trait, Trait]:
        return table.VISITORS[self.visitor], table.DEVICES[self.device], table.SOURCES[self.source]

    @property
    def share(self) -> float:
        """The share of sessions; traits are independent of each other."""
        visitor, device, source = self.traits
        return visitor.share * device.share * source.share


class Shifts(NamedTuple):
    """What is added to logarithms of weights: leaving at the first page, adding, beginning the checkout, paying on."""

    bounce: float = 0.0
    add: float = 0.0
    checkout: float = 0.0
    pay: float = 0.0


class _Moves(NamedTuple):
    """All moves as columns: from and to by number, while the page is not (0) or is (1) being read."""

    start: NDArray[np.int64]
    read: NDArray[np.int64]
    target: NDArray[np.int64]
    weight: NDArray[np.float64]
    lever: NDArray[np.int64]
    shift: NDArray[np.int64]


class Chain(Struct, frozen=True):
    """`moves`: float64[segments, read, states, states + ENDS], each row of sum 1; `reading`: the probability that a
    page of a state is read, float64[states]."""

    states: tuple[VisitState, ...]
    segments: tuple[Segment, ...]
    moves: NDArray[np.float64]
    reading: NDArray[np.float64]

    def number(self, state: VisitState) -> int:
        return _numbers()[state]

    @property
    def mean_moves(self) -> NDArray[np.float64]:
        """The moves before it is known whether the page is read, float64[segments, states, states + ENDS]."""
        read = self.reading[:, None]
        mean: NDArray[np.float64] = self.moves[:, 0] * (1 - read) + self.moves[:, 1] * read
        return mean


def chain(shifts: Shifts) -> Chain:
    """The chain of all segments."""
    moves, segments = _moves(), _segments()
    levers = np.array([[_lever(segment, lever) for lever in LEVERS] for segment in segments])
    shifted = np.exp([*shifts, 0.0])[moves.shift]
    states = _states()
    weights = np.zeros((len(segments), 2, len(states), len(states) + len(ENDS)))
    weights[:, moves.read, moves.start, moves.target] = moves.weight * shifted * levers[:, moves.lever]
    return Chain(states, segments, weights / weights.sum(-1, keepdims=True), _reading())


def entrances(source: Source) -> dict[VisitState, float]:
    """The first states of a session of this source, with their probabilities."""
    return {_landing(kind): share for kind, share in table.ENTRANCES[source].items()}


def following(state: VisitState, target: Kind) -> VisitState:
    """The state that a move leads to."""
    products, cart, step = state.products, state.cart, state.step
    if target == "product" and not cart:
        products = min(products + 1, len(table.ADD_BY_PRODUCTS))
    if target == "added":
        cart, products = cart + 1, 0
    if target == "removed":
        cart -= 1
        if not cart:
            products, step = len(table.ADD_BY_PRODUCTS), 0
    return VisitState(target, products, cart, max(step, STEPS.get(target, 0)))


def is_page(kind: Kind) -> bool:
    return kind in table.PAGES


def _landing(kind: Kind) -> VisitState:
    return VisitState(kind, int(kind == "product"), landing=True)


def _lever(segment: Segment, lever: Lever) -> float:
    if lever == "none":
        return 1.0
    visitor, device, source = (getattr(trait, lever) for trait in segment.traits)
    return float(visitor * device * source)


@lru_cache(1)
def _segments() -> tuple[Segment, ...]:
    return tuple(Segment(*traits) for traits in product(table.VISITORS, table.DEVICES, table.SOURCES))


@lru_cache(1)
def _states() -> tuple[VisitState, ...]:
    """All states that can be reached, in the order in which they are found."""
    found = {state: None for source in table.ENTRANCES for state in entrances(source)}
    waiting = list(found)
    for state in waiting:
        for target, _ in _targets(state):
            if target not in ENDS:
                reached = following(state, target)  # type: ignore[arg-type]
                if reached not in found:
                    found[reached] = None
                    waiting.append(reached)
    return tuple(found)


@lru_cache(1)
def _numbers() -> dict[VisitState, int]:
    return {state: number for number, state in enumerate(_states())}


@lru_cache(1)
def _reading() -> NDArray[np.float64]:
    return np.array([_read_share(state.kind) if is_page(state.kind) else 0.0 for state in _states()])


def _read_share(kind: Kind) -> float:
    """The probability that a log-normal time is at least READ_SECONDS."""
    _, seconds, deviation = table.PAGES[kind]
    return 0.5 - 0.5 * erf((log(table.READ_SECONDS) - log(seconds)) / deviation / sqrt(2))


def _targets(state: VisitState) -> Iterator[tuple[Target, float]]:
    """Where a state leads, with weights before traits, shifts and reading."""
    has_cart, in_checkout = state.cart > 0, state.kind in STEPS
    moves = dict(table.MOVES[state.kind])
    if state.step and not in_checkout:
        moves["checkout"] = moves.get("checkout", table.RETURN_TO_CHECKOUT) * table.CHECKOUT_AGAIN[state.step]
    for target, weight in moves.items():
        if target in ("checkout", "removed") and not has_cart:
            continue
        if target == "added" and state.cart == table.FULL_CART:
            continue
        factor = 1.0
        if target == "added" and not has_cart:
            factor = table.ADD_BY_PRODUCTS[state.products - 1]
        if has_cart and not in_checkout:
            factor = {"cart": table.CART_LOOKED_AT, "leave": table.CART_STAYS}.get(target, 1.0)
        yield target, weight * factor


@lru_cache(1)
def _moves() -> _Moves:
    rows = []
    for start, state in enumerate(_states()):
        for target, weight in _targets(state):
            lever, shift = _levers_of(state, target)
            for read in (0, 1):
                factor = _by_reading(state, target, read)
                rows.append((start, read, _column(state, target), weight * factor, LEVERS.index(lever), shift))
    columns = np.array(rows).T
    starts, reads, targets, levers, shifts = columns[[0, 1, 2, 4, 5]].astype(np.int64)
    return _Moves(starts, reads, targets, columns[3], levers, shifts)


def _column(state: VisitState, target: Target) -> int:
    if target in ENDS:
        return len(_states()) + ENDS.index(target)
    return _numbers()[following(state, target)]  # type: ignore[arg-type]


def _levers_of(state: VisitState, target: Target) -> tuple[Lever, int]:
    """What moves a weight: the lever of the traits, and the place among Shifts (the last: none)."""
    if target == "leave":
        return "leave", 0 if state.landing else len(Shifts._fields)
    if target == "added":
        return "add", 1
    if target == "checkout" and state.kind not in STEPS:
        return "checkout", 2
    if (state.kind, target) in PAYING_ON:
        return "checkout", 3
    return "none", len(Shifts._fields)


def _by_reading(state: VisitState, target: Target, read: int) -> float:
    if not is_page(state.kind):
        return 1.0
    return {"added": table.ADD_BY_READING, "leave": table.LEAVE_BY_READING}.get(target, (1.0, 1.0))[read]
