"""Which session an order counts in: of those of its site that have it, the one that had it first.

A row of `orders` holds while its session stands at the same version: a session that was stored again without the order,
or voided by a replay, has it no more. Sessions that were stored before there was this table count all that they have.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, or_, select

from storage.database.tables import orders, sessions

_t = sessions.c


def belongs_to(each: Any, session: Any) -> ColumnElement[bool]:
    """Whether the order, or refund, is one that the session has."""
    return and_(
        each.c.site == session.c.site,
        each.c.session_id == session.c.session_id,
        each.c.opened_at == session.c.opened_at,
        each.c.version == session.c.version,
        each.c.log == session.c.log,
    )


def had_before(each: Any) -> ColumnElement[bool]:
    """Whether another session had the order before: by its time, then by the session's opening, then by its id."""
    other, its = orders.alias("other"), sessions.alias("its")
    earlier = or_(
        other.c.ordered_at < each.c.ordered_at,
        and_(
            other.c.ordered_at == each.c.ordered_at,
            or_(
                other.c.opened_at < each.c.opened_at,
                and_(other.c.opened_at == each.c.opened_at, other.c.session_id < each.c.session_id),
            ),
        ),
    )
    same = and_(other.c.site == each.c.site, other.c.order_id == each.c.order_id)
    return exists(select(1).select_from(other).where(same, earlier, belongs_to(other, its), its.c.status != "void"))


_own, _first = orders.alias("own"), orders.alias("first")
_has_first = exists(select(1).select_from(_first).where(belongs_to(_first, sessions), ~had_before(_first)))

#: Whether the session was stored since there are orders, with one that is its own.
has_orders = exists(select(1).select_from(_own).where(belongs_to(_own, sessions)))
#: Of a row of `sessions`: 1 where it has an order that counts in it, else 0.
counted_revenue: ColumnElement[int] = case((and_(_t.revenue, or_(~has_orders, _has_first)), 1), else_=0)
