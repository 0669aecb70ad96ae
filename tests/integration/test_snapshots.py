"""Snapshots on Apache Kafka: their topic, and a worker that goes on from one, or without it where it is gone."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import GroupCoordinatorNotAvailableError

import stream.snapshot.writer
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings, Settings, WorkerSettings
from deploy.wiring.folding import scored_producer
from stream.fold.mark import Mark, decode_mark
from stream.kafka.clients import close, start
from stream.kafka.log_reader import KafkaLogReader
from stream.kafka.publish import KafkaRecordPublisher
from stream.kafka.snapshots_topic import KafkaSnapshotStore
from stream.snapshot.store import ListSnapshotStore, SnapshotStore
from tests.integration.test_worker import producer, publish_events, running, scored_until
from tests.support.events import event
from tests.support.services import Broker

pytestmark = pytest.mark.kafka
#: A producer's batch is no larger, so a record of this size is on its own.
LARGE = b"x" * 420_000


@pytest.fixture
def kafka_settings(kafka: Broker) -> KafkaSettings:
    return kafka.settings(partitions=2)


@pytest.fixture(params=["list", "kafka"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[SnapshotStore]:
    if request.param == "list":
        yield ListSnapshotStore()
        return
    settings: KafkaSettings = request.getfixturevalue("kafka_settings")
    clients = kafka_clients(settings)
    await topics.ensure(clients, topics.wanted(settings))
    made = scored_producer(clients)
    await start(made)
    reader = KafkaLogReader(clients, settings.snapshots_topic, "nobody")
    yield KafkaSnapshotStore(settings.snapshots_topic, reader, KafkaRecordPublisher(made, 20))
    await close(made)


async def values(store: SnapshotStore, start: int, most: int = 99) -> list[bytes | None]:
    found: list[bytes | None] = []

    def take(value: bytes | None) -> bool:
        found.append(value)
        return len(found) == most

    await store.read(0, start, take)
    return found


async def test_records_are_read_from_an_offset_to_the_end_or_until_enough(store: SnapshotStore) -> None:
    assert await values(store, 0) == []
    await store.append(0, [(b"0/0", b"a"), (b"0/1", LARGE), (b"0/2", LARGE)])
    await store.append(1, [(b"0/0", b"elsewhere")])
    start = await store.end(0)
    await store.append(0, [(b"1/0", b"b"), (b"1/1", b"c")])
    assert await values(store, 0) == [b"a", LARGE, LARGE, b"b", b"c"]
    assert await values(store, start) == [b"b", b"c"]
    assert await values(store, start, 1) == [b"b"]
    assert await values(store, start + 9) == []


async def committed(settings: Settings) -> Mark | None:
    clients, place = kafka_clients(settings.kafka), TopicPartition(settings.kafka.events_topic, 0)
    try:
        found = (await clients.committed(settings.worker.group, [place])).get(place)
    except GroupCoordinatorNotAvailableError:
        return None  # the first to ask makes Kafka create its topic of offsets
    return None if found is None else decode_mark(found.metadata or "")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(90):
        while not await holds():  # noqa: ASYNC110  nothing else says when a worker has committed
            await asyncio.sleep(0.2)


async def test_a_worker_goes_on_from_a_snapshot_and_from_the_log_where_it_is_gone(
    kafka_settings: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stream.snapshot.writer, "RECORDS", 20)
    monkeypatch.setattr(stream.snapshot.writer, "REST_SECONDS", 0.0)
    caplog.set_level("INFO", "stream")
    kafka = kafka_settings
    settings = Settings(
        kafka=kafka,
        data_dir=tmp_path,
        worker=WorkerSettings(metrics_port=0, group=f"worker-{kafka.events_topic}", session_timeout_ms=6_000),
    )
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    now = int(time.time() * 1000)

    async def has_snapshot() -> bool:
        mark = await committed(settings)
        return mark is not None and mark.snapshot is not None

    async with producer(kafka) as made:
        async with running(settings):
            await publish_events(made, kafka.events_topic, *(event(each, now + each) for each in range(1, 31)))
            await until(has_snapshot)
        async with running(settings):
            await publish_events(made, kafka.events_topic, event(31, now + 31))
            assert (await scored_until(kafka, 31))[-1].opened_at == now + 1
        assert "1 open sessions from a snapshot at" in caplog.text
        assert "cannot be used" not in caplog.text
        # Whoever deletes the topic's records takes nothing but time.
        async with kafka_clients(kafka).administering() as admin:
            end = await KafkaLogReader(kafka_clients(kafka), kafka.snapshots_topic, "nobody").end_of(0)
            await admin.delete_records({TopicPartition(kafka.snapshots_topic, 0): RecordsToDelete(before_offset=end)})
        async with running(settings):
            await publish_events(made, kafka.events_topic, event(32, now + 32))
            assert (await scored_until(kafka, 32))[-1].opened_at == now + 1
        assert "its snapshot cannot be used, so the log is folded from 0: record 0 of" in caplog.text
