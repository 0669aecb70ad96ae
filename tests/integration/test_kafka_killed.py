"""Kafka is killed under running parts: what cannot work without it ends with 70, in few lines, never in a traceback."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
from aiokafka.errors import KafkaError

from deploy.local import broker as embedded
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import speaks_kafka
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.processes.programs import Program
from deploy.services import kafka as service
from deploy.settings.model import KafkaSettings, Settings, StorageSettings, user_cache, variable
from deploy.wiring.storage import migrate_all
from ingest.events import encode, key_of
from tests.support.events import event
from tests.support.ports import free_port
from tests.support.services import find
from tests.support.sinks import clickhouse_front
from tests.support.waiting import until

HERE = "127.0.0.1"
#: Seconds in which a part must be ready, and in which it must have noticed that Kafka is gone.
READY, NOTICED = 240, 120
#: Seconds after which a part ends where Kafka stays away; far more than it takes to come back.
OUTAGE, LONG = 8, 600


@dataclass
class RunningPart:
    process: subprocess.Popen[bytes]
    log: Path
    #: Of what it serves: its API, or its metrics.
    port: int

    def lines(self, *words: str) -> list[str]:
        """The lines that hold one of these words."""
        return [line for line in self.log.read_text().splitlines() if any(word in line for word in words)]


@contextlib.asynccontextmanager
async def running(
    folder: Path, parts: Iterable[str], kafka: KafkaSettings, outage: int, variables: Mapping[str, str]
) -> AsyncIterator[dict[str, RunningPart]]:
    """These parts, ready, as `opecom run` starts them."""
    ports = {name: free_port() for name in ("worker.metrics", "storage.metrics", "webhooks.metrics", "ingest", "api")}
    probed = {"store": "api", "api": "api", "writer": "storage.metrics", "ingest": "ingest"}
    given = {
        "OPECOM_KAFKA__BOOTSTRAP": kafka.bootstrap,
        "OPECOM_KAFKA__PARTITIONS": "1",
        "OPECOM_KAFKA__REQUEST_TIMEOUT_MS": "5000",
        "OPECOM_KAFKA__OUTAGE_SECONDS": str(outage),
        "OPECOM_DATA_DIR": str(folder / "data"),
        **{f"OPECOM_{name.replace('.', '__').upper()}{'_' if '.' in name else '__'}PORT": str(port)
           for name, port in ports.items()},
        **variables,
    }  # fmt: skip
    found: dict[str, RunningPart] = {}
    try:
        for part in parts:
            log = folder / f"{part}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                    [sys.executable, "-m", "deploy", "run", part],
                    env={**os.environ, **given},
                    stderr=output,
                    stdout=output,
                )
            found[part] = RunningPart(process, log, ports[probed.get(part, f"{part}.metrics")])
        for part, each in found.items():
            # Its API may answer while its writer has not connected yet, which then ends as one that cannot start.
            for port in {each.port, ports["storage.metrics"]} if part == "store" else {each.port}:
                await until(partial(is_ready, ProbeAddress(HERE, port)), each.log.read_text, READY)
        yield found
    finally:
        for each in found.values():
            if each.process.poll() is None:
                each.process.kill()
                each.process.wait()


async def ends_with_70(part: RunningPart) -> None:
    await until(lambda: part.process.poll() is not None, part.log.read_text, NOTICED)
    assert part.process.returncode == 70, part.log.read_text()
    assert len(part.lines("ERROR")) == 1, part.log.read_text()


async def stops(part: RunningPart) -> None:
    part.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(part.process.wait, 40) == 0, part.log.read_text()


def assert_few_lines(part: RunningPart) -> None:
    assert not part.lines("Traceback", "CancelledError", "aiokafka"), part.log.read_text()
    # One when it goes, one a minute.
    assert 1 <= len(part.lines("Kafka does not answer")) <= 4, part.log.read_text()


@pytest.mark.kafka
async def test_parts_end_with_70_and_one_line_when_kafka_is_killed(tmp_path: Path) -> None:
    if find("OPECOM_TEST_KAFKA").way == "docker":
        pytest.skip("a broker of one's own is started by Java")
    port = free_port()
    service.start(tmp_path / "kafka", user_cache(), port, free_port(), die_with_parent=True, seconds=240)
    broker = service.program(tmp_path / "kafka")
    kafka = KafkaSettings(bootstrap=f"{HERE}:{port}", partitions=1, request_timeout_ms=5_000)
    clients = kafka_clients(kafka)
    try:
        await topics.ensure(clients, topics.wanted(kafka))
        async with running(tmp_path, ("worker", "writer"), kafka, OUTAGE, {}) as parts:
            with contextlib.suppress(KafkaError, TimeoutError):
                async with clients.producing() as producer:
                    # aiokafka's send waits for ever once Kafka is gone.
                    async with asyncio.timeout(20):
                        for number in range(200):
                            one = event(number)
                            key = key_of("default", one.session_id)
                            await producer.send_and_wait(kafka.events_topic, encode(one), key=key, partition=0)
                            if number == 100:
                                # In the middle of rounds and blocks.
                                kill(broker)
            for part in parts.values():
                await ends_with_70(part)
                assert not part.lines("Traceback", "CancelledError"), part.log.read_text()
                assert len(part.lines("aiokafka", "Kafka does not answer")) <= 4, part.log.read_text()
    finally:
        broker.stop()


async def embedded_broker(folder: Path, port: int) -> Program:
    program = Program("broker", folder)
    await asyncio.to_thread(
        program.start,
        embedded.command(embedded.binary(), port),
        lambda: speaks_kafka(port),
        environment=embedded.environment(),
        die_with_parent=True,
    )
    return program


def kill(broker: Program) -> None:
    process = broker.process()
    assert process is not None
    process.kill()
    process.wait(20)


PARTS = ("worker", "store", "webhooks", "ingest")
#: Of the embedded broker, whatever the profile.
CONNECTION = {variable(f"kafka.{name}"): str(value).lower() for name, value in embedded.SETTINGS.items()}
EMBEDDED = {"OPECOM_PROFILE": "embedded", **CONNECTION}


async def make_topics(port: int) -> KafkaSettings:
    """The settings of the embedded broker on this port, which is new, once it has the topics."""
    kafka = KafkaSettings(bootstrap=f"{HERE}:{port}", partitions=1, **embedded.SETTINGS)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    return kafka


async def killed_under(
    tmp_path: Path,
    outage: int,
    then: Callable[[dict[str, RunningPart], int], Awaitable[None]],
    names: Iterable[str] = PARTS,
    variables: Mapping[str, str] = EMBEDDED,
) -> None:
    """`then`, after the embedded broker was killed under idle parts."""
    port = free_port()
    broker = await embedded_broker(tmp_path, port)
    try:
        kafka = await make_topics(port)
        async with running(tmp_path, names, kafka, outage, variables) as parts:
            kill(broker)
            await then(parts, port)
    finally:
        Program("broker", tmp_path).stop()


async def test_idle_parts_end_with_70_when_kafka_stays_away_and_ingest_waits(tmp_path: Path) -> None:
    async def then(parts: dict[str, RunningPart], _: int) -> None:
        for name, part in parts.items():
            await (stops(part) if name == "ingest" else ends_with_70(part))
            assert_few_lines(part)

    await killed_under(tmp_path, OUTAGE, then)


async def test_idle_parts_go_on_when_kafka_comes_back_and_log_it_once(tmp_path: Path) -> None:
    async def then(parts: dict[str, RunningPart], port: int) -> None:
        for part in parts.values():
            await until(partial(part.lines, "Kafka does not answer"), part.log.read_text, NOTICED)
        await embedded_broker(tmp_path, port)
        for part in parts.values():
            await until(partial(part.lines, "Kafka answers again"), part.log.read_text, NOTICED)
            assert part.process.poll() is None, part.log.read_text()
        for part in parts.values():
            await stops(part)
            assert_few_lines(part)
            assert len(part.lines("Kafka answers again")) == 1, part.log.read_text()

    await killed_under(tmp_path, LONG, then)


async def test_the_query_api_answers_without_kafka_and_streams_again_when_it_is_back(tmp_path: Path) -> None:
    """`run api` reads both databases; only streams follow the log."""
    headers = {"X-OPECOM-Key": "read-key-of-the-tests"}
    with clickhouse_front(tmp_path / "clickhouse") as clickhouse_port:
        storage = {"url": f"sqlite:///{tmp_path / 'rows.sqlite'}", "clickhouse_host": HERE}
        stored = StorageSettings.model_validate({**storage, "clickhouse_port": clickhouse_port})
        migrate_all(Settings(profile="services", storage=stored))
        variables = {
            "OPECOM_PROFILE": "services",
            "OPECOM_STORAGE__URL": storage["url"],
            "OPECOM_STORAGE__CLICKHOUSE_HOST": HERE,
            "OPECOM_STORAGE__CLICKHOUSE_PORT": str(clickhouse_port),
            "OPECOM_API__READ_KEYS": '["read-key-of-the-tests"]',
            "OPECOM_API__ADMIN_KEYS": '["admin-key-of-the-tests"]',
            **CONNECTION,
        }

        async def then(parts: dict[str, RunningPart], port: int) -> None:
            api = parts["api"]
            async with httpx.AsyncClient(base_url=f"http://{HERE}:{api.port}", headers=headers, timeout=30) as http:
                assert (await http.get("/sessions/live")).json()["sessions"] == []
                assert (await http.get("/readyz")).status_code == 200
                away = await http.get("/intents/stream")
                assert (away.status_code, away.json()["error"]) == (503, "unavailable")
                await embedded_broker(tmp_path, port)
                await make_topics(port)
                async with http.stream("GET", "/intents/stream") as stream:
                    assert stream.status_code == 200, api.log.read_text()
            await stops(api)
            assert not api.lines("Traceback", "CancelledError", "aiokafka", "ERROR"), api.log.read_text()

        await killed_under(tmp_path, OUTAGE, then, ("api",), variables)
