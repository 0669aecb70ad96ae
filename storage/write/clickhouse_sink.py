"""The log, the timeline of scores and the dead letters in ClickHouse, by a server or by chDB inside the process.

Rows are inserted by column. A row that comes again replaces itself: every table is a ReplacingMergeTree, read with
FINAL. Nothing is updated or deleted but by `change`, for those who are forgotten.
"""

import contextlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any

import clickhouse_connect
from clickhouse_connect.datatypes.base import ClickHouseType
from clickhouse_connect.driver import exceptions, options

from ingest.events import Erase, Event, Tick, UseExperiments, UseModel, UsePages
from storage.database.columns import OPTIONAL_STRUCTS, TIMELINE_COLUMNS, StoredColumn
from storage.database.errors import DatabaseUnavailableError, RowsRefusedError
from storage.write.block import Block, TopicRecord
from storage.write.sink import REPLAY_NUMBER_MASK
from stream.codegen import absent
from stream.scored import CLOSED_BIT, DeadLetter, ScoredSession, stored_list

Columns = dict[str, Sequence[Any]]

_CONTROLS: dict[type, str] = {
    Tick: "tick",
    UseModel: "model",
    UsePages: "pages",
    Erase: "erase",
    UseExperiments: "experiments",
}
_OF_TABLES = "database = currentDatabase() AND has({tables:Array(String)}, table)"
_MUTATIONS = f"SELECT table, latest_fail_reason FROM system.mutations WHERE {_OF_TABLES} AND NOT is_done"  # noqa: S608  our names


def embedded_client(path: str, database: str) -> Any:
    """A client of the engine inside this process; one process at a time may hold `path`."""
    # At its first insert the driver looks whether the rows are a data frame, for which it imports pandas (it comes
    # with chDB): seconds in which records would wait. It works as well where there is none.
    vars(options).setdefault("pd", None)
    first = clickhouse_connect.get_client(interface="chdb", path=path)
    try:
        first.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        return clickhouse_connect.get_client(interface="chdb", path=path, database=database)
    finally:
        first.close()


def server_client(host: str, port: int, user: str, password: str, database: str, make: bool = False) -> Any:
    """A client of a ClickHouse server over HTTP, with time-outs on every wait; `make` creates a missing database."""
    if make:
        with contextlib.closing(server_client(host, port, user, password, "default")) as first:
            first.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
    return clickhouse_connect.get_client(
        host=host,
        port=port,
        username=user,
        password=password,
        database=database,
        connect_timeout=5,
        send_receive_timeout=60,
        # The writer insists itself, and one client serves several threads of the API.
        query_retries=0,
        autogenerate_session_id=False,
    )


def run_query(client: Any, query: str, given: Mapping[str, Any], **how: Any) -> Any:
    """The answer to a query with these parameters; raises DatabaseUnavailableError where ClickHouse gives none."""
    try:
        return client.query(query, parameters=given, **how)
    except (exceptions.Error, OSError) as error:
        raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error


def run_raw(client: Any, query: str, given: Mapping[str, Any]) -> bytes:
    """The same in the format RowBinary: for many rows, of which Python then makes no objects."""
    try:
        answer: bytes = client.raw_query(query, parameters=given, fmt="RowBinary")
    except (exceptions.Error, OSError) as error:
        raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error
    return answer


def command(client: Any, statement: str, given: Mapping[str, Any]) -> None:
    """Run a statement that has no answer; raises DatabaseUnavailableError where ClickHouse does not."""
    try:
        client.command(statement, parameters=given)
    except (exceptions.Error, OSError) as error:
        raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error


def change(client: Any, tables: Collection[str], statements: Sequence[str], given: Mapping[str, Any]) -> None:
    """Run mutations of these tables and return when nothing of them is left to do; raises DatabaseUnavailableError.

    They are begun and then looked after: a large table takes longer than a request may.
    """
    try:
        for statement in statements:
            client.command(f"{statement} SETTINGS mutations_sync = 0", parameters=given)
    except (exceptions.Error, OSError) as error:
        raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error
    pause = 0.01
    while left := run_query(client, _MUTATIONS, {"tables": list(tables)}).result_rows:
        failures = [why for _, why in left if why]
        if failures:
            raise DatabaseUnavailableError(f"ClickHouse cannot change {left[0][0]} yet: {failures[0][:200]}")
        time.sleep(pause)
        pause = min(pause * 2, 0.5)


def drop_changes(client: Any, tables: Collection[str]) -> None:
    """Take the finished mutations of these tables out of ClickHouse's list, which keeps a hundred of each table with
    the values they asked for; raises DatabaseUnavailableError."""
    try:
        client.command(f"KILL MUTATION WHERE {_OF_TABLES} AND is_done SYNC", parameters={"tables": list(tables)})
    except (exceptions.Error, OSError) as error:
        raise DatabaseUnavailableError(str(error).partition("\n")[0][:300]) from error


