"""Apache Kafka is killed under a running worker and writer: exit code 70 or 0, few lines, never a traceback."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.services import kafka as service
from deploy.settings.model import KafkaSettings, user_cache
from ingest.events import encode, key_of
from tests.support.events import event
from tests.support.ports import free_port
from tests.support.services import find

HERE = "127.0.0.1"
#: Seconds in which a part must be ready, and in which it must have noticed that Kafka is gone.
READY, NOTICED = 240, 75


@pytest.mark.kafka
async def test_parts_end_with_70_and_one_line_when_kafka_is_killed(tmp_path: Path) -> None:
    if find("OPECOM_TEST_KAFKA").way == "docker":
        pytest.skip("a broker of one's own is started by Java")
    port = free_port()
    service.start(tmp_path / "kafka", user_cache(), port, free_port(), die_with_parent=True, seconds=240)
    broker = service.program(tmp_path / "kafka")
    kafka = KafkaSettings(bootstrap=f"{HERE}:{port}", partitions=1, request_timeout_ms=5_000)
    clients = kafka_clients(kafka)
    ports = {"worker": free_port(), "writer": free_port()}
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        await topics.ensure(clients, topics.wanted(kafka))
        given = {
            "OPECOM_KAFKA__BOOTSTRAP": kafka.bootstrap,
            "OPECOM_KAFKA__PARTITIONS": "1",
            "OPECOM_KAFKA__REQUEST_TIMEOUT_MS": "5000",
            "OPECOM_DATA_DIR": str(tmp_path / "data"),
            "OPECOM_WORKER__METRICS_PORT": str(ports["worker"]),
            "OPECOM_STORAGE__METRICS_PORT": str(ports["writer"]),
        }
        for part in ports:
            with (tmp_path / f"{part}.log").open("wb") as log:
                running[part] = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
                    [sys.executable, "-m", "deploy", "run", part], env={**os.environ, **given}, stderr=log, stdout=log
                )
        for part, at in ports.items():
            deadline = time.monotonic() + READY
            while not await asyncio.to_thread(is_ready, ProbeAddress(HERE, at)):
                assert time.monotonic() < deadline, (tmp_path / f"{part}.log").read_text()
                await asyncio.sleep(0.2)
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
                            process = broker.process()
                            assert process is not None
                            process.kill()
        deadline = time.monotonic() + NOTICED
        while time.monotonic() < deadline and any(child.poll() is None for child in running.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        for part, child in running.items():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            # A part that had nothing on its way waits for Kafka, and ends well when it is stopped.
            assert await asyncio.to_thread(child.wait, 40) in (0, 70), part
            text = (tmp_path / f"{part}.log").read_text()
            assert "Traceback" not in text, text
            assert "CancelledError" not in text, text
            after = [line for line in text.splitlines() if "aiokafka" in line or "Kafka does not answer" in line]
            assert len(after) <= 4, after
    finally:
        for child in running.values():
            if child.poll() is None:
                child.kill()
                child.wait()
        broker.stop()
