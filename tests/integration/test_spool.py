"""Ingest with a spool and Apache Kafka are killed under load: whatever was answered with 202 is in the topic."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer
from msgspec import Struct

from deploy.chaos.ledger import Ledger
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.services import kafka as service
from deploy.settings.model import KafkaSettings, user_cache
from tests.support.ports import free_port
from tests.support.services import find
from tests.support.waiting import until

HERE = "127.0.0.1"


class _Id(Struct, frozen=True):
    event_id: str


_decoder = msgspec.json.Decoder(_Id)


class KilledIngest:
    """An ingest process with a spool, which is killed and started again on one port and one folder."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.port = free_port()
        self.log = folder / "ingest.log"
        self._environment = {
            **os.environ,
            "OPECOM_PROFILE": "services",
            "OPECOM_DATA_DIR": str(folder / "data"),
            "OPECOM_KAFKA__BOOTSTRAP": bootstrap,
            "OPECOM_KAFKA__REQUEST_TIMEOUT_MS": "5000",
            "OPECOM_INGEST__PORT": str(self.port),
            "OPECOM_INGEST__SPOOL": "true",
            "OPECOM_SITES__DEFAULT__KEYLESS_LOOPBACK": "true",
        }
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Returns when it takes events, with Kafka or without."""
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "deploy", "run", "ingest"]
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                command, env=self._environment, stdout=output, stderr=output
            )
        await until(partial(is_ready, ProbeAddress(HERE, self.port)), self.log.read_text, 240)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None


async def ids_of(consumer: AIOKafkaConsumer, wanted: set[str]) -> list[str]:
    """The ids of all events in the topic, once all that are wanted are there, or after two minutes."""
    found: list[str] = []
    try:
        async with asyncio.timeout(120):
            while not wanted <= set(found):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += [_decoder.decode(record.value).event_id for record in records]
    except TimeoutError:
        pass
    return found


@pytest.mark.kafka
async def test_kills_of_ingest_and_kafka_lose_nothing_that_was_accepted(tmp_path: Path) -> None:
    if find("OPECOM_TEST_KAFKA").way == "docker":
        pytest.skip("a broker of one's own is started by Java")
    port, controller = free_port(), free_port()
    broker = service.program(tmp_path / "kafka")

    async def start_kafka() -> None:
        await asyncio.to_thread(
            partial(
                service.start, tmp_path / "kafka", user_cache(), port, controller, die_with_parent=True, seconds=240
            )
        )

    def kill_kafka() -> None:
        process = broker.process()
        assert process is not None
        process.kill()
        process.wait(20)

    ingest = KilledIngest(tmp_path, f"{HERE}:{port}")
    ledger = Ledger(f"http://{HERE}:{ingest.port}", tmp_path / "accepted", rate=150)
    kafka = KafkaSettings(bootstrap=f"{HERE}:{port}", request_timeout_ms=5_000)
    try:
        await start_kafka()
        await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
        await ingest.start()
        ledger.start()
        await asyncio.to_thread(ledger.wait_for, 100)
        ingest.kill()
        await ingest.start()
        await asyncio.to_thread(ledger.wait_for, 100)
        await asyncio.to_thread(kill_kafka)
        # Events are taken although Kafka is gone, also by a process that starts then.
        await asyncio.to_thread(ledger.wait_for, 300)
        ingest.kill()
        await ingest.start()
        await asyncio.to_thread(ledger.wait_for, 100)
        await start_kafka()
        await asyncio.to_thread(ledger.wait_for, 100)
        await asyncio.to_thread(kill_kafka)
        ingest.kill()
        await ingest.start()
        await start_kafka()
        await asyncio.to_thread(ledger.wait_for, 100)
        accepted = await asyncio.to_thread(ledger.stop)
        async with kafka_clients(kafka).consuming() as consumer:
            consumer.assign(await kafka_clients(kafka).partitions_of(consumer, kafka.events_topic))
            found = await ids_of(consumer, accepted)
        print(f"{len(accepted)} accepted, {len(found) - len(set(found))} in the topic twice, {ledger.resent} resent")
        assert accepted - set(found) == set(), ingest.log.read_text()
        # What is unknown to the sender or to the drain comes again: a request or a chunk for each kill.
        assert len(found) - len(set(found)) < len(accepted) / 4
        assert "Traceback" not in ingest.log.read_text()
    finally:
        ingest.kill()
        broker.stop()
