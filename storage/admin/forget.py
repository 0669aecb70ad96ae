"""Finds what both databases hold of a visitor, and takes it out: rows are deleted, events leave only their clock.

Blocking; raises DatabaseUnavailableError. Repeating any of it is harmless.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Engine, delete, func, select

from storage.database.engine import reached, truncate_log
from storage.database.sites import of_sites
from storage.database.tables import orders, page_views, refunds, sessions
from storage.dead_letters.ledger import forget as forget_resent
from storage.pages.forget import forget_counted
from storage.webhooks.forget import forget as forget_deliveries
from storage.write.clickhouse_sink import change, drop_changes, run_query
from storage.write.redaction import EMPTIED, NULL, REDACT

#: (site, session_id): all sessions of this id.
Key = tuple[str, str]
#: No visitor has this id.
_NOBODY = ""
#: Session ids of one statement.
PIECE = 500


class Visitor(Struct, frozen=True):
    """A visitor of a site, with its runs."""

    site: str
    visitor_id: str


class Deleted(Struct, frozen=True):
    """Rows that were taken out, and events of which only the clock is left."""

    sessions: int = 0
    page_views: int = 0
    updates: int = 0
    dead_letters: int = 0
    events: int = 0
    deliveries: int = 0

    def __add__(self, other: "Deleted") -> "Deleted":
        return Deleted(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


class _Change(NamedTuple):
    """A mutation: its table, what makes a row one, which rows, and the statement."""

    table: str
    row: str
    condition: str
    statement: str


class VisitorDatabases:
    """Both databases; `client` is a clickhouse_connect client that serves threads."""

    def __init__(self, engine: Engine, client: Any) -> None:
        self._engine = engine
        self._client = client

    def keys(self, visitor: Visitor) -> list[Key]:
        """The sessions in which the visitor took part."""
        t = sessions.c
        query = select(t.site, t.session_id).distinct().where(_of(sessions, visitor))
        with reached(), self._engine.connect() as connection:
            found = {(str(site), str(session_id)) for site, session_id in connection.execute(query)}
        return sorted(found.union((row[0], row[1]) for row in self._run_query(_KEYS, visitor)))

    def shared(self, visitor: Visitor) -> list[Key]:
        """Those of them in which an event has another visitor's id: it was given one later, or for the start alone."""
        return [(row[0], row[1]) for row in self._run_query(_SHARED, visitor)]

    def forget(self, visitor: Visitor, shared: Collection[Key]) -> Deleted:
        """Take out all of the visitor, and all of the sessions that it `shared` with others.

        1 deliveries of webhooks, and what dead letters were sent again as · 2 page views and sessions · 3 piece by
        piece, what pages are counted from and then updates: what a replay has voided names no visitor · 4 of shared
        sessions, piece by piece, and then of the visitor: dead letters and events, whose values become empty · 5 empty
        values of such events become null, also those of an earlier try · 6 what ClickHouse remembers of having done
        so, and SQLite's log of changes. Each is found by what comes after it, so that whoever begins again finds the
        rest.
        """
        nobody, keys = Visitor(visitor.site, _NOBODY), sorted({*self.keys(visitor), *shared})
        deleted = Deleted(deliveries=self._delete_sent(visitor, keys)) + self._delete_rows(keys)
        for piece in _pieces(keys):
            forget_counted(self._client, piece)
            deleted += Deleted(updates=self._change(_UPDATES, nobody, piece))
        for piece in _pieces(shared):
            deleted += self._change_log(nobody, piece)
        deleted += self._change_log(visitor, ())
        self._change(_EMPTIED, nobody, ())
        drop_changes(self._client, [each.table for each in (_UPDATES, _LETTERS, _EVENTS)])
        truncate_log(self._engine)
        return deleted

    def _delete_sent(self, visitor: Visitor, keys: Collection[Key]) -> int:
        with reached(), self._engine.begin() as connection:
            count = forget_deliveries(connection, visitor.site, visitor.visitor_id, [])
            forget_resent(connection, visitor.site, visitor.visitor_id, [])
            for site, ids in _by_site(keys):
                count += forget_deliveries(connection, site, visitor.visitor_id, ids)
                forget_resent(connection, site, visitor.visitor_id, ids)
        return count

    def _delete_rows(self, keys: Collection[Key]) -> Deleted:
        counts = []
        for table in (orders, refunds, page_views, sessions):
            count = 0
            for site, ids in _by_site(keys):
                with reached(), self._engine.begin() as connection:
                    where = (table.c.site == site, table.c.session_id.in_(ids))
                    count += int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())
                    connection.execute(delete(table).where(*where))
            counts.append(count)
        return Deleted(sessions=counts[3], page_views=counts[2])

    def _change_log(self, visitor: Visitor, shared: Sequence[Key]) -> Deleted:
        return Deleted(
            dead_letters=self._change(_LETTERS, visitor, shared), events=self._change(_EVENTS, visitor, shared)
        )

    def _change(self, what: _Change, visitor: Visitor, keys: Sequence[Key]) -> int:
        """Make the change to what is found of it; returns how many rows that were."""
        table, row, condition, statement = what
        # Without FINAL: a row that was replaced already is still there until parts are merged.
        ((count,),) = self._run_query(f"SELECT uniqExact({row}) FROM {table} WHERE {condition}", visitor, keys)  # noqa: S608
        if count:
            change(self._client, [table], [f"{statement} WHERE {condition}"], _given(visitor, keys))
        return int(count)

    def _run_query(self, query: str, visitor: Visitor, shared: Sequence[Key] = ()) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = run_query(self._client, query, _given(visitor, shared)).result_rows
        return rows


