"""The orders of a session, each counted once, whatever reported it and in whatever order. Pure."""

from math import isfinite
from typing import NamedTuple

from msgspec import Struct

from ingest.events import Event
from stream.scored import CurrencyAmount, VerifiedOrder


class ReportedPurchase(NamedTuple):
    """One purchase as it was reported; those with the same `number` are the same order."""

    at: int
    id: bytes
    number: str
    amount: float
    verified: bool
    currency: str


class Orders(Struct, frozen=True, gc=False):
    """Every purchase as it was reported, and what counts of them.

    `amounts` are the sums of the verified ones by currency; `amount` and `currency` are the first of them.
    """

    reported: tuple[ReportedPurchase, ...] = ()
    revenue: bool = False
    amount: float = 0.0
    currency: str = ""
    amounts: tuple[CurrencyAmount, ...] = ()
    #: How many there are, and of these the ones that nothing has verified.
    count: int = 0
    unverified: int = 0
    verified: tuple[VerifiedOrder, ...] = ()


#: Of a session without a purchase; one for all of them.
NO_ORDERS = Orders()


def purchase_of(event: Event, id_bytes: bytes, at: int) -> ReportedPurchase:
    """The purchase of an event that has one; an order without a number has the event's id."""
    purchase = event.purchase
    assert purchase is not None  # noqa: S101 - the caller looked
    number = purchase.order_id or event.event_id
    return ReportedPurchase(at, id_bytes, number, purchase.amount, purchase.verified, purchase.currency or "")


def with_purchase(orders: Orders, purchase: ReportedPurchase) -> Orders:
    """The orders with one report more: as verified if anything says so, then as it was reported first.

    Raises OverflowError where the amounts exceed what a number holds.
    """
    reported = tuple(sorted((*orders.reported, purchase)))
    counted: dict[str, ReportedPurchase] = {}
    for each in reported:
        known = counted.get(each.number)
        if known is None or (each.verified and not known.verified):
            counted[each.number] = each
    verified = sorted(each for each in counted.values() if each.verified)
    sums: dict[str, float] = {}
    for each in verified:
        sums[each.currency] = sums.get(each.currency, 0.0) + each.amount
    if not all(map(isfinite, sums.values())):
        raise OverflowError("the amounts of the session's orders exceed what a number holds")
    currency, amount = next(iter(sums.items()), ("", 0.0))
    return Orders(
        reported,
        bool(verified),
        amount,
        currency,
        tuple([CurrencyAmount(*each) for each in sums.items()]),
        len(counted),
        len(counted) - len(verified),
        tuple([VerifiedOrder(each.number, each.at, each.amount, each.currency) for each in verified]),
    )
