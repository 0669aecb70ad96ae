"""Which accepted events are not in the databases, each looked for by its id in four places."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy

from deploy.bench.batch_clients import OfferedEvent
from deploy.settings.model import Settings
from deploy.wiring.relational import relational
from deploy.wiring.storage import analytics


def missing(settings: Settings, accepted: Mapping[str, OfferedEvent]) -> dict[str, set[str]]:
    """Ids of accepted events, by the table that should have them and has not; empty: nothing is lost.

    ClickHouse's copy of the log and its timeline must have every event; the relational database every event's session,
    and every page view. Nobody may hold chDB meanwhile.
    """
    engine = relational(settings)
    with engine.connect() as connection:
        sessions = set(connection.execute(sqlalchemy.text("SELECT session_id FROM sessions")).scalars())
        views = set(connection.execute(sqlalchemy.text("SELECT event_id FROM page_views")).scalars())
    engine.dispose()
    client: Any
    with closing(analytics(settings)) as client:
        log, timeline = (_ids(client, table) for table in ("events", "scored_sessions"))
    found = {
        "events": accepted.keys() - log,
        "scored_sessions": accepted.keys() - timeline,
        "sessions": {name for name, event in accepted.items() if event.session_id not in sessions},
        "page_views": {name for name, event in accepted.items() if event.is_view and name not in views},
    }
    return {table: ids for table, ids in found.items() if ids}


def stored_events(settings: Settings) -> dict[str, int]:
    """How many different events each table has, or has counted. Nobody may hold chDB meanwhile."""
    engine = relational(settings)
    with engine.connect() as connection:
        counted = connection.execute(sqlalchemy.text("SELECT SUM(event_count) FROM sessions")).scalar_one()
    engine.dispose()
    client: Any
    with closing(analytics(settings)) as client:
        different = {
            table: int(client.query(f"SELECT uniqExact(event_id) FROM {table}").result_rows[0][0])  # noqa: S608
            for table in ("events", "scored_sessions")
        }
    return {"sessions": int(counted or 0), **different}


def stored_bytes(settings: Settings, folder: Path) -> dict[str, int]:
    """Bytes on disk by what holds them: both databases' tables of events and sessions, as they say themselves, and the
    topics of a Kafka whose data is in `folder`. Nobody may hold chDB meanwhile."""
    client: Any
    with closing(analytics(settings)) as client:
        parts = "SELECT table, sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
        found = {
            f"ClickHouse {table}": int(size) for table, size in client.query(f"{parts} GROUP BY table").result_rows
        }
    engine = relational(settings)
    if engine.dialect.name != "sqlite":
        sizes = (
            "SELECT table_name, data_length + index_length FROM information_schema.tables "
            "WHERE table_schema = database() AND table_name IN ('sessions', 'page_views')"
        )
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text("ANALYZE TABLE sessions, page_views")).all()
            found |= {f"MariaDB {name}": int(size) for name, size in connection.execute(sqlalchemy.text(sizes))}
    engine.dispose()
    for name, topic in (("events", settings.kafka.events_topic), ("scores", settings.kafka.scored_topic)):
        segments = [file.stat().st_size for file in folder.glob(f"kafka/{topic}-*/*.log")]
        if segments:
            found[f"Kafka {name}"] = sum(segments)
    return found


def _ids(client: Any, table: str) -> set[str]:
    rows = client.query(f"SELECT DISTINCT event_id FROM {table} WHERE event_id IS NOT NULL").result_rows  # noqa: S608
    return {row[0] for row in rows}
