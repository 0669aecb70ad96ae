"""What orders brought: their amounts in the sessions in which they count, less what was paid back of them.

A refund is of an order of its site, whichever session either is in, and takes off no more than the order brought. It
holds while its session stands at the same version, as an order does. Sent again, also for another session, it is the
one that was first.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import fsum
from typing import Any, NamedTuple

from sqlalchemy import CompoundSelect, and_, exists, func, null, select, union_all

from ingest.events import base_site
from storage.database.money import NONE, Money
from storage.database.orders import belongs_to, had_before, has_orders
from storage.database.tables import orders, refunds, sessions

_t, _o, _r = sessions.c, orders.c, refunds.c
_its = sessions.alias("refunded_in")
#: Of a row of `orders` with one of `refunds`: whether the one is a refund of the other.
_is_refund = and_(_r.site == _o.site, _r.order_id == _o.order_id)
_holds = and_(belongs_to(refunds, _its), _its.c.status != "void")
_has_refund = exists(select(1).select_from(refunds.join(_its, _holds)).where(_is_refund))


#: Beyond this many digits what is left of an order is noise of floating point.
DIGITS = 6


class AmountRow(NamedTuple):
    """A row of `amount_rows`: the sum of orders without refunds or, with an `order_id`, an order and a refund of it."""

    begin: int
    site: str
    currency: str
    amount: float
    order_id: str | None = None
    refund_id: str | None = None
    refund_amount: float | None = None
    refund_currency: str | None = None
    refunded_at: int | None = None
    refund_opened_at: int | None = None
    refund_session_id: str | None = None

    @property
    def refund_order(self) -> tuple[Any, ...]:
        """Which of the refunds of one event was first."""
        return self.refunded_at, self.refund_opened_at, self.refund_session_id


class Brought(NamedTuple):
    """What orders brought, and what was paid back of it already."""

    begin: int
    site: str
    currency: str
    amount: float
    refunded: float = 0.0


def amount_rows(conditions: Sequence[Any], begin: Any) -> CompoundSelect[Any]:
    """One statement for the orders that count in the sessions of these conditions, as rows of AmountRow; `begin` is an
    expression of the session. A session of before there were orders has its amount, in one currency as far as anybody
    knows, and no refund finds it.
    """
    counted = (_t.revenue, ~had_before(orders), *conditions)
    of_orders = sessions.join(orders, belongs_to(orders, sessions))
    refunded = (
        select(
            *(begin, _t.site, _o.currency, _o.amount, _o.order_id, _r.event_id, _r.amount, _r.currency),
            *(_r.refunded_at, _r.opened_at, _r.session_id),
        )
        .select_from(of_orders.join(refunds, _is_refund).join(_its, _holds))
        .where(*counted)
    )
    whole = select(begin, _t.site, _o.currency, _o.amount).select_from(of_orders).where(~_has_refund, *counted)
    older = select(begin, _t.site, _t.currency, _t.amount).where(_t.revenue, ~has_orders, *conditions)
    each = union_all(whole, older).subquery("amounts").c
    sums = select(each.begin, each.site, each.currency, func.sum(each.amount), *[null()] * 7)
    return union_all(refunded, sums.group_by(each.begin, each.site, each.currency))


def less_refunds(rows: Iterable[AmountRow], money: Money) -> list[Brought]:
    """What the orders of these rows brought. Amounts of different currencies are never added up: a refund of an amount
    in another currency than its order's takes nothing off. One without a currency is in its order's.
    """
    brought: list[Brought] = []
    refunded: dict[tuple[str, str | None], dict[str | None, AmountRow]] = defaultdict(dict)
    for row in rows:
        if row.order_id is None:
            brought.append(Brought(row.begin, row.site, row.currency, float(row.amount)))
            continue
        known = refunded[row.site, row.order_id]
        first = known.get(row.refund_id)
        if first is None or row.refund_order < first.refund_order:
            known[row.refund_id] = row
    for parts in refunded.values():
        order = next(iter(parts.values()))
        back = min(order.amount, fsum([_taken_back(part, money) for part in parts.values()]))
        left = round(order.amount - back, DIGITS)
        brought.append(Brought(order.begin, order.site, order.currency, left, back))
    return brought


def _taken_back(row: AmountRow, money: Money) -> float:
    if row.refund_amount is None:
        return row.amount
    reporting = money.get(base_site(row.site), NONE)
    given, expected = row.refund_currency or row.currency, reporting.spelled(row.currency)
    return row.refund_amount if reporting.spelled(given) == expected else 0.0
