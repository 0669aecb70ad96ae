"""What the running system wrote is what a fold of the events in ClickHouse gives: live = recomputed."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from deploy.chaos.ledger import Ledger
from deploy.processes.ports import wait_until
from deploy.settings.model import load
from deploy.wiring.calendars import calendars
from deploy.wiring.models import models
from ingest.events import encode, key_of
from scoring.features import NAMES
from stream.fold.mark import Mark
from stream.fold.pages import PageStatistics
from stream.fold.partition import Partition
from stream.fold.result import FoldResult
from stream.scored import ScoredSession
from stream.step import score
from tests.support.events import event
from tests.support.log import LogRecord
from tests.support.sinks import clickhouse
from tests.support.stack import Stack, new_stack, up

EVENTS = """SELECT partition, offset, toUnixTimestamp64Milli(appended_at), key, raw
FROM events FINAL ORDER BY partition, offset"""
TIMELINE = """SELECT site, session_id, toUnixTimestamp64Milli(opened_at), version, status, probability,
COLUMNS('^[A-Z]') FROM scored_sessions FINAL"""


async def append_what_ingest_would_refuse(bootstrap: str) -> None:
    """A late event, one twice, and bytes that are none, straight onto the topic."""
    now = int(time.time() * 1000)
    late, view = event(1, now - 3_600_000, received_at=now), event(2, now, session_id="twice")
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for said in (late, view, view):
            await producer.send_and_wait("events", encode(said), key=key_of(said.site, said.session_id), partition=0)
        await producer.send_and_wait("events", b"\xff", key=b"default/none", partition=1)


def run_the_system(stack: Stack, folder: Path) -> set[str]:
    """Some traffic; returns the ids of what was accepted, when all of it is in the database."""
    with up(stack):
        ledger = Ledger(stack.ingest.url, folder / "accepted", rate=300)
        ledger.start()
        asyncio.run(append_what_ingest_would_refuse(stack.environment["OPECOM_KAFKA__BOOTSTRAP"]))
        ledger.wait_for(1_500)
        accepted = ledger.stop()
        expected = len(accepted) + 1
        rows = stack.folder / "data" / "opecom.sqlite"
        assert wait_until(lambda: counted(rows) >= expected, 60), f"{counted(rows)} of {expected} are in the database"
    return accepted


def counted(file: Path) -> int:
    """Events in all sessions of the relational database."""
    with sqlite3.connect(file) as connection:
        found = connection.execute("SELECT coalesce(sum(event_count), 0) FROM sessions").fetchone()
    connection.close()
    return int(found[0])


def recompute(rows: list[tuple[Any, ...]]) -> list[ScoredSession]:
    """The log's records folded and scored again."""
    settings = load()
    partitions: dict[int, Partition] = {}
    into = FoldResult()
    for number, offset, timestamp, key, raw in rows:
        if number not in partitions:
            partitions[number] = Partition("again", number, calendars(settings), PageStatistics(), Mark(0, {}))
        name, value = (text.encode() if isinstance(text, str) else text for text in (key, raw))
        partitions[number].fold(LogRecord(offset, timestamp, name, value), into)
    return [update.record for ready in score(into.updates, models(settings.scoring)) for update in ready]


def test_live_is_what_clickhouses_events_give_again(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    accepted = run_the_system(stack, tmp_path)
    with clickhouse(tmp_path / "data" / "chdb") as client:
        log = client.query(EVENTS).result_rows
        timeline = {tuple(row[:4]): row[4:] for row in client.query(TIMELINE).result_rows}
    again = recompute(log)
    assert len(log) == len(accepted) + 4
    assert timeline.keys() == {(each.site, each.session_id, each.opened_at, each.version) for each in again}
    for each in again:
        status, probability, *features = timeline[each.site, each.session_id, each.opened_at, each.version]
        assert status == each.status
        assert abs(probability - each.probability) < 1e-6
        assert features == [getattr(each.features, name) for name in NAMES]
    newest = {(each.site, each.session_id, each.opened_at): each for each in sorted(again, key=lambda e: e.version)}
    with sqlite3.connect(tmp_path / "data" / "opecom.sqlite") as connection:
        rows = connection.execute("SELECT session_id, version, event_count FROM sessions").fetchall()
    connection.close()
    assert set(rows) == {(each.session_id, each.version, each.counts.events) for each in newest.values()}
