"""One place makes Kafka clients, and each trap of aiokafka is handled there."""

import asyncio
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from deploy.log import topics
from deploy.log.client_options import kafka_clients
from stream.kafka import clients as module
from stream.kafka.clients import close, partitions_of, running, with_timeout
from tests.support.services import Broker

ROOT = Path(__file__).parents[3]
PACKAGES = ("ingest", "stream", "scoring", "storage", "deploy")


@pytest.mark.parametrize("made", ["AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "AIOKafkaClient"])
def test_clients_are_made_in_one_file(made: str) -> None:
    files = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]
    calls = {
        str(file.relative_to(ROOT)): len(re.findall(rf"\b{made}\(", file.read_text()))
        for file in files
        if "bench" not in file.parts
    }
    expected = {} if made == "AIOKafkaClient" else {"stream/kafka/clients.py": 1}
    assert {file: count for file, count in calls.items() if count} == expected


@pytest.mark.parametrize("trap", ["partitions_for_topic", "fetch_all_metadata", "ConsumerRebalanceListener)"])
def test_a_trap_of_the_client_is_handled_in_one_file(trap: str) -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if trap in file.read_text()]
    assert len(files) == 1, files
    assert files[0].parent == ROOT / "stream" / "kafka"


async def test_partitions_are_known_without_an_assignment_and_no_topic_is_made_by_asking(broker: Broker) -> None:
    kafka = broker.settings(partitions=3)
    clients = kafka_clients(kafka)
    async with clients.consuming() as consumer, clients.producing() as producer, clients.administering() as admin:
        assert await partitions_of(consumer, kafka.events_topic) == []
        assert kafka.events_topic not in await admin.list_topics()
        await topics.ensure(clients, topics.wanted(kafka))
        for client in (consumer, producer, admin):
            found = await partitions_of(client, kafka.events_topic, kafka.pages_topic)
            assert sorted(found) == [
                *(TopicPartition(kafka.events_topic, number) for number in range(3)),
                TopicPartition(kafka.pages_topic, 0),
            ]


async def test_a_consumer_that_leaks_a_cancellation_when_it_stops_does_not_cancel_us(embedded_kafka: Broker) -> None:
    """aiokafka's `stop` raises the CancelledError of the fetch that it cancelled itself."""
    clients = kafka_clients(embedded_kafka.settings(partitions=1))

    async def fetching() -> Any:
        consumer = clients.consumer()
        await consumer.start()
        consumer._fetcher._pending_tasks.add(asyncio.create_task(asyncio.Event().wait()))
        return consumer

    leaking = await fetching()
    with pytest.raises(asyncio.CancelledError):
        await leaking.stop()
    await leaking._client.close()
    closing = await fetching()
    await close(closing)
    assert not any(connection.connected() for connection in closing._client._conns.values())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


class Stuck:
    """A client whose start and stop never end; remembers what was closed under it."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self._sender = SimpleNamespace(close=lambda: self._close("sender"))
        self.client = SimpleNamespace(close=lambda: self._close("connections"))

    async def _close(self, what: str) -> None:
        self.closed.append(what)

    async def start(self) -> None:
        await asyncio.Event().wait()

    async def stop(self) -> None:
        await asyncio.Event().wait()


async def test_a_client_that_never_stops_is_cut_off_with_its_sender_and_connections() -> None:
    stuck, began = Stuck(), time.monotonic()
    await close(stuck, 0.05)
    assert stuck.closed == ["sender", "connections"]
    assert time.monotonic() - began < 2


async def test_a_client_that_never_starts_is_a_kafka_error_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    stuck: Any = Stuck()
    with pytest.raises(KafkaError, match="no answer within"):
        await with_timeout(stuck.start(), 0.05)

    class Refused(Stuck):
        async def start(self) -> None:
            raise KafkaError("refused")

        async def stop(self) -> None:
            raise asyncio.CancelledError

    refused = Refused()
    with pytest.raises(KafkaError, match="refused"):
        async with running(refused):
            raise AssertionError("never started")
    assert refused.closed == ["sender", "connections"]


async def test_our_own_cancellation_is_not_swallowed() -> None:
    closing = asyncio.create_task(close(Stuck(), 30))
    await asyncio.sleep(0.01)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
