"""The embedded system with nothing to do: its CPU and memory by part, and how long the first event after that takes.

`opecom up` runs as users run it. An event is scored when its record can be read from the topic of scored sessions.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil
from aiokafka import TopicPartition
from uuid_utils import uuid7

from deploy.bench.embedded import embedded, running
from deploy.bench.errors import BenchError
from deploy.bench.http import connections
from deploy.bench.run import Run
from deploy.bench.simulation import SITE
from deploy.bench.whole_stack import processes_of
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings, Settings
from stream import scored
from stream.kafka.clients import KafkaClients
from stream.kafka.idle_fetches import IDLE_AFTER

#: Seconds that the system has to come to rest, and those that are measured.
SETTLE, SECONDS, QUICK_SECONDS = 15, 60, 20
#: Events after an idle time each; the slowest is the figure.
EVENTS, QUICK_EVENTS = 5, 2
#: Seconds after which an event counts as lost.
PATIENCE = 30.0


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when the system or a score does not come."""
    settings = embedded(run.settings)
    async with running(run, settings) as up:
        (key,) = settings.sites[SITE].write_keys
        fresh = await _first_event(settings, key)
        await asyncio.sleep(SETTLE)
        seconds = QUICK_SECONDS if quick else SECONDS
        parts = processes_of(up)
        before, began = {name: _cpu(process) for name, process in parts.items()}, time.monotonic()
        await asyncio.sleep(seconds)
        took = time.monotonic() - began
        shares = {name: (_cpu(process) - before[name]) / took * 100 for name, process in parts.items()}
        memory = {name: process.memory_info().rss / 1e6 for name, process in parts.items()}
        firsts = []
        for _ in range(QUICK_EVENTS if quick else EVENTS):
            await asyncio.sleep(IDLE_AFTER + 1)
            firsts.append(await _first_event(settings, key))
    figures = {"cpu_percent": sum(shares.values()), "rss_mb": sum(memory.values()), "first_event_ms": max(firsts)}
    summary = ", ".join(f"{name} {shares[name]:.1f} % and {memory[name]:.0f} MB" for name in parts)
    notes = [
        f"of one core and resident, over {took:.0f} s: {summary}",
        f"first events after idling, ms: {', '.join(f'{each:.0f}' for each in firsts)}; "
        f"the first after the start {fresh:.0f}",
    ]
    return figures, notes


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error as error:
        raise BenchError(f"a part ended while it was idle: {error}") from error
    return float(times.user + times.system)


async def _first_event(settings: Settings, key: str) -> float:
    """How long an event of a new session takes from its POST until its score can be read, in ms."""
    session = str(uuid7())
    body = {"session_id": session, "page_url": "https://shop.example/"}
    # A connection of its own: the API closes one that is idle.
    kafka = settings.kafka
    async with _scores(kafka_clients(kafka), kafka) as scores, connections(settings.ingest.port, key) as them:
        began = time.monotonic()
        await them.post("/tracker/pageview", msgspec.json.encode(body))
        try:
            async with asyncio.timeout(PATIENCE):
                async for each in scores:
                    if each == session:
                        return (time.monotonic() - began) * 1000
        except TimeoutError:
            pass
    raise BenchError(f"an event was not scored within {PATIENCE:.0f} s")


@asynccontextmanager
async def _scores(clients: KafkaClients, kafka: KafkaSettings) -> AsyncIterator[AsyncIterator[str]]:
    """The sessions of the scores that come from now on."""
    async with clients.consuming(fetch_max_wait_ms=5) as consumer:
        places = [TopicPartition(kafka.scored_topic, number) for number in range(kafka.partitions)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)

        async def sessions() -> AsyncIterator[str]:
            async for record in consumer:
                yield scored.decode(record.value).session_id

        yield sessions()
