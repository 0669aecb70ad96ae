"""Orders of a site by the unit that placed them, with what was given back of each, in one currency.

Which orders count, and in which session, is said by storage/database/orders.py; what a refund takes off by refunds.py.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, select

from ingest.events import base_site
from scoring.experiments.labels import OrderRow
from storage.database.money import NONE, Money, main_currency
from storage.database.orders import belongs_to, had_before
from storage.database.refunds import AmountRow, less_refunds
from storage.database.tables import orders, refunds, sessions
from stream.experiments.definition import Unit

_t, _o, _r = sessions.c, orders.c, refunds.c
_its = sessions.alias("refunded_in")


class UnitOrders(NamedTuple):
    """Orders by unit, amounts in `currency`. `unpriced`: orders of currencies without a rate, by currency: they count
    as conversions, and their revenue as 0.
    """

    by_unit: dict[str, list[OrderRow]]
    currency: str
    unpriced: dict[str, int]


class _StoredOrder(NamedTuple):
    unit: str
    site: str
    order_id: str
    at: int
    amount: float
    currency: str


def order_query(site: str, unit: Unit, since: int, until: int) -> Select[Any]:
    """Orders of [since, until], ms UTC: one row for each refund of an order, or one without."""
    refunded = refunds.join(_its, (belongs_to(refunds, _its)) & (_its.c.status != "void"))
    placed = sessions.join(orders, belongs_to(orders, sessions))
    joined = placed.outerjoin(refunded, (_r.site == _o.site) & (_r.order_id == _o.order_id))
    unit_column = _t.visitor_id if unit == "visitor" else _t.session_id
    return (
        select(
            *(unit_column, _t.site, _o.order_id, _o.ordered_at, _o.amount, _o.currency),
            *(_r.event_id, _r.amount, _r.currency, _r.refunded_at, _r.opened_at, _r.session_id),
        )
        .select_from(joined)
        .where(_t.site == site, _t.revenue, _t.status != "void", ~had_before(orders))
        .where(_o.ordered_at >= since, _o.ordered_at <= until)
    )


def unit_orders(rows: Sequence[Any], money: Money) -> UnitOrders:
    """The rows of `order_query`, as orders."""
    placed: dict[tuple[str, str], int] = {}
    stored: list[_StoredOrder] = []
    given_back: list[AmountRow] = []
    for row in rows:
        order = _StoredOrder(*row[:6])
        key = (order.site, order.order_id)
        if key not in placed:
            placed[key] = len(stored)
            stored.append(order)
        if row[6] is not None:
            taken = AmountRow(placed[key], order.site, order.currency, order.amount, order.order_id, *row[6:])
            given_back.append(taken)
    refunded = {each.begin: each.refunded for each in less_refunds(given_back, money)}
    return _converted(stored, refunded, money)


def _converted(stored: Sequence[_StoredOrder], refunded: dict[int, float], money: Money) -> UnitOrders:
    by_unit: dict[str, list[OrderRow]] = {}
    unpriced = Counter[str]()
    reporting = money.get(base_site(stored[0].site), NONE) if stored else NONE
    main = reporting.currency or main_currency([[each.currency] for each in stored])
    for place, order in enumerate(stored):
        rate = 1.0 if (order.currency or main) == main else reporting.rate(order.currency)
        back = refunded.get(place, 0.0)
        if rate is None:
            unpriced[order.currency] += 1
            # Without a rate an order brings 0; where all of it was given back there is none.
            rate = 0.0
            if back >= order.amount > 0:
                continue
        row = OrderRow(order.unit, order.at, order.amount * rate, back * rate)
        by_unit.setdefault(order.unit, []).append(row)
    return UnitOrders(by_unit, main, dict(unpriced))
