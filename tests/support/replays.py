"""A log of lists with real databases that hold what live workers told of it: everything that a replay needs."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from ingest.events import Control, Event, key_of
from ingest.partition import partition_of
from scoring.model import ConstantModel, Model
from storage.database import migrate
from storage.replay.account import Account
from storage.replay.context import ReplayContext
from storage.replay.errors import ReplayError
from storage.replay.journal import Journal
from storage.replay.request import ReplaySelection
from storage.replay.run import replay
from storage.replay.stored_log import StoredLog
from storage.replay.stored_sessions import StoredSessions
from storage.replay.stored_timeline import StoredTimeline
from storage.replay.targets import DatabaseTarget, DryRunTarget, FileTarget, ReplayTarget, TopicTarget
from storage.write.block import TopicRecord, TopicRole, block_of, read
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.experiments.history import Experiments
from stream.fold.calendar import Calendars
from stream.fold.erasures import Erasures
from stream.fold.mark import Mark
from stream.fold.pages import PageStatistics
from stream.fold.partition import Partition
from stream.kafka.source import Bounds
from stream.publish import ListRecordPublisher
from stream.required import WaitForVersions
from stream.scored import dead_record, encode
from stream.step import fold, score
from tests.support.log import LogRecord, log_of

LOG = "log"
PARTITIONS = 2
ANALYTICS_TABLES = (
    *("events", "scored_sessions", "dead_letters"),
    *("page_tally_source", "page_tally_changes", "page_tallies"),
)
TABLES = (
    *("sessions", "page_views", "orders", "refunds", "log_positions"),
    *("backfills", "backfill_partitions", "erasures"),
)


class ListSource:
    """Partitions of records; `start` says how much of each retention has deleted."""

    name = "kafka"

    def __init__(self, partitions: Sequence[Sequence[LogRecord]]) -> None:
        self.partitions = partitions
        self.start = 0
        self.piece = 20

    async def bounds(self, partition: int) -> Bounds:
        return Bounds(self.start, max(self.start, len(self.partitions[partition])))

    async def read(self, partition: int, offset: int, end: int) -> AsyncIterator[Sequence[LogRecord]]:
        while offset < end:
            yield self.partitions[partition][offset : min(offset + self.piece, end)]
            offset += self.piece


class Watching:
    """A watcher that remembers, and may end the replay after some records."""

    def __init__(self, ends_after: int = 1 << 60) -> None:
        self.lines: list[str] = []
        self.records = self.done = self.number = 0
        self._left = ends_after

    def planned(self, number: int, records: int, done: int) -> None:
        self.number, self.records, self.done = number, records, done

    def moved(self, done: int) -> None:
        self.done += done
        self._left -= done
        if self._left < 0:
            raise InterruptedError

    def report(self, line: str) -> None:
        self.lines.append(line)


@dataclass
class Shop:
    """The log, the databases, and what live workers would know."""

    engine: Engine
    client: Any
    said: list[list[Event | Control]]
    models: Callable[[str], Model] = field(default=lambda _: ConstantModel())
    statistics: PageStatistics = field(default_factory=PageStatistics)
    erasures: Erasures = field(default_factory=Erasures)
    experiments: Experiments = field(default_factory=Experiments)
    wait_for_versions: WaitForVersions = field(default=lambda _: _reached())
    commits: dict[int, tuple[int, str]] = field(default_factory=dict)
    topic: ListRecordPublisher = field(default_factory=ListRecordPublisher)

    def __post_init__(self) -> None:
        self.calendars = Calendars({})
        self.source = ListSource([log_of(each) for each in self.said])

    def live(self, upto: Mapping[int, int] | None = None, refused: Mapping[int, str] | None = None) -> None:
        """Write what live workers and the writer would: rows of every update, the log, the dead letters.

        `refused` are the controls whose model they could not use, by offset, the same in every partition.
        """
        for number, records in enumerate(self.source.partitions):
            state = self._make(number, Mark(0, {}))
            state.refused |= refused or {}
            taken = records[: (upto or {}).get(number, len(records))]
            folded, _ = fold({number: state}, {number: taken})
            told = [update for ready in score(folded.updates, self.models) for update in ready]
            rows = [topic_row("scored", number, n, u.key, encode(u.record)) for n, u in enumerate(told)]
            rows += [topic_row("events", number, r.offset, r.key, r.value or b"") for r in taken]
            rows += [topic_row("dead", number, n, *dead_record(letter)) for n, letter in enumerate(folded.dead)]
            block, unfit = block_of(LOG, rows)
            assert not unfit
            RelationalSink(self.engine).write(block)
            AnalyticsSink(self.client).write(block)

    def world(self) -> ReplayContext:
        sessions = StoredSessions(self.engine, LOG)

        def target(request: ReplaySelection) -> ReplayTarget:
            if request.into == "databases":
                return DatabaseTarget(
                    LOG, RelationalSink(self.engine), AnalyticsSink(self.client), sessions, self.erasures
                )
            if request.into == "file":
                return FileTarget(Path(request.target))
            return TopicTarget(self.topic, request.target) if request.into == "topic" else DryRunTarget()

        return ReplayContext(
            log=LOG,
            partitions=len(self.said),
            kafka=self.source,
            stored=StoredLog(self.client or _Empty(), LOG),
            sessions=sessions,
            timeline=StoredTimeline(self.client, LOG),
            journal=Journal(self.engine, LOG),
            calendars=self.calendars,
            models=self._model,
            make=self._make,
            erasures=self.erasures,
            experiments=self.experiments,
            wait_for_versions=self.wait_for_versions,
            committed=self._committed,
            written=_written,
            target=target,
        )

    async def replay(
        self, watcher: Watching | None = None, *, anew: bool = False, own_only: bool = False, **asked: Any
    ) -> Account:
        selection = ReplaySelection(**asked)
        return await replay(self.world(), selection, watcher or Watching(), anew=anew, own_only=own_only)

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """What every read sees, but for versions: both databases, sorted."""
        with self.engine.connect() as connection:
            sessions = connection.execute(text("SELECT * FROM sessions WHERE status <> 'void'")).mappings().fetchall()
            views = connection.execute(text("SELECT * FROM page_views")).mappings().fetchall()
        timeline = self.client.query(
            "SELECT * EXCEPT (version, backfill, void) FROM scored_sessions FINAL WHERE NOT void"
        ).result_rows
        return {
            "sessions": sorted(_plain(row) for row in sessions),
            "page_views": sorted(_plain(row) for row in views),
            "scored_sessions": sorted(repr(row) for row in timeline),  # type: ignore[dict-item]
        }

    def lose(self, *, relational: bool = True, analytics: bool = True) -> None:
        """Drop the databases and make them again."""
        if relational:
            with self.engine.begin() as connection:
                for table in (*TABLES, "schema_version"):
                    connection.execute(text(f"DROP TABLE {table}"))
            migrate.migrate(migrate.relational_kind(self.engine), migrate.relational_run(self.engine))
        if analytics:
            for table in ANALYTICS_TABLES:
                self.client.command(f"TRUNCATE TABLE {table}")

    def _make(self, number: int, mark: Mark, experiments: Experiments | None = None) -> Partition:
        chosen = experiments or self.experiments
        return Partition(LOG, number, self.calendars, self.statistics, mark, self.erasures, chosen)

    def _model(self, version: str) -> Model:
        try:
            return self.models(version)
        except KeyError as error:
            raise ReplayError(f"model {version!r} is not there") from error

    async def _committed(self, partition: int) -> tuple[int, str] | None:
        return self.commits.get(partition)


class _Empty:
    """A ClickHouse without a row."""

    result_rows: tuple[()] = ()

    def query(self, *_: object, **__: object) -> "_Empty":
        return self


def placed(said: Sequence[Event | Control], partitions: int = PARTITIONS) -> list[list[Event | Control]]:
    """What each partition of a log says: events by their key, controls everywhere."""
    parts: list[list[Event | Control]] = [[] for _ in range(partitions)]
    for each in said:
        if isinstance(each, Event):
            parts[partition_of(key_of(each.site, each.session_id), partitions)].append(each)
        else:
            for part in parts:
                part.append(each)
    return parts


def _plain(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(repr(value) for name, value in row.items() if name != "version")


def contents(shop: Shop, tables: Sequence[str]) -> str:
    """All that these tables of the relational database and all of ClickHouse hold, as text."""
    said = []
    with shop.engine.connect() as connection:
        for table in tables:
            said += [repr(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608
    for table in ANALYTICS_TABLES:
        said += [repr(row) for row in shop.client.query(f"SELECT * FROM {table}").result_rows]  # noqa: S608
    return "\n".join(said)


def topic_row(role: TopicRole, partition: int, offset: int, key: bytes | None, value: bytes) -> TopicRecord:
    return read(role, partition=partition, offset=offset, timestamp=0, key=key, value=value)


async def _reached() -> None: ...


async def _written(_: Mapping[int, int]) -> str:
    return ""
