"""Sessions, buyers, orders and revenue by any expression of a session, in the relational database as /admin/stats has
them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import case, func, select, union_all

from storage.database.money import Money, revenue
from storage.database.orders import belongs_to, counted_revenue, had_before, has_orders
from storage.database.refunds import AmountRow, Brought, amount_rows, less_refunds
from storage.database.tables import orders, sessions
from storage.overview.answers import Figures
from storage.overview.shares import share
from storage.query.queries import RowReader

_t = sessions.c
_BANDS = ("low", "building", "high")


class SessionCounts(NamedTuple):
    """Of a group of sessions: their scores added up, and how many are in each band."""

    sessions: int = 0
    buyers: int = 0
    unverified: int = 0
    scores: float = 0.0
    bands: tuple[int, ...] = (0, 0, 0)


class OrderGroup(NamedTuple):
    """How many orders, and what they brought."""

    orders: int = 0
    brought: tuple[Brought, ...] = ()


class SessionGroup(NamedTuple):
    """A group of sessions, and the orders that count in them."""

    counts: SessionCounts
    ordered: OrderGroup


NO_ORDERS = OrderGroup()
NO_SESSIONS = SessionGroup(SessionCounts(), NO_ORDERS)


def session_groups(rows: RowReader, conditions: Sequence[Any], key: Any, money: Money) -> dict[Any, SessionGroup]:
    """The sessions of these conditions by `key`, an expression of the session."""
    begin = key.label("begin")
    bands = [func.sum(case((_t.band == band, 1), else_=0)) for band in _BANDS]
    columns = (func.count(), func.sum(counted_revenue), func.sum(_t.unverified_purchases), func.sum(_t.probability))
    counted = rows(select(begin, *columns, *bands).where(*conditions).group_by(begin))
    of_orders = order_groups(rows, conditions, key, money)
    return {
        found: SessionGroup(
            SessionCounts(int(many), int(buyers), int(unverified), float(scores), tuple(map(int, in_bands))),
            of_orders.get(found, NO_ORDERS),
        )
        for found, many, buyers, unverified, scores, *in_bands in counted
    }


def order_groups(rows: RowReader, conditions: Sequence[Any], key: Any, money: Money) -> dict[Any, OrderGroup]:
    """The orders that count in the sessions of these conditions, by `key`."""
    begin = key.label("begin")
    brought: dict[Any, list[Brought]] = defaultdict(list)
    for each in less_refunds((AmountRow(*row) for row in rows(amount_rows(conditions, begin))), money):
        brought[each.begin].append(each)
    counts = rows(_order_counts(conditions, begin))
    return {found: OrderGroup(int(many), tuple(brought[found])) for found, many in counts}


def _order_counts(conditions: Sequence[Any], begin: Any) -> Any:
    """A session of before there were orders has one."""
    with_orders = select(begin).select_from(sessions.join(orders, belongs_to(orders, sessions)))
    older = select(begin).where(_t.revenue, ~has_orders, *conditions)
    each = union_all(with_orders.where(_t.revenue, ~had_before(orders), *conditions), older).subquery("counted").c
    return select(each.begin, func.count()).group_by(each.begin)


def added(groups: Iterable[SessionGroup]) -> SessionGroup:
    """All sessions of these groups."""
    given = list(groups)
    counts = [group.counts for group in given]
    return SessionGroup(
        SessionCounts(
            sum(each.sessions for each in counts),
            sum(each.buyers for each in counts),
            sum(each.unverified for each in counts),
            sum(each.scores for each in counts),
            tuple(sum(each.bands[place] for each in counts) for place in range(len(_BANDS))),
        ),
        joined(group.ordered for group in given),
    )


def joined(groups: Iterable[OrderGroup]) -> OrderGroup:
    """All orders of these groups."""
    given = list(groups)
    return OrderGroup(sum(each.orders for each in given), tuple(one for each in given for one in each.brought))


def regrouped(groups: dict[Any, SessionGroup], name: Callable[[Any], Any]) -> dict[Any, SessionGroup]:
    """The groups by another name, those of one name added up."""
    found: dict[Any, list[SessionGroup]] = defaultdict(list)
    for key in sorted(groups):
        found[name(key)].append(groups[key])
    return {key: added(each) for key, each in found.items()}


def figures_of(group: SessionGroup, money: Money) -> Figures:
    """What a group is in an answer."""
    counts, (many, amounts) = group.counts, group.ordered
    brought = revenue(((each.site, each.currency, each.amount) for each in amounts), money)
    refunded = revenue(((each.site, each.currency, each.refunded) for each in amounts), money)
    paid_back = None if brought.total is None else refunded.total
    average = None
    if brought.total is not None and many:
        average = (brought.total + (paid_back or 0.0)) / many
    return Figures(
        sessions=counts.sessions,
        buyers=counts.buyers,
        conversion=share(counts.buyers, counts.sessions),
        orders=many,
        average_order_value=average,
        revenue=brought.total,
        currency=brought.currency,
        revenue_by_currency=brought.by_currency,
        refunded=paid_back,
        unverified_purchases=counts.unverified,
    )
