"""Pages of the log of deliveries, by what a reader asks for. Blocking; raises DatabaseUnavailableError."""

from collections.abc import Collection

from msgspec import Struct
from sqlalchemy import Engine, and_, or_, select

from storage.database.sites import of_sites
from storage.webhooks.database import reading
from storage.webhooks.deliveries import Delivery, State
from storage.webhooks.tables import deliveries

_t = deliveries.c


class DeliveryFilter(Struct, frozen=True, kw_only=True):
    """Which deliveries; None and "" stand for all. `sites` are those that the caller sees."""

    webhook_id: str = ""
    state: State | None = None
    site: str | None = None
    session_id: str = ""
    sites: Collection[str] | None = None


def page(engine: Engine, chosen: DeliveryFilter, after: tuple[int, str] | None, limit: int) -> list[Delivery]:
    """At most so many, the newest first, behind the one made at `after` (ms UTC) with this id."""
    query = select(deliveries).where(of_sites(_t.site, chosen.sites))
    for column, value in (
        (_t.webhook_id, chosen.webhook_id or None),
        (_t.state, chosen.state),
        (_t.session_id, chosen.session_id or None),
    ):
        if value is not None:
            query = query.where(column == value)
    if chosen.site is not None:
        query = query.where(of_sites(_t.site, [chosen.site]))
    if after is not None:
        at, name = after
        query = query.where(or_(_t.created_at < at, and_(_t.created_at == at, _t.id > name)))
    query = query.order_by(_t.created_at.desc(), _t.id).limit(limit)
    with reading(engine) as connection:
        return [Delivery(**row) for row in connection.execute(query).mappings()]
