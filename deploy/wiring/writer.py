"""Builds the writer from the settings and runs it."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from prometheus_client import CollectorRegistry

from deploy.http.status import create_status_app, serving
from deploy.log.client_options import kafka_clients
from deploy.log.topics import log_id
from deploy.processes.data_folder import disk_full
from deploy.settings.model import Settings
from deploy.wiring.database_settings import analytics_setting, own_folder, relational_setting
from deploy.wiring.erasure_keys import erasure_keys
from deploy.wiring.folding import collect_rarely
from deploy.wiring.followed_erasures import following_erasures
from deploy.wiring.outcome import outcome
from deploy.wiring.pages import keep_fresh
from deploy.wiring.process_metrics import add_process_metrics
from deploy.wiring.storage import DatabaseHandles, database_errors, databases
from deploy.wiring.unwritten import end_when_unwritten, raise_failure
from storage.database.detached_parts import TABLES, account, detached_parts, unseen
from storage.metrics import CLICKHOUSE, RELATIONAL, WriterMetrics
from storage.write import continuity
from storage.write.block import TopicRole
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.deliver import NamedSink
from storage.write.relational_sink import RelationalSink, close_orphans
from storage.write.sink import Sink
from storage.write.writer import Writer
from storage.write.written_sink import WrittenSink
from stream.fold.erasures import Erasures
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Fetches that fill a block at once when there is a backlog.
FETCH_BYTES = 8 * 1024 * 1024
#: Seconds between two looks at the parts that ClickHouse set aside.
LOOK_SECONDS = 60.0


class WriterStatus:
    """What the writer's status says: its metrics, and whether there is a writer yet that is ready.

    `parts` are those that share the process; `folder` is the data folder, where that holds the databases.
    """

    def __init__(self, *parts: str, folder: Path | None = None) -> None:
        self.registry = CollectorRegistry()
        add_process_metrics(self.registry, *parts, folder=folder)
        self.writer: Writer | None = None
        #: What /readyz adds: parts that ClickHouse set aside.
        self.notice = ""
        self._folder = folder

    def serving(self, settings: Settings) -> contextlib.AbstractAsyncContextManager[None]:
        """`/livez`, `/readyz` and `/metrics` on storage.metrics_host and metrics_port; raises PortTakenError."""
        not_yet = "databases not open or partitions not assigned yet"
        app = create_status_app(self.registry, self._ready, not_yet, self._degraded, lambda: self.notice)
        return serving(app, settings.storage.metrics_host, settings.storage.metrics_port)

    def _ready(self) -> bool:
        return self.writer is not None and self.writer.ready

    def _degraded(self) -> str:
        return "; ".join(filter(None, (self.writer.degraded if self.writer else "", disk_full(self._folder))))


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Run a writer until `stop`; 0, or 70 when Kafka failed or the databases are not fit. Raises SetupError."""
    collect_rarely()
    standing = WriterStatus("writer", folder=own_folder(settings))

    async def alone() -> None:
        async with databases(settings) as opened:
            await write(settings, opened, standing, stop)

    async with standing.serving(settings):
        return await outcome(alone(), database_errors(settings))


async def write(settings: Settings, opened: DatabaseHandles, standing: WriterStatus, stop: asyncio.Event) -> None:
    """Write until `stop`; raises KafkaUnavailableError, WriterError, ContinuityError, KafkaError and SetupError."""
    engine, client = opened
    topics, clients = _topics(settings), kafka_clients(settings.kafka)
    log_name = await log_id(clients)
    if settings.profile == "embedded":
        closed = await asyncio.to_thread(close_orphans, engine, log_name)
        if closed:
            log.info("closed %d sessions that an earlier log left open", closed)
    known = await asyncio.to_thread(continuity.written, engine, log_name)
    await continuity.check(known, topics, clients)
    erasures = Erasures(keys=erasure_keys(settings))
    async with (
        clients.member(settings.storage.group, max_partition_fetch_bytes=FETCH_BYTES) as consumer,
        clients.producing() as producer,
        following_erasures(settings.kafka, clients, erasures) as follower,
    ):
        metrics = WriterMetrics(standing.registry)
        standing.writer = Writer(
            log_id=log_name,
            topics=topics,
            consumer=consumer,
            producer=producer,
            databases=(
                NamedSink(RELATIONAL, relational_setting(settings), RelationalSink(engine)),
                NamedSink(CLICKHOUSE, analytics_setting(settings), _analytics_sink(settings, client)),
            ),
            gather_seconds=settings.storage.gather_ms / 1000,
            max_block=settings.storage.max_block,
            metrics=metrics,
            alone=settings.profile == "embedded",
            erasures=erasures,
            erasures_reached=follower.reached,
        )
        beside = {
            asyncio.create_task(keep_fresh(settings, clients, client, metrics, stop)),
            asyncio.create_task(watch_parts(settings, client, standing, metrics, stop)),
        }
        unwritten: asyncio.Task[None] | None = None
        if not settings.storage.clickhouse_host:
            unwritten = asyncio.create_task(end_when_unwritten(client, stop))
            beside.add(unwritten)
        if settings.kafka.log_folder is not None:
            # Here, as only the embedded profile keeps one, and reading the log back takes much to import.
            from deploy.local.checkpoints import CheckpointKeeper

            keeper = CheckpointKeeper(settings, clients, opened, log_name, standing.writer)
            beside.add(asyncio.create_task(keeper.run(stop)))
        try:
            await standing.writer.run(stop)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
        if unwritten is not None:
            raise_failure(unwritten)


async def watch_parts(
    settings: Settings, client: Any, standing: WriterStatus, metrics: WriterMetrics, stop: asyncio.Event
) -> None:
    """Keep the metric, `/readyz` and the log up to date on parts that ClickHouse set aside, until `stop`."""
    tables = set(TABLES)
    while True:
        try:
            parts = await asyncio.to_thread(detached_parts, client)
            notice = account(parts, settings.profile == "embedded")
        except (ClickHouseError, OSError) as error:
            parts, notice = None, unseen(error)
        if parts is not None:
            tables |= {part.table for part in parts}
            for table in tables:
                metrics.detached_parts.labels(table).set(sum(part.table == table for part in parts))
        if notice and notice != standing.notice:
            log.warning("%s", notice)
        standing.notice = notice
        if await wait_for_event(stop, LOOK_SECONDS):
            return


def _analytics_sink(settings: Settings, client: Any) -> Sink:
    sink = AnalyticsSink(client)
    return sink if settings.storage.clickhouse_host else WrittenSink(sink, client)


def _topics(settings: Settings) -> dict[TopicRole, str]:
    kafka = settings.kafka
    return {"events": kafka.events_topic, "scored": kafka.scored_topic, "dead": kafka.dead_topic}