def of_letters(visitor: Visitor) -> tuple[str, dict[str, Any]]:
    """The dead letters of the visitor, as a condition for ClickHouse and its parameters."""
    return _OF_LETTERS, _given(visitor, ())


def _of(table: Any, visitor: Visitor) -> Any:
    return of_sites(table.c.site, [visitor.site]) & (table.c.visitor_id == visitor.visitor_id)


def _given(visitor: Visitor, keys: Sequence[Key]) -> dict[str, Any]:
    """Parameters of the conditions below; `said` and `named` are how our own JSON spells the visitor and its site."""
    site, name = visitor.site, visitor.visitor_id
    return {
        "site": site,
        "runs": f"{site}~",
        "visitor": name,
        "keys": [f"{site}/{session_id}" for site, session_id in keys],
        "said": f'"visitor_id":"{name}"',
        "named": [f'"site":"{site}"', f'"site":"{site}~'],
    }


def _by_site(keys: Collection[Key]) -> Iterator[tuple[str, list[str]]]:
    by_site = defaultdict(list)
    for site, session_id in keys:
        by_site[site].append(session_id)
    for site, ids in by_site.items():
        yield from ((site, piece) for piece in _pieces(ids))


def _pieces(items: Collection[Any]) -> Iterator[list[Any]]:
    each = iter(items)
    return iter(partial(_first, each), [])


def _first(each: Iterator[Any]) -> list[Any]:
    return list(islice(each, PIECE))


_SITE = "(ifNull(site, '') = {site:String} OR startsWith(ifNull(site, ''), {runs:String}))"
_THEIRS = f"{_SITE} AND visitor_id = {{visitor:String}}"
_IN_KEYS = "has({keys:Array(String)}, concat(ifNull(site, ''), '/', ifNull(session_id, '')))"
_KEYS = (
    f"SELECT DISTINCT ifNull(site, ''), ifNull(session_id, '') FROM events WHERE {_THEIRS} "  # noqa: S608  our names
    f"UNION DISTINCT SELECT DISTINCT site, session_id FROM scored_sessions WHERE {_THEIRS}"
)
_SHARED = (
    "SELECT DISTINCT ifNull(site, '') AS of_site, ifNull(session_id, '') AS of_session "  # noqa: S608  our names
    f"FROM events WHERE {_SITE} AND visitor_id != {{visitor:String}} AND (of_site, of_session) IN "
    f"(SELECT ifNull(site, ''), ifNull(session_id, '') FROM events WHERE {_THEIRS}) ORDER BY of_site, of_session"
)
# What cannot be decoded, but was written by us.
_MENTIONED = "(position(raw, {said:String}) > 0 AND multiSearchAny(raw, {named:Array(String)}) = 1)"
_OF_EVENTS = f"(({_THEIRS}) OR {_IN_KEYS} OR (kind = 'undecodable' AND {_MENTIONED}))"
_OF_LETTERS = (
    f"({_MENTIONED} OR (topic = 'events' AND (log, partition, offset) IN "  # noqa: S608  our names
    f"(SELECT log, partition, offset FROM events WHERE {_OF_EVENTS})))"
)
_UPDATES = _Change(
    "scored_sessions",
    "site, session_id, opened_at, log, offset, closed",
    _IN_KEYS,
    "ALTER TABLE scored_sessions DELETE",
)
_LETTERS = _Change("dead_letters", "log, topic, partition, offset", _OF_LETTERS, "ALTER TABLE dead_letters DELETE")
_EVENTS = _Change("events", "log, partition, offset", _OF_EVENTS, REDACT)
_EMPTIED = _Change("events", "log, partition, offset", EMPTIED, NULL)
