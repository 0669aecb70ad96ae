"""Workers killed, added and stopped while events flow: nothing is lost, nothing is counted twice."""

import asyncio
import random
import signal
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.chaos.ledger import Ledger
from deploy.chaos.topic_reader import read_topic
from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import IngestSettings, Settings, WorkerSettings
from tests.support.ports import free_port
from tests.support.processes import Part, environment
from tests.support.services import Broker
from tests.support.truth import check_truth

RATE = 500


@pytest.fixture
def settings(kafka: Broker, tmp_path: Path) -> Settings:
    topic_names = kafka.settings(partitions=4)
    worker = WorkerSettings(group=f"kills-{topic_names.events_topic}", session_timeout_ms=6_000)
    ingest = IngestSettings(port=free_port(), address_rate_per_second=1e6, key_rate_per_second=1e6)
    built = Settings(profile="services", kafka=topic_names, data_dir=tmp_path, worker=worker, ingest=ingest)
    asyncio.run(topics.ensure(kafka_clients(built.kafka), topics.wanted(built.kafka)))
    return built


class Workers:
    """The workers that run now."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self.running: list[Part] = []

    def add(self) -> None:
        port = free_port()
        variables = environment(self._settings) | {"OPECOM_WORKER__METRICS_PORT": str(port)}
        self.running.append(Part("worker", self._folder, variables, port))

    def kill(self, which: int) -> None:
        self.running.pop(which).kill()

    def stop(self, which: int) -> None:
        # A worker that is still importing has no handler yet: the signal itself ends it, and it has nothing to lose.
        part = self.running.pop(which)
        code = part.stop()
        assert code in (0, -signal.SIGTERM), f"exit code {code}:\n{part.words()}"


async def caught_up(settings: Settings, seconds: float = 90) -> None:
    """Until every record of the log has been folded by a worker that committed it."""
    kafka = settings.kafka
    places = [TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)]
    deadline = time.monotonic() + seconds
    async with AIOKafkaConsumer(**client_options(kafka)) as consumer:
        admin = AIOKafkaAdminClient(**client_options(kafka))
        await admin.start()
        try:
            while True:
                ends = await consumer.end_offsets(places)
                done = await admin.list_consumer_group_offsets(settings.worker.group, partitions=places)
                behind = {
                    p.partition: ends[p] - done[p].offset for p in places if p in done and done[p].offset < ends[p]
                }
                if not any(lag > 0 for lag in behind.values()):
                    return
                assert time.monotonic() < deadline, f"still behind: {behind}"
                await asyncio.sleep(0.3)
        finally:
            await admin.close()


def stalls(settings: Settings, moments: list[tuple[str, float]]) -> str:
    """For each thing done, the longest silence of a partition's scores that began about then, in seconds."""
    times: dict[int, list[float]] = defaultdict(list)
    for record in asyncio.run(read_topic(settings.kafka, settings.kafka.scored_topic)):
        times[record.partition].append(record.timestamp / 1000)
    silences = [pair for seen in times.values() for pair in pairwise(sorted(seen))]
    ends = [at for _, at in moments[1:]] + [moments[-1][1] + 15]
    told = []
    for (what, at), end in zip(moments, ends, strict=True):
        longest = max((after - before for before, after in silences if at - 1 < before < end), default=0.0)
        told.append(f"{what} {longest:.1f}")
    return ", ".join(told)


def kills(settings: Settings, folder: Path, times: int, backlog: int, said: list[str]) -> None:
    keyless = {"OPECOM_SITES__DEFAULT__KEYLESS_LOOPBACK": "true"}
    ingest = Part("ingest", folder, environment(settings) | keyless, settings.ingest.port).wait_ready()
    ledger = Ledger(f"http://127.0.0.1:{settings.ingest.port}", folder / "accepted", RATE * (6 if backlog else 1))
    workers = Workers(settings, folder)
    chance = random.Random(7)
    moments: list[tuple[str, float]] = []
    try:
        ledger.start()
        if backlog:
            ledger.wait_for(backlog)
        workers.add()
        workers.add()
        for part in workers.running:
            part.wait_ready()
        for _ in range(times):
            for what in ("kill", "add", "stop", "add"):
                moments.append((what, time.time()))
                if what == "add":
                    workers.add()
                else:
                    getattr(workers, what)(chance.randrange(len(workers.running)))
                # At any moment of a rebalance.
                time.sleep(chance.uniform(0.5, 4.0))
        accepted = ledger.stop()
        asyncio.run(caught_up(settings))
        assert all(part.alive for part in workers.running), "\n".join(part.words() for part in workers.running)
        said.append(asyncio.run(check_truth(settings, accepted)) + f", {ledger.resent} batches sent again")
        said.append(f"longest silence of a partition, in seconds: {stalls(settings, moments)}")
    finally:
        for part in [ingest, *workers.running]:
            part.kill()


@pytest.mark.kafka
@pytest.mark.parametrize("backlog", [pytest.param(0, id="live"), pytest.param(10_000, id="with a backlog")])
@pytest.mark.parametrize(
    "times", [pytest.param(2, id="2 times"), pytest.param(20, id="20 times", marks=pytest.mark.long)]
)
def test_workers_killed_added_and_stopped(
    settings: Settings, tmp_path: Path, times: int, backlog: int, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    kills(settings, tmp_path, times, backlog, said)
    with capsys.disabled():
        print("\n" + "\n".join(said))
