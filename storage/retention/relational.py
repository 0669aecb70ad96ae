"""Removes what is past its retention from the relational database. Blocking; raises DatabaseUnavailableError.

A session goes by its last event, with all rows of it. What webhooks, interventions and dead letters keep of sessions
goes when the session is gone. Repeating any of it is harmless.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, delete, exists, func, not_, select, tuple_

from storage.database.engine import reached
from storage.database.sites import of_sites
from storage.database.tables import orders, page_views, refunds, sessions
from storage.dead_letters.tables import resent_letters
from storage.interventions.tables import intervention_firings, intervention_reports
from storage.retention.limits import Cutoffs
from storage.webhooks.tables import bands, deliveries

#: Sessions of one transaction.
PIECE = 500
#: Rows of a session beside its own.
_PARTS = (page_views, orders, refunds)
#: What is kept of a session elsewhere, and the column (ms UTC) by which it is old where the session is gone.
_TRACES = (
    (intervention_firings, "opened_at"),
    (intervention_reports, "reported_at"),
    (deliveries, "opened_at"),
    (bands, "opened_at"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Expiry(NamedTuple):
    """Sites, as a condition on the column of a table, and the moment (ms UTC) before which their rows go."""

    sites: list[str]
    named: bool
    before: int

    def of(self, table: Table) -> ColumnElement[bool]:
        meant = of_sites(table.c.site, self.sites)
        return meant if self.named else not_(meant)


def count_expired(engine: Engine, cutoffs: Cutoffs) -> dict[str, int]:
    """How many rows of each table `remove_expired` would remove now."""
    found: dict[str, int] = {}
    with reached(), engine.connect() as connection:
        for expiry in _expiries(cutoffs):
            for table, condition in _conditions(expiry):
                count = connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
                found[table.name] = found.get(table.name, 0) + int(count)
    return found


def remove_expired(engine: Engine, cutoffs: Cutoffs) -> Iterator[tuple[str, int]]:
    """Remove it; yields each table and the rows that were removed of it, when they are."""
    for expiry in _expiries(cutoffs):
        yield from _remove_sessions(engine, expiry)
        for table, condition in _traces(expiry):
            with reached(), engine.begin() as connection:
                count = connection.execute(delete(table).where(condition)).rowcount
            yield table.name, count


def _remove_sessions(engine: Engine, expiry: _Expiry) -> Iterator[tuple[str, int]]:
    s = sessions.c
    query = select(s.site, s.session_id, s.opened_at).where(_is_expired(expiry)).limit(PIECE)
    while True:
        with reached(), engine.begin() as connection:
            keys = [tuple(row) for row in connection.execute(query)]
            counts = [(table.name, _delete(connection, table, keys)) for table in (*_PARTS, sessions) if keys]
        yield from counts
        if len(keys) < PIECE:
            return


def _delete(connection: Connection, table: Table, keys: list[Any]) -> int:
    t = table.c
    return connection.execute(delete(table).where(tuple_(t.site, t.session_id, t.opened_at).in_(keys))).rowcount


def _expiries(cutoffs: Cutoffs) -> Iterator[_Expiry]:
    for site, before in cutoffs.rows.items():
        yield _Expiry([site], True, before)
    if cutoffs.others:
        yield _Expiry(sorted(cutoffs.rows), False, cutoffs.others)


def _conditions(expiry: _Expiry) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    for table in _PARTS:
        yield table, exists().where(_same(table), _is_expired(expiry))
    yield sessions, _is_expired(expiry)
    # Those of sessions that go first.
    for table, age in _TRACES:
        lasting = exists().where(_same(table), not_(_is_expired(expiry)))
        yield table, and_(expiry.of(table), table.c[age] < expiry.before, not_(lasting))
    yield resent_letters, _is_old_resent(expiry)


def _traces(expiry: _Expiry) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    for table, age in _TRACES:
        yield table, and_(expiry.of(table), table.c[age] < expiry.before, not_(exists().where(_same(table))))
    yield resent_letters, _is_old_resent(expiry)


def _is_expired(expiry: _Expiry) -> ColumnElement[bool]:
    at = (_EPOCH + timedelta(milliseconds=expiry.before)).replace(tzinfo=None)
    return and_(expiry.of(sessions), sessions.c.last_event_at < at)


def _is_old_resent(expiry: _Expiry) -> ColumnElement[bool]:
    return and_(expiry.of(resent_letters), resent_letters.c.claimed_at < expiry.before)


def _same(table: Table) -> ColumnElement[bool]:
    names = ("site", "session_id", "opened_at")
    return and_(*(table.c[name] == sessions.c[name] for name in names))
