"""Everything that both databases hold of a visitor, as one JSON document, a few sessions in memory at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, select

from storage.admin.forget import Key, Visitor, VisitorDatabases, of_letters
from storage.admin.rows import session_of, view_of
from storage.database.engine import reached, snapshot
from storage.database.sites import of_sites
from storage.database.tables import page_views, sessions
from storage.webhooks.tables import deliveries
from storage.write.clickhouse_sink import run_query

#: Sessions that are read at a time.
PIECE = 20

_json = msgspec.json.Encoder()


class VisitorReads:
    """Blocking; raises DatabaseUnavailableError. `client` is a clickhouse_connect client that serves threads."""

    def __init__(self, engine: Engine, client: Any, holdings: VisitorDatabases) -> None:
        self._engine = engine
        self._client = client
        self._holdings = holdings

    def document(self, visitor: Visitor) -> Iterator[bytes] | None:
        """The pieces of the document; None where nothing is held. What is first asked for is asked for now."""
        keys, letters = self._holdings.keys(visitor), self._letters(visitor)
        if not keys and not letters:
            return None
        return self._pieces(visitor, keys, letters)

    def _pieces(self, visitor: Visitor, keys: Sequence[Key], letters: Sequence[Any]) -> Iterator[bytes]:
        yield b'{"site":%b,"visitor_id":%b,"sessions":[' % (
            _json.encode(visitor.site),
            _json.encode(visitor.visitor_id),
        )
        between = b""
        for start in range(0, len(keys), PIECE):
            for session in self._sessions(keys[start : start + PIECE]):
                yield between + _json.encode(session)
                between = b","
        yield b'],"dead_letters":%b,"deliveries":%b}' % (_json.encode(letters), _json.encode(self._sent(visitor)))

    def _sessions(self, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
        for site, session_id in keys:
            place = {"site": site, "session_id": session_id}
            with reached(), snapshot(self._engine) as connection:
                openings, views = (_rows(connection, table, site, session_id) for table in (sessions, page_views))
            yield {
                **place,
                "openings": [session_of(row) for row in openings],
                "page_views": [view_of(row) for row in views],
                "updates": list(run_query(self._client, _UPDATES, place).named_results()),
                "events": [msgspec.Raw(raw.encode()) for (raw,) in run_query(self._client, _EVENTS, place).result_rows],
            }

    def _sent(self, visitor: Visitor) -> list[dict[str, Any]]:
        """What webhooks have delivered of the visitor, or will."""
        t = deliveries.c
        of_visitor = of_sites(t.site, [visitor.site]) & (t.visitor_id == visitor.visitor_id)
        query = select(t.id, t.webhook_id, t.state, t.created_at, t.body).where(of_visitor).order_by(t.created_at)
        with reached(), self._engine.connect() as connection:
            rows = connection.execute(query).mappings()
            return [{**row, "body": msgspec.Raw(row["body"].encode())} for row in rows]

    def _letters(self, visitor: Visitor) -> list[dict[str, Any]]:
        condition, given = of_letters(visitor)
        query = f"SELECT reason, detail, topic, partition, offset, raw FROM dead_letters FINAL WHERE {condition}"  # noqa: S608
        return list(run_query(self._client, query, given).named_results())


_PLACE = "site = {site:String} AND session_id = {session_id:String}"
_UPDATES = f"SELECT * EXCEPT (log, partition, backfill, void) FROM scored_sessions FINAL WHERE {_PLACE} AND NOT void"  # noqa: S608
_EVENTS = f"SELECT raw FROM events FINAL WHERE kind = 'event' AND {_PLACE} ORDER BY log, partition, offset"  # noqa: S608


def _rows(connection: Connection, table: Any, site: str, session_id: str) -> list[Any]:
    query = select(table).where(table.c.site == site, table.c.session_id == session_id).order_by(*table.primary_key)
    return list(connection.execute(query).mappings())
