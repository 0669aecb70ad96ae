"""Which session an order counts in: of those of its site that have it, the one that had it first.

A row of `orders` holds while its session stands at the same version: a session that was stored again without the order,
or voided by a replay, has it no more. Sessions that were stored before there was this table count all that they have.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, or_, select, union_all

from storage.database.tables import orders, sessions

_t = sessions.c


def _of(each: Any, session: Any) -> ColumnElement[bool]:
    """Whether the order is one that the session has."""
    return and_(
        each.c.site == session.c.site,
        each.c.session_id == session.c.session_id,
        each.c.opened_at == session.c.opened_at,
        each.c.version == session.c.version,
        each.c.log == session.c.log,
    )


def _had_before(each: Any) -> ColumnElement[bool]:
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
    return exists(select(1).select_from(other).where(same, earlier, _of(other, its), its.c.status != "void"))


_own, _first, _counted = orders.alias("own"), orders.alias("first"), orders.alias("counted")
_has_one = exists(select(1).select_from(_own).where(_of(_own, sessions)))
_has_first = exists(select(1).select_from(_first).where(_of(_first, sessions), ~_had_before(_first)))

#: Of a row of `sessions`: 1 where it has an order that counts in it, else 0.
counted_revenue: ColumnElement[int] = case((and_(_t.revenue, or_(~_has_one, _has_first)), 1), else_=0)


def counted_amounts(conditions: Sequence[Any], *more: ColumnElement[Any]) -> Select[Any]:
    """Site, currency and amount of every order that counts in the sessions of these conditions, and `more` of them.

    A session of before there were orders has its amount, in one currency as far as anybody knows.
    """
    ordered = (
        select(_t.site, _counted.c.currency, _counted.c.amount, *more)
        .select_from(sessions.join(_counted, _of(_counted, sessions)))
        .where(_t.revenue, ~_had_before(_counted), *conditions)
    )
    older = select(_t.site, _t.currency, _t.amount, *more).where(_t.revenue, ~_has_one, *conditions)
    both = union_all(ordered, older).subquery("amounts")
    return select(both)
