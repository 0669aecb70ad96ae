"""Requests to acknowledged records: what the ingest API spends on an event, in batches and one by one.

Many trackers send at once and wait for each answer, which comes after Kafka's acknowledgement; with a spool after the
disk's. What counts is the CPU time of the ingest process from the first request until Kafka has its last event;
starting it and a first round of requests, which loads its tables, does not. Both ways take turns, so that a machine
which is busy with something else slows both.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.bench.http import Connections, connections, post_all
from deploy.bench.log import BenchLog, compare, wait_for
from deploy.bench.part import Part, answers
from deploy.bench.run import Run, environment
from deploy.bench.simulation import SITE, batch, simulation, single
from deploy.processes.interpreter import OPECOM
from deploy.settings.model import variable
from ingest.events import Event

#: Events of a batch, and trackers that send at the same time.
BATCH, TRACKERS = 20, 32
#: Events sent first, uncounted; in batches; one by one; in so many turns.
WARM, BATCHED, SINGLE, TURNS = 1_000, 100_000, 20_000, 5
QUICK_BATCHED, QUICK_SINGLE = 30_000, 6_000


class _Id(Struct, frozen=True):
    event_id: str


@dataclass(frozen=True, slots=True)
class IngestUnderTest:
    """An ingest process on a topic of its own; `sent` are the ids of all events that it was sent."""

    log: BenchLog
    part: Part
    connections: Connections
    sent: set[str] = field(default_factory=set)

    async def post(self, requests: list[tuple[str, bytes]]) -> float:
        """Post all requests; returns the CPU seconds of the part until Kafka has what they bring."""
        before = self.part.cpu()
        await post_all(self.connections, iter(requests), TRACKERS)
        topic, events = self.log.settings.kafka.events_topic, len(self.sent)

        async def is_there() -> bool:
            return sum(await self.log.ends(topic)) >= events

        await wait_for(is_there, self.part.cpu, 60, f"{events} events on their way into Kafka")
        return self.part.cpu() - before


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when an accepted event is not on the topic once."""
    batched, singly = (QUICK_BATCHED, QUICK_SINGLE) if quick else (BATCHED, SINGLE)
    traffic = simulation(data, 2 * (WARM + batched + singly)).traffic()
    async with AsyncExitStack() as held:
        ways = [await held.enter_async_context(_started(run, spool)) for spool in (False, True)]
        for way in ways:
            await way.post(_single(traffic, WARM, way.sent))
        batches, singles = [0.0, 0.0], [0.0, 0.0]
        for _ in range(TURNS):
            for number, way in enumerate(ways):
                batches[number] += await way.post(_batches(traffic, batched // TURNS, way.sent))
        for _ in range(TURNS):
            for number, way in enumerate(ways):
                singles[number] += await way.post(_single(traffic, singly // TURNS, way.sent))
        for way in ways:
            await _check(way.log, way.sent)
    figures = {
        "batch_events_per_cpu_second": batched / batches[0],
        "single_requests_per_cpu_second": singly / singles[0],
        "spool_batch_events_per_cpu_second": batched / batches[1],
        "spool_single_requests_per_cpu_second": singly / singles[1],
        "spool_batch_ratio": batches[0] / batches[1],
        "spool_single_ratio": singles[0] / singles[1],
    }
    notes = [
        f"batches of {BATCH}: {batched:,} events in {batches[0]:.2f} CPU-s, with the spool {batches[1]:.2f}",
        f"one by one: {singly:,} requests in {singles[0]:.2f} CPU-s, with the spool {singles[1]:.2f}; "
        f"{TRACKERS} trackers at a time",
    ]
    return figures, notes


@asynccontextmanager
async def _started(run: Run, spool: bool) -> AsyncIterator[IngestUnderTest]:
    """An ingest process that is ready."""
    async with run.log("ingest") as log:
        ingest, name = log.settings.ingest, "ingest-spool" if spool else "ingest"
        variables = environment(log.settings) | {variable("ingest.spool"): json.dumps(spool)}
        (key,) = log.settings.sites[SITE].write_keys
        async with Part(name, run.folder, (*OPECOM, "run", "ingest"), variables) as part:
            await part.until(lambda: answers(ingest.port, "/readyz"), "ready", 30)
            async with connections(ingest.port, key) as them:
                yield IngestUnderTest(log, part, them)


def _single(traffic: Iterator[Event], count: int, sent: set[str]) -> list[tuple[str, bytes]]:
    events = list(islice(traffic, count))
    sent.update(event.event_id for event in events)
    return [single(event, _now()) for event in events]


def _batches(traffic: Iterator[Event], count: int, sent: set[str]) -> list[tuple[str, bytes]]:
    events = list(islice(traffic, count))
    sent.update(event.event_id for event in events)
    return [("/v1/batch", batch(events[place : place + BATCH], _now())) for place in range(0, count, BATCH)]


async def _check(log: BenchLog, sent: set[str]) -> None:
    topic = log.settings.kafka.events_topic
    decoder = msgspec.json.Decoder(_Id)
    ends = await log.ends(topic)
    back = [decoder.decode(record.value).event_id async for records in log.read(topic, ends) for record in records]
    compare(sent, back, "ingest")


def _now() -> int:
    return int(time.time() * 1000)