class AnalyticsSink:
    """`client` is a clickhouse_connect client that serves threads: in the store process the query API reads with it."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._types: dict[str, dict[str, ClickHouseType]] = {}

    def write(self, block: Block) -> None:
        try:
            if block.scored:
                columns = scored_columns(block.log, [(record.partition, update) for record, update in block.scored])
                if columns["version"]:
                    self._insert("scored_sessions", columns)
            if block.events:
                self._insert("events", event_columns(block.log, block.events))
            if block.dead:
                self._insert("dead_letters", dead_columns(block.dead))
        except exceptions.DataError as error:
            raise RowsRefusedError(str(error)) from error
        except (exceptions.Error, OSError) as error:
            raise DatabaseUnavailableError(str(error).partition("\n")[0]) from error

    def _insert(self, table: str, columns: Columns) -> None:
        types = self._types.get(table)
        if types is None:
            context = self._client.create_insert_context(table)
            types = dict(zip(context.column_names, context.column_types, strict=True))
            self._types[table] = types
        self._client.insert(
            table,
            list(columns.values()),
            column_names=list(columns),
            column_types=[types[name] for name in columns],
            column_oriented=True,
        )


def _getters(columns: Sequence[StoredColumn]) -> list[tuple[str, list[tuple[str, Callable[[Any], Any]]]]]:
    """For each struct of a record, "" for the record itself: its columns, and how each is read off the struct."""
    found: dict[str, list[tuple[str, Callable[[Any], Any]]]] = {}
    for column in columns:
        struct, _, name = column.path.rpartition(".")
        found.setdefault(struct, []).append((column.name, attrgetter(name)))
    return list(found.items())


_GETTERS = _getters(TIMELINE_COLUMNS)
#: What stands for a struct that a record does not have.
_ABSENT = {
    name: absent(column.path.rpartition(".")[2] for column in TIMELINE_COLUMNS if column.field == name)
    for name in OPTIONAL_STRUCTS
}
_LISTS = [column.name for column in TIMELINE_COLUMNS if column.is_json]


def scored_columns(log: str, with_partitions: Sequence[tuple[int, ScoredSession]]) -> Columns:
    """The columns of `scored_sessions`, one value per update; `with_partitions` are pairs of partition and update. One
    that a silence made has no row: the timeline has what events and closings say, and the next of these has it, too.

    A closing that a replay writes has the version of the replay's end offset (`cut`), but keeps its place in the
    timeline: `backfill`, the number of the replay, is 0 for live updates.
    """
    with_partitions = [each for each in with_partitions if not each[1].idle_seconds]
    updates = [update for _, update in with_partitions]
    columns: Columns = {}
    for struct, getters in _GETTERS:
        # Structs are read once for all of their columns.
        sources: Sequence[Any] = [getattr(update, struct) for update in updates] if struct else updates
        if struct in _ABSENT:
            nothing = _ABSENT[struct]
            sources = [nothing if source is None else source for source in sources]
        columns |= {name: list(map(getter, sources)) for name, getter in getters}
    for name in _LISTS:
        columns[name] = list(map(stored_list, columns[name]))
    versions = columns["version"]
    columns["log"] = [log] * len(updates)
    columns["partition"] = [partition for partition, _ in with_partitions]
    columns["closed"] = [bool(version & CLOSED_BIT) for version in versions]
    columns["backfill"] = [version & REPLAY_NUMBER_MASK for version in versions]
    return columns


def event_columns(log: str, records: Sequence[TopicRecord]) -> Columns:
    """The columns of `events`, one value per record of the log; what a record lacks is null."""
    events = [record.content if isinstance(record.content, Event) else None for record in records]
    return {
        "log": [log] * len(records),
        "partition": [record.partition for record in records],
        "offset": [record.offset for record in records],
        "appended_at": [record.timestamp for record in records],
        "kind": [_kind(record.content) for record in records],
        "site": [event and event.site for event in events],
        "session_id": [event and event.session_id for event in events],
        "visitor_id": [event and event.visitor_id for event in events],
        "event_id": [event and event.event_id for event in events],
        "type": [
            event.type if event else _control(record.content) for event, record in zip(events, records, strict=True)
        ],
        "occurred_at": [event.occurred_at if event else None for event in events],
        "received_at": [event.received_at if event else None for event in events],
        "page_type": [event.page.type if event and event.page else None for event in events],
        "path": [event.page.path if event and event.page else None for event in events],
        "amount": [event.purchase.amount if event and event.purchase else None for event in events],
        "key": [record.key for record in records],
        "raw": [record.raw for record in records],
    }


def dead_columns(dead: Sequence[tuple[TopicRecord, DeadLetter]]) -> Columns:
    """The columns of `dead_letters`, one value per letter, each with the record that brought it; the table itself knows
    the site."""
    names = ("log", "topic", "partition", "offset", "reason", "detail", "key", "raw")
    columns: Columns = {name: [getattr(letter, name) for _, letter in dead] for name in names}
    columns["dead_at"] = [record.timestamp for record, _ in dead]
    return columns


def _kind(content: object) -> str:
    """What a record is; "undecodable" as well where nothing is left of it: an erased event whose id was invalid."""
    return "event" if isinstance(content, Event) else "undecodable" if content is None else "control"


def _control(content: object) -> str | None:
    if content is None:
        return None
    return next(name for kind, name in _CONTROLS.items() if isinstance(content, kind))
