"""The overview counted again from the updates of sessions, the slow and obvious way, without its queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from stream.scored import ScoredSession
from tests.support.overview_shop import DAY, Updates

#: What one unit of each currency is worth in euros.
RATES = {"EUR": 1.0, "USD": 0.5}
CART_PATHS, CHECKOUT_PATHS = ("/cart", "/de/warenkorb.html"), ("/checkout/payment",)
IDLE = 40 * 60 * 1000


class CountedSession(NamedTuple):
    """A session with the orders that count in it: what each brought before refunds, and what was paid back of it."""

    updates: Updates
    orders: list[tuple[str, float, float]]

    @property
    def last(self) -> ScoredSession:
        return self.updates[-1]

    @property
    def buys(self) -> bool:
        return bool(self.orders)

    @property
    def views(self) -> list[tuple[str, int]]:
        causes = [(each.event, each.occurred_at) for each in self.updates if each.version >> 11 & 1 == 0]
        return [(str(event.path), at) for event, at in causes if event.type == "page_view"]

    @property
    def live(self) -> Updates:
        """Updates with a score that is a forecast."""
        return [each for each in self.updates if each.version >> 11 & 1 == 0 and not each.revenue]

    @property
    def is_closed(self) -> bool:
        return self.last.status == "closed"

    @property
    def had_cart(self) -> bool:
        signals = [each.signals for each in self.updates if each.signals is not None]
        return any(each.cart_adds > 0 or each.cart_quantity != 0 for each in signals)


def counted(sessions: Sequence[Updates], site: str = "shop") -> list[CountedSession]:
    """The sessions of people of a site and its runs; an order counts in the session that had it first."""
    of_site = [each for each in sessions if each[-1].site.split("~")[0] == site]
    had: dict[tuple[str, str], ScoredSession] = {}
    for updates in sorted(of_site, key=lambda each: (each[-1].opened_at, each[-1].session_id)):
        for order in updates[-1].orders:
            known = had.get((updates[-1].site, order.id))
            if known is None or order.at < next(each.at for each in known.orders if each.id == order.id):
                had[updates[-1].site, order.id] = updates[-1]
    refunds = {
        (each[-1].site, refund.order_id): refund.amount or 0.0 for each in of_site for refund in each[-1].refunds
    }
    return [
        CountedSession(
            updates,
            [
                (order.currency, order.amount, refunds.get((updates[-1].site, order.id), 0.0))
                for order in updates[-1].orders
                if had[updates[-1].site, order.id] is updates[-1]
            ],
        )
        for updates in of_site
        if not updates[-1].bot
    ]


def figures(sessions: Iterable[CountedSession]) -> dict[str, Any]:
    """The numbers of Figures, but for the intervals."""
    given = list(sessions)
    orders = [order for each in given for order in each.orders]
    by_currency: dict[str, float] = defaultdict(float)
    for currency, amount, back in orders:
        by_currency[currency] += amount - back
    gross = sum(RATES[currency] * amount for currency, amount, _ in orders)
    return {
        "sessions": len(given),
        "buyers": sum(each.buys for each in given),
        "orders": len(orders),
        "average_order_value": gross / len(orders) if orders else None,
        "revenue": sum(RATES[currency] * amount for currency, amount in by_currency.items()),
        "revenue_by_currency": dict(by_currency),
        "refunded": sum(RATES[currency] * back for currency, _, back in orders),
        "unverified_purchases": sum(each.last.unverified_purchases for each in given),
    }


def funnel(sessions: Iterable[CountedSession]) -> tuple[list[int], list[int], int]:
    """Sessions that reached each step, those by the step itself, and those with an unverified purchase alone."""
    own, reached, unverified = [0] * 5, [0] * 5, 0
    for each in sessions:
        paths = {path for path, _ in each.views}
        signals = [update.signals for update in each.updates if update.signals is not None]
        steps = [
            True,
            any(u.features.ProductRelated for u in each.updates) or any(s.distinct_products for s in signals),
            each.had_cart or bool(paths & set(CART_PATHS)),
            any(s.checkout_step for s in signals) or bool(paths & set(CHECKOUT_PATHS)),
            each.buys,
        ]
        for place, came in enumerate(steps):
            own[place] += came
            reached[place] += any(steps[place:])
        unverified += bool(each.last.unverified_purchases and not each.last.revenue)
    return reached, own, unverified


def fate(cart: CountedSession, everybody: Sequence[CountedSession], days: int, now: int) -> str:
    """What became of a cart."""
    last = cart.last
    later = [
        next(update.occurred_at for update in each.updates if update.revenue)
        for each in everybody
        if each.buys and each.last.visitor_id == last.visitor_id
    ]
    ends = last.last_event_at + days * DAY
    signals = last.signals
    assert signals is not None
    if last.revenue:
        return "bought"
    if last.unverified_purchases:
        return "unverified"
    if any(last.opened_at < at <= ends for at in later):
        return "bought_later"
    if signals.cart_quantity != 0:
        return "alive" if last.last_event_at >= now - IDLE else "left"
    return "emptied"


def page_values(sessions: Iterable[CountedSession]) -> dict[str, tuple[int, int, int, float]]:
    """By path: views, sessions, buyers afterwards, what they paid by session, in euros."""
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0.0])
    for each in sessions:
        bought_at = max([u.occurred_at for u in each.updates if u.event.type == "purchase"], default=0)
        for path in {path for path, _ in each.views}:
            times = [at for seen, at in each.views if seen == path]
            count = found[path]
            count[0] += len(times)
            count[1] += 1
            if each.buys and bought_at >= min(times):
                count[2] += 1
                count[3] += sum(amount.amount * RATES[amount.currency] for amount in each.last.amounts)
    return {
        path: (int(views), int(sessions_), int(buyers), paid / sessions_)
        for path, (views, sessions_, buyers, paid) in found.items()
    }
