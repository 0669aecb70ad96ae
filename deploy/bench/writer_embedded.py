"""The writer of the embedded profile beside the worker: what it spends, and how far behind the scores it is at the end.

Broker, worker and store run as `opecom up` runs them. The events are put on the log as fast as the broker takes them;
the worker scores them, and the store puts the updates and the raw events into SQLite and chDB meanwhile. What counts is
the CPU time of the store from the first event until every update is written, and the seconds from the last score until
then.
"""

import asyncio
import contextlib
import http.client
import time
from pathlib import Path

import sqlalchemy

from deploy.bench.embedded import embedded
from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog, wait_for
from deploy.bench.part import Part, answers, samples
from deploy.bench.run import Run, changed, environment
from deploy.bench.simulation import simulation
from deploy.local import broker
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.interpreter import OPECOM
from deploy.processes.ports import speaks_kafka
from deploy.settings.model import Settings
from deploy.wiring.relational import relational
from ingest.events import encode, key_of

EVENTS, QUICK_EVENTS = 200_000, 40_000
#: Events of each partition that come first and do not count: at its first block, the store loads what it needs.
WARM = 250
LONGEST = 900.0
SCORED = "scored-sessions"
#: Times that metrics are asked for.
REQUESTED = 60


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when an update is missing."""
    settings = changed(embedded(run.settings), "storage", pages_refresh_seconds=0)
    kafka, port = settings.kafka, int(settings.kafka.bootstrap.rpartition(":")[2])
    history = simulation(data, QUICK_EVENTS if quick else EVENTS)
    streams = [
        [(key_of(event.site, event.session_id), encode(event)) for event in events]
        for events in history.history(kafka.partitions)
    ]
    async with Part("broker", run.folder, broker.command(broker.binary(), port), broker.environment()) as server:
        await server.until(lambda: speaks_kafka(port), "ready", 60)
        await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
        async with (
            BenchLog.connected(settings) as log,
            Part("store", run.folder, (*OPECOM, "run", "store"), environment(settings)) as store,
            Part("worker", run.folder, (*OPECOM, "run", "worker"), environment(settings)) as worker,
        ):
            await store.until(lambda: answers(settings.api.port, "/readyz"), "ready", 120)
            await worker.until(lambda: answers(settings.worker.metrics_port, "/readyz"), "ready", 120)
            warm = await _through(log, settings, [events[:WARM] for events in streams], worker, store)
            spent, began = store.cpu(), time.monotonic()
            scored_at, written_at, updates = await _through(
                log, settings, [events[WARM:] for events in streams], worker, store
            )
            spent = store.cpu() - spent
            memory, blocks = store.rss_mb(), _sum(settings.storage.metrics_port, "opecom_writer_block_records_count")
    _check(settings)
    counted = updates - warm[2]
    figures = {"updates_per_cpu_second": counted / spent, "lag_seconds": max(0.0, written_at - scored_at)}
    notes = [
        f"{counted:,} updates and as many events in {spent:.1f} CPU-s and {blocks} blocks of the store "
        f"({memory:.0f} MB); by the wall, with worker, broker and load on the same cores: scored after "
        f"{scored_at - began:.1f} s, written after {written_at - began:.1f} s"
    ]
    return figures, notes


async def _through(
    log: BenchLog, settings: Settings, streams: list[list[tuple[bytes, bytes]]], worker: Part, store: Part
) -> tuple[float, float, int]:
    """Put these events on the log; when the last was scored and the last update written, and how many there are."""
    folded = await asyncio.to_thread(_folded, settings)
    wanted = folded + sum(map(len, streams))
    await asyncio.gather(
        *(log.fill(settings.kafka.events_topic, number, events) for number, events in enumerate(streams))
    )

    async def all_scored() -> bool:
        await asyncio.sleep(0.1)
        return await asyncio.to_thread(_folded, settings) >= wanted

    async def all_written() -> bool:
        # Every look has the store write its metrics.
        await asyncio.sleep(0.3)
        return await asyncio.to_thread(_written, settings) >= updates

    await wait_for(all_scored, worker.cpu, LONGEST, "worker")
    scored_at, updates = time.monotonic(), await asyncio.to_thread(_updates, settings)
    await wait_for(all_written, store.cpu, LONGEST, "store")
    return scored_at, time.monotonic(), updates


def _folded(settings: Settings) -> int:
    return _sum(settings.worker.metrics_port, "opecom_worker_records_total")


def _updates(settings: Settings) -> int:
    return _sum(settings.worker.metrics_port, "opecom_worker_updates_total")


def _written(settings: Settings) -> int:
    return int(_samples(settings.storage.metrics_port, "opecom_writer_records_total").get(SCORED, 0))


def _sum(port: int, name: str) -> int:
    return int(sum(_samples(port, name).values()))


def _samples(port: int, name: str) -> dict[str, float]:
    """The samples of a metric; a part that is too busy to answer is asked again."""
    for _ in range(REQUESTED):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return samples(port, name)
        time.sleep(1)
    raise BenchError(f"the metrics on port {port} did not come")


def _check(settings: Settings) -> None:
    """Raise BenchError unless the sessions are there and nothing was given up."""
    engine = relational(settings)
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("SELECT count(*) FROM sessions")).scalar_one()
    engine.dispose()
    if not found:
        raise BenchError("writer: SQLite has no session, so there is no figure")
