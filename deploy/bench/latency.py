"""From a visitor's click to a score that can be read: latency under a steady load, through the ingest API.

Open loop: event n is due n/1000 s after the first, whether or not earlier ones have been answered, and its latency
counts from when it was due until a consumer of `scored-sessions` has it. So what the load generator itself is late by
counts too. Ingest API and worker are processes of their own; the first seconds are sent and checked, not counted.
The floor is that of a bare pair of a producer and a consumer, at the same rate, half of it before that load and half of
it after, while ingest API and worker run and rest: a machine that others share changes from minute to minute.
"""

import asyncio
import gc
import time
from collections.abc import Iterator
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.bench.errors import BenchError
from deploy.bench.floor import bare_pair
from deploy.bench.http import Connections, connections
from deploy.bench.log import BenchLog, compare, scored_id
from deploy.bench.part import Part, answers
from deploy.bench.run import Run, environment
from deploy.bench.simulation import SITE, BenchTraffic, simulation, single
from deploy.processes.interpreter import OPECOM
from ingest.events import Event, UsePages, encode

#: Events a second; seconds that count; seconds before them.
RATE = 1_000
SECONDS, QUICK_SECONDS, WARM_SECONDS = 60, 20, 3
#: Seconds in which the last score must have come.
PATIENCE = 20.0


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when an event was refused or its score did not come."""
    seconds = (QUICK_SECONDS if quick else SECONDS) + WARM_SECONDS
    beside = max(1, (seconds - WARM_SECONDS) // 2) + WARM_SECONDS
    given = simulation(data, seconds * RATE)
    async with run.log("latency") as log, run.log("floor") as bare:
        settings = log.settings
        processes = environment(settings)
        async with (
            Part("ingest", run.folder, (*OPECOM, "run", "ingest"), processes) as ingest,
            Part("worker", run.folder, (*OPECOM, "run", "worker"), processes) as worker,
        ):
            await ingest.until(lambda: answers(settings.ingest.port, "/readyz"), "ready", 30)
            await worker.until(lambda: answers(settings.worker.metrics_port, "/readyz"), "ready", 60)
            await _announce_pages(log, given)
            (key,) = settings.sites[SITE].write_keys
            floor = await _floor(bare, given, beside)
            async with connections(settings.ingest.port, key) as them:
                before = ingest.cpu(), worker.cpu()
                load = await _drive(log, them, given.traffic(), seconds * RATE)
                spent = ingest.cpu() - before[0], worker.cpu() - before[1]
            floor = sorted(floor + await _floor(bare, given, beside))
    compare(set(load.due), list(load.readable), "latency")
    counted = list(load.due)[WARM_SECONDS * RATE :]
    latencies = sorted((load.readable[event] - load.due[event]) * 1000 for event in counted)
    answered = sorted((load.answered[event] - load.due[event]) * 1000 for event in counted)
    took = max(load.answered[event] for event in counted) - load.due[counted[0]]
    p50, p99 = (quantile(latencies, share) for share in (0.5, 0.99))
    floor_p50, floor_p99 = (quantile(floor, share) for share in (0.5, 0.99))
    figures = {
        "rate": len(counted) / took,
        "p50_ms": p50,
        "p99_ms": p99,
        "floor_p50_ms": floor_p50,
        "floor_p99_ms": floor_p99,
        "ratio_p50": p50 / floor_p50,
        "ratio_p99": p99 / floor_p99,
    }
    notes = [
        f"{len(counted):,} events; p90 {quantile(latencies, 0.9):.1f} ms, p99.9 {quantile(latencies, 0.999):.1f} ms, "
        f"longest {latencies[-1]:.1f} ms; "
        f"until the POST was answered p50 {quantile(answered, 0.5):.1f} ms, p99 {quantile(answered, 0.99):.1f} ms",
        f"CPU: ingest {spent[0] / seconds:.0%}, worker {spent[1] / seconds:.0%} of a core; "
        f"{len(them.opened)} connections",
        f"the floor: {len(floor):,} records, longest {floor[-1]:.1f} ms",
    ]
    return figures, notes


class Load:
    """When each event was due, answered and readable, by its id; monotonic seconds, in the order of sending."""

    def __init__(self) -> None:
        self.due: dict[str, float] = {}
        self.answered: dict[str, float] = {}
        self.readable: dict[str, float] = {}


async def _floor(bare: BenchLog, given: BenchTraffic, seconds: int) -> list[float]:
    """Milliseconds of the bare pair's records; the first seconds are sent, not counted."""
    taken = await bare_pair(bare, given.traffic(), RATE, seconds * RATE, PATIENCE)
    return taken[WARM_SECONDS * RATE :]


async def _drive(log: BenchLog, them: Connections, traffic: Iterator[Event], count: int) -> Load:
    load = Load()
    kafka = log.settings.kafka
    consumer = log.clients.consumer()
    await consumer.start()
    gc.collect()
    gc.freeze()
    try:
        consumer.assign([TopicPartition(kafka.scored_topic, number) for number in range(kafka.partitions)])
        async with asyncio.timeout(count / RATE + PATIENCE + 10), asyncio.TaskGroup() as group:
            group.create_task(_read(consumer, load, count))
            await _send(group, them, load, traffic, count)
    except TimeoutError:
        raise BenchError(
            f"{len(load.due)} events were sent, {len(load.answered)} answered, {len(load.readable)} scores came"
        ) from None
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        gc.unfreeze()
        await consumer.stop()
    return load


async def _send(group: asyncio.TaskGroup, them: Connections, load: Load, traffic: Iterator[Event], count: int) -> None:
    async def post(event: Event) -> None:
        path, body = single(event, int(time.time() * 1000))
        await them.post(path, body)
        load.answered[event.event_id] = time.monotonic()

    begin = time.monotonic() + 0.1
    for number in range(count):
        event = next(traffic)
        due = begin + number / RATE
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        load.due[event.event_id] = due
        group.create_task(post(event))


async def _read(consumer: AIOKafkaConsumer, load: Load, count: int) -> None:
    while len(load.readable) < count:
        fetched = await consumer.getmany(timeout_ms=200)
        now = time.monotonic()
        for records in fetched.values():
            for record in records:
                event = scored_id(record.value)
                if event is not None:
                    load.readable.setdefault(event, now)


async def _announce_pages(log: BenchLog, given: BenchTraffic) -> None:
    version = await log.publish_pages(given.pages)
    for partition in range(log.settings.kafka.partitions):
        await log.fill(log.settings.kafka.events_topic, partition, [(None, encode(UsePages(version)))])


def quantile(ordered: list[float], share: float) -> float:
    """The value that `share` of the ordered values do not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
