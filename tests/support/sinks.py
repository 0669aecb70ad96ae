"""Every sink with a way to see what it keeps, so that one suite can ask them all."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, select

from deploy.processes.interpreter import of_module
from storage.database import migrate
from storage.database.engine import engine_of
from storage.database.tables import page_views, sessions
from storage.write.block import Block, TopicRecord, TopicRole, block_of, read
from storage.write.clickhouse_sink import AnalyticsSink, embedded_client, server_client
from storage.write.relational_sink import RelationalSink
from storage.write.sink import ListSink, Sink
from stream.scored import DeadLetter, Identity, ScoredSession, encode
from tests.support.migrated import copy_chdb

#: The version and the probability of a row.
Row = tuple[int, float]
#: What a sink keeps of the timeline: identity, log, offset, closed.
Moment = tuple[Identity, str, int, bool]


class Kept(Protocol):
    """What a sink keeps; None for what it does not keep at all."""

    sink: Sink

    def sessions(self) -> dict[Identity, Row]: ...

    def views(self) -> dict[tuple[Identity, str], tuple[int, float]] | None:
        """The version and the seconds of each page view."""
        ...

    def timeline(self) -> dict[Moment, float] | None: ...

    def events(self) -> dict[tuple[str, int, int], tuple[str, bytes]] | None:
        """Kind and bytes of each record of the log, by log, partition and offset."""
        ...

    def dead(self) -> dict[tuple[str, str, int, int], tuple[str, bytes]] | None:
        """Reason and bytes of each dead letter."""
        ...


class KeptInLists:
    def __init__(self) -> None:
        self.sink = ListSink()

    def sessions(self) -> dict[Identity, Row]:
        return {identity: (row.version, row.probability) for identity, (_, row) in self.sink.sessions.items()}

    def views(self) -> dict[tuple[Identity, str], tuple[int, float]]:
        return {place: (version, view.seconds) for place, (_, version, view) in self.sink.views.items()}

    def timeline(self) -> dict[Moment, float]:
        return {moment: update.probability for moment, update in self.sink.timeline.items()}

    def events(self) -> dict[tuple[str, int, int], tuple[str, bytes]]:
        kinds = {
            place: read("events", partition=0, offset=0, timestamp=0, key=key, value=raw)
            for place, (key, raw) in self.sink.events.items()
        }
        return {place: (_kind(record), record.raw) for place, record in kinds.items()}

    def dead(self) -> dict[tuple[str, str, int, int], tuple[str, bytes]]:
        return {place: (letter.reason, letter.raw) for place, letter in self.sink.dead.items()}


class KeptInSql:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sink = RelationalSink(engine)

    def sessions(self) -> dict[Identity, Row]:
        t = sessions.c
        with self.engine.connect() as connection:
            rows = connection.execute(select(t.site, t.session_id, t.opened_at, t.version, t.probability))
            return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}

    def views(self) -> dict[tuple[Identity, str], tuple[int, float]]:
        t = page_views.c
        with self.engine.connect() as connection:
            query = select(t.site, t.session_id, t.opened_at, t.event_id, t.version, t.duration_seconds)
            return {((row[0], row[1], row[2]), row[3]): (row[4], row[5]) for row in connection.execute(query)}

    def timeline(self) -> None:
        return None

    def events(self) -> None:
        return None

    def dead(self) -> None:
        return None


class KeptInClickHouse:
    def __init__(self, client: Any) -> None:
        self.sink = AnalyticsSink(client)
        self._reader = client

    def sessions(self) -> dict[Identity, Row]:
        rows = self._rows(
            "SELECT site, session_id, toUnixTimestamp64Milli(opened_at), max(version), argMax(probability, version) "
            "FROM scored_sessions FINAL GROUP BY site, session_id, opened_at"
        )
        return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}

    def views(self) -> None:
        return None

    def timeline(self) -> dict[Moment, float]:
        rows = self._rows(
            "SELECT site, session_id, toUnixTimestamp64Milli(opened_at), log, offset, closed, probability "
            "FROM scored_sessions FINAL"
        )
        return {((row[0], row[1], row[2]), row[3], row[4], row[5]): row[6] for row in rows}

    def events(self) -> dict[tuple[str, int, int], tuple[str, bytes]]:
        rows = self._rows("SELECT log, partition, offset, kind, hex(raw) FROM events FINAL")
        return {(row[0], row[1], row[2]): (row[3], bytes.fromhex(row[4])) for row in rows}

    def dead(self) -> dict[tuple[str, str, int, int], tuple[str, bytes]]:
        rows = self._rows("SELECT log, topic, partition, offset, reason, hex(raw) FROM dead_letters FINAL")
        return {(row[0], row[1], row[2], row[3]): (row[4], bytes.fromhex(row[5])) for row in rows}

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return list(self._reader.query(query).result_rows)


@contextmanager
def sql(url: str) -> Iterator[Engine]:
    """An engine of a database with the newest schema."""
    engine = engine_of(url)
    migrate.migrate(migrate.relational_kind(engine), migrate.relational_run(engine))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def clickhouse(folder: Path) -> Iterator[Any]:
    """A client of a chDB with the newest schema; one folder at a time in a process."""
    copy_chdb(folder)
    client = embedded_client(str(folder), "opecom")
    try:
        migrate.migrate("clickhouse", migrate.clickhouse_run(client))
        yield client
    finally:
        client.close()


@contextmanager
def clickhouse_front(folder: Path) -> Iterator[int]:
    """The port of a ClickHouse without our database; see deploy/chaos/clickhouse_front.py."""
    program = of_module("deploy.chaos.clickhouse_front")
    with subprocess.Popen([*program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.stdin.close()


@contextmanager
def clickhouse_by_server(folder: Path) -> Iterator[Any]:
    """A client that reaches a ClickHouse by HTTP, with the newest schema."""
    with clickhouse_front(folder) as port:
        client = server_client("127.0.0.1", port, "default", "", "opecom", make=True)
        try:
            migrate.migrate("clickhouse", migrate.clickhouse_run(client))
            yield client
        finally:
            client.close()


#: Both ways to a ClickHouse, by what the parameters of tests call them.
CLICKHOUSES = {"chDB": clickhouse, "a server": clickhouse_by_server}


def block(*updates: ScoredSession, log: str = "log", first: int = 0) -> Block:
    """A block of these scored sessions, as records from `first` on."""
    made, refused = block_of(log, [record("scored", first + n, encode(update)) for n, update in enumerate(updates)])
    assert not refused
    return made


def dead_block(*letters: DeadLetter, log: str = "log") -> Block:
    return block_of(log, [record("dead", n, encode(letter)) for n, letter in enumerate(letters)])[0]


def record(
    role: TopicRole, offset: int, value: bytes, key: bytes | None = b"default/s1", partition: int = 0
) -> TopicRecord:
    return read(role, partition=partition, offset=offset, timestamp=1_000 + offset, key=key, value=value)


def _kind(of: TopicRecord) -> str:
    return "undecodable" if of.content is None else "event" if of.key is not None else "control"
