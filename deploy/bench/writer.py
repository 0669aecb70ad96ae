"""Scored updates to rows: what the writer spends on putting a backlog into MariaDB and ClickHouse.

The updates are made beforehand by the worker's own step from the simulation's events; each is a row of the timeline in
ClickHouse and changes a session and its page views in MariaDB. They are given to the writer, which has started and
waits, in a burst that takes a fraction of the time it needs. What counts is its CPU time, that of the ClickHouse
engine inside it too, until both databases have every row and the offsets are committed. A first small burst, at which
the ClickHouse client imports what it needs, does not count. The topic of events is empty.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy

from deploy.bench.databases import databases
from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog, wait_for
from deploy.bench.part import Part, answers
from deploy.bench.run import Run, environment
from deploy.bench.simulation import BenchTraffic, simulation
from deploy.processes.interpreter import OPECOM
from deploy.settings.model import Settings
from deploy.wiring import storage
from deploy.wiring.calendars import calendars
from deploy.wiring.models import models
from deploy.wiring.relational import relational
from ingest.events import encode as encode_event
from ingest.events import key_of
from stream.fold.mark import Mark
from stream.fold.pages import PageRow, PagesMarker, PageStatistics
from stream.fold.partition import Partition
from stream.scored import ScoredSession, encode
from stream.step import fold, score

EVENTS, QUICK_EVENTS = 100_000, 40_000
#: Records that are folded in one go.
ROUND = 1_000
#: First records of each partition, uncounted: at its first insert the ClickHouse client imports pandas and pyarrow.
WARM = 250
LONGEST = 600.0


class BenchRecord(NamedTuple):
    """A record of the simulation's log."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(slots=True)
class ExpectedRows:
    """What must be in the databases."""

    updates: int = 0
    sessions: set[tuple[str, int]] = field(default_factory=set)
    views: set[tuple[str, int, str]] = field(default_factory=set)

    def add(self, record: ScoredSession) -> None:
        self.updates += 1
        self.sessions.add((record.session_id, record.opened_at))
        self.views.update((record.session_id, record.opened_at, view.event_id) for view in record.views)


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figure, and what to say of it; raises BenchError when a row is missing from a database."""
    expected = ExpectedRows()
    async with databases(run.settings) as settings, run.log("writer", settings) as log:
        kafka = log.settings.kafka
        backlog = scored(simulation(data, QUICK_EVENTS if quick else EVENTS), log.settings, expected)
        async with Part("writer", run.folder, (*OPECOM, "run", "writer"), environment(log.settings)) as part:
            await part.until(lambda: answers(log.settings.storage.metrics_port, "/metrics"), "ready", 60)
            await part.until_idle(60)
            warm = await _written(log, part, [records[:WARM] for records in backlog])
            await part.until_idle(60)
            before = part.cpu()
            counted = await _written(log, part, [records[WARM:] for records in backlog])
            spent = part.cpu() - before
            dead = sum(await log.ends(kafka.dead_topic))
        _check(log.settings, expected, dead)
    figures = {"updates_per_cpu_second": counted / spent}
    notes = [
        f"{counted:,} updates in {spent:.2f} CPU-s, after {warm:,} to warm up; in the databases: "
        f"{len(expected.sessions):,} sessions, {len(expected.views):,} page views, {expected.updates:,} rows of the "
        "timeline"
    ]
    return figures, notes


async def _written(log: BenchLog, part: Part, records: Sequence[Sequence[tuple[bytes, bytes]]]) -> int:
    """Give the writer these records, by partition, and wait until it has written them all; returns how many."""
    topic, group = log.settings.kafka.scored_topic, log.settings.storage.group
    given = sum([await log.fill(topic, partition, rows) for partition, rows in enumerate(records)])
    ends = await log.ends(topic)

    async def all_committed() -> bool:
        return await log.committed(group, topic) == ends

    await wait_for(all_committed, part.cpu, LONGEST, "writer")
    return given


def scored(given: BenchTraffic, settings: Settings, expected: ExpectedRows) -> list[list[tuple[bytes, bytes]]]:
    """Key and value of every update that the worker would emit, by partition."""
    statistics = statistics_of(given.pages)
    known, model = calendars(settings), models(settings.scoring)
    made: list[list[tuple[bytes, bytes]]] = []
    for number, events in enumerate(given.history(settings.kafka.partitions)):
        partition = Partition("bench", number, known, statistics, Mark(0, {}, "", statistics.version))
        records: list[tuple[bytes, bytes]] = []
        log = (
            BenchRecord(offset, -1, key_of(event.site, event.session_id), encode_event(event))
            for offset, event in enumerate(events)
        )
        while batch := list(islice(log, ROUND)):
            for ready in score(fold({number: partition}, {number: batch}).folded.updates, model):
                for update in ready:
                    expected.add(update.record)
                    records.append((update.key, encode(update.record)))
        made.append(records)
    return made


def statistics_of(rows: Sequence[PageRow]) -> PageStatistics:
    statistics = PageStatistics()
    for offset, row in enumerate(rows):
        statistics.read(offset, row)
    statistics.read(len(rows), PagesMarker("", len(rows)))
    return statistics


def _check(settings: Settings, expected: ExpectedRows, dead: int) -> None:
    """Raise BenchError unless both databases have every row and nothing was given up."""
    engine = relational(settings)
    with engine.connect() as connection:
        found = {
            table: connection.execute(sqlalchemy.text(f"SELECT count(*) FROM {table}")).scalar_one()  # noqa: S608
            for table in ("sessions", "page_views")
        }
    engine.dispose()
    client: Any
    with closing(storage.analytics(settings)) as client:
        ((found["timeline"],),) = client.query("SELECT count() FROM scored_sessions FINAL").result_rows
    wanted = {
        "sessions": len(expected.sessions), "page_views": len(expected.views), "timeline": expected.updates
    }  # fmt: skip
    if found != wanted or dead:
        raise BenchError(f"writer: the databases have {found} of {wanted}, {dead} were given up: so there is no figure")
