"""Requests to acknowledged records: what the ingest API spends on an event, in batches and one by one.

Many trackers send at once and wait for each answer, which comes after Kafka's acknowledgement. What counts is the CPU
time of the ingest process between the first request and the last answer; starting it and a first round of requests,
which loads its tables, does not.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.bench.http import Connections, connections, post_all
from deploy.bench.log import BenchLog, compare
from deploy.bench.part import Part, answers
from deploy.bench.run import Run, environment
from deploy.bench.simulation import SITE, batch, simulation, single
from deploy.processes.interpreter import OPECOM
from ingest.events import Event

#: Events of a batch, and trackers that send at the same time.
BATCH, TRACKERS = 20, 32
#: Events sent first, uncounted; in batches; one by one.
WARM, BATCHED, SINGLE = 1_000, 100_000, 20_000
QUICK_BATCHED, QUICK_SINGLE = 30_000, 6_000


class _Id(Struct, frozen=True):
    event_id: str


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when an accepted event is not on the topic once."""
    batched, singly = (QUICK_BATCHED, QUICK_SINGLE) if quick else (BATCHED, SINGLE)
    traffic = simulation(data, WARM + batched + singly).traffic()
    sent: set[str] = set()
    async with run.log("ingest") as log:
        ingest = log.settings.ingest
        (key,) = log.settings.sites[SITE].write_keys
        async with Part("ingest", run.folder, (*OPECOM, "run", "ingest"), environment(log.settings)) as part:
            await part.until(lambda: answers(ingest.port, "/readyz"), "ready", 30)
            async with connections(ingest.port, key) as them:
                await _posted(part, them, _single(traffic, WARM, sent))
                in_batches = await _posted(part, them, _batches(traffic, batched, sent))
                one_by_one = await _posted(part, them, _single(traffic, singly, sent))
        await _check(log, sent)
    figures = {
        "batch_events_per_cpu_second": batched / in_batches,
        "single_requests_per_cpu_second": singly / one_by_one,
    }
    notes = [
        f"batches of {BATCH}: {batched:,} events in {in_batches:.2f} CPU-s",
        f"one by one: {singly:,} requests in {one_by_one:.2f} CPU-s; {TRACKERS} trackers at a time",
    ]
    return figures, notes


async def _posted(part: Part, them: Connections, requests: list[tuple[str, bytes]]) -> float:
    """Post all requests; returns the CPU seconds of the part."""
    before = part.cpu()
    await post_all(them, iter(requests), TRACKERS)
    return part.cpu() - before


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
