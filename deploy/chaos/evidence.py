"""Collects what check.py judges: the ledger, the log, a fold of it, and both databases as they stand."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from aiokafka.structs import ConsumerRecord
from sqlalchemy import Engine, text

from deploy.chaos.check import RunEvidence
from deploy.chaos.installation import Installation
from deploy.chaos.ledger import AcceptedEvent
from deploy.chaos.recomputed import Recomputed, Tables, differences, recompute, shown_arms, stored
from deploy.chaos.topic_reader import read_topic
from deploy.settings.model import Settings
from ingest.events import Event, UndecodableError, decode
from storage.database.engine import engine_of
from storage.write.clickhouse_sink import server_client
from stream.fold.erasures import Erasures
from stream.scored import Identity

#: What a trigger of ours writes down when a row moves to an older version of the same log.
_BACKWARDS = "chaos_backwards"
#: Seconds without a change after which nothing more comes.
STANDS_STILL = 12.0
WATCHED = ("sessions", "page_views")


def watch_versions(settings: Settings) -> None:
    """Put triggers into the relational database of this run that write down each row which goes back."""
    engine = engine_of(settings.storage.url.get_secret_value())
    with engine.begin() as connection:
        columns = "kept_table VARCHAR(20), session_id VARCHAR(200), old_version BIGINT, new_version BIGINT"
        connection.execute(text(f"CREATE TABLE {_BACKWARDS} ({columns})"))
        for table in WATCHED:
            connection.exec_driver_sql(
                f"CREATE TRIGGER chaos_{table} BEFORE UPDATE ON {table} FOR EACH ROW "  # noqa: S608 - our names
                "IF NEW.version < OLD.version AND NEW.log = OLD.log THEN "
                f"INSERT INTO {_BACKWARDS} VALUES ('{table}', OLD.session_id, OLD.version, NEW.version); END IF"
            )
    engine.dispose()


def recomputed(settings: Settings) -> Recomputed:
    """What a fold of the whole log gives."""
    return asyncio.run(_recomputed(settings))


def caught_up(installation: Installation, whole: Recomputed, seconds: float, erased: int = 0) -> bool:
    """Whether both databases have as much of it as the log gives, within `seconds`.

    Of the records of `erased` visitors, so many at most, ClickHouse need not have any. False as well once nothing has
    changed for STANDS_STILL seconds.
    """
    rows = whole.tables
    wanted = (len(rows["scored_sessions"]), sum(r["event_count"] for r in rows["sessions"].values()))

    seen: tuple[int, ...] = ()
    since, complete = time.monotonic(), False

    def settled() -> bool:
        nonlocal seen, since, complete
        with ServerDatabases(installation.direct) as (engine, client):
            query = (
                "SELECT (SELECT count() FROM events FINAL), (SELECT count() FROM scored_sessions FINAL WHERE NOT void)"
            )
            records, updates = client.query(query).result_rows[0]
            with engine.connect() as connection:
                events = connection.execute(text("SELECT SUM(event_count) FROM sessions WHERE status <> 'void'"))
                counted = int(events.scalar_one() or 0)
        if seen != (records, updates, counted):
            seen, since = (records, updates, counted), time.monotonic()
        complete = (updates, counted) == wanted and whole.records - erased <= records <= whole.records
        return complete or time.monotonic() - since > STANDS_STILL

    installation.until(settled, seconds, 0.5)
    return complete


def collect(
    settings: Settings, whole: Recomputed, accepted: Mapping[str, AcceptedEvent], erased: frozenset[str] = frozenset()
) -> RunEvidence:
    """Read everything; raises KafkaError, SQLAlchemyError and ClickHouse's errors."""
    with ServerDatabases(settings) as (engine, client):
        found: Tables = stored(engine, client)
        query = "SELECT partition, offset, reason FROM dead_letters FINAL WHERE topic = 'events'"
        dead = {(partition, offset): reason for partition, offset, reason in client.query(query).result_rows}
        with engine.connect() as connection:
            backwards = connection.execute(text(f"SELECT * FROM {_BACKWARDS}")).fetchall()  # noqa: S608 - ours
    logged: dict[str, set[tuple[int, int]]] = defaultdict(set)
    records = asyncio.run(read_topic(settings.kafka, settings.kafka.events_topic))
    for record in records:
        if (event_id := _event_id(record)) is not None:
            logged[event_id].add((record.partition, record.offset))
    homes: dict[str, list[Identity]] = defaultdict(list)
    for key, row in found["scored_sessions"].items():
        if row["event_id"] is not None:
            homes[row["event_id"]].append(_identity(key))
    sessions = found["sessions"]
    return RunEvidence(
        accepted=accepted,
        logged=logged,
        homes=homes,
        counted={_identity(key): row["event_count"] for key, row in sessions.items()},
        timeline=_newest(found),
        stored={_identity(key): (row["event_count"], row["probability"]) for key, row in sessions.items()},
        dead_expected=whole.dead,
        dead_found=dead,
        differing=differences(whole.tables, found),
        backwards=[f"{table} {session}: {old} to {new}" for table, session, old, new in backwards],
        erased=erased,
        records=len(records),
        arms=shown_arms(found, whole.units),
    )


async def _recomputed(settings: Settings) -> Recomputed:
    erasures = Erasures()
    one = settings.kafka.model_copy(update={"partitions": 1})
    for record in await read_topic(one, settings.kafka.erasures_topic):
        erasures.take(record.offset, record.value)
    return await recompute(settings, erasures=erasures)


def _event_id(record: ConsumerRecord) -> str | None:
    try:
        content = decode(record.key, record.value)
    except UndecodableError:
        return None
    return content.event_id if isinstance(content, Event) else None


def _identity(key: Sequence[Any]) -> Identity:
    site, session_id, opened_at = key[:3]
    return site, session_id, opened_at


def _newest(found: Tables) -> dict[Identity, tuple[int, float]]:
    """Events and probability of each session's newest update in the timeline."""
    newest: dict[Identity, tuple[int, bool, int, float]] = {}
    for key, row in found["scored_sessions"].items():
        identity, place = _identity(key), (key[3], bool(key[4]), row["event_count"], row["probability"])
        newest[identity] = max(newest.get(identity, place), place)
    return {identity: place[2:] for identity, place in newest.items()}


class ServerDatabases:
    """Both databases of these settings."""

    def __init__(self, settings: Settings) -> None:
        storage = settings.storage
        self._engine = engine_of(storage.url.get_secret_value())
        self._client = server_client(
            storage.clickhouse_host, storage.clickhouse_port, "default", "", storage.clickhouse_database
        )

    def __enter__(self) -> tuple[Engine, Any]:
        return self._engine, self._client

    def __exit__(self, *_: object) -> None:
        with closing(self._client):
            self._engine.dispose()
