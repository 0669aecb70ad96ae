"""The worker as it runs: Faust, a broker, the real model; on the embedded broker and on Apache Kafka."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.errors import SetupError
from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import KafkaSettings, Settings, WorkerSettings
from deploy.wiring import worker
from ingest.events import Event, Page, Tick, UsePages, encode, key_of
from stream.fold.pages import PageRow
from stream.kafka.pages_topic import add_version
from stream.scored import DeadLetter, ScoredSession, decode, decode_dead
from tests.support.events import NOON, event
from tests.support.services import Broker

PATIENCE = 90


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    kafka = broker.settings(partitions=2)
    group = f"worker-{kafka.events_topic}"
    return Settings(
        kafka=kafka, data_dir=tmp_path, worker=WorkerSettings(metrics_port=0, group=group, session_timeout_ms=6_000)
    )


@asynccontextmanager
async def producer(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**client_options(kafka), acks="all") as made:
        yield made


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    """A worker, stopped at the end as SIGTERM would stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(settings, stop))
    try:
        yield
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 25) == 0


async def publish_events(made: AIOKafkaProducer, topic: str, *events: Event, partition: int = 0) -> None:
    for each in events:
        await made.send_and_wait(topic, encode(each), key=key_of(each.site, each.session_id), partition=partition)


async def read_until(kafka: KafkaSettings, topic: str, enough: Callable[[list[bytes]], bool]) -> list[bytes]:
    """The first values of a topic, by whatever partition, until there are enough."""
    values: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        async with AIOKafkaConsumer(
            topic, **client_options(kafka), auto_offset_reset="earliest", fetch_max_wait_ms=50
        ) as consumer:
            while not enough(values):
                values.append((await consumer.getone()).value)
    return values


async def read(kafka: KafkaSettings, topic: str, count: int) -> list[bytes]:
    """The first `count` values of a topic, by whatever partition."""
    return await read_until(kafka, topic, lambda values: len(values) == count)


async def scored(kafka: KafkaSettings, count: int) -> list[ScoredSession]:
    return [decode(value) for value in await read(kafka, kafka.scored_topic, count)]


async def scored_until(kafka: KafkaSettings, events: int) -> list[ScoredSession]:
    """The scores up to the one of so many events. A worker whose last commit a rebalance overtook writes some of them
    again, byte for byte: each is here once."""
    values = await read_until(
        kafka, kafka.scored_topic, lambda found: bool(found) and decode(found[-1]).counts.events >= events
    )
    return [decode(value) for value in dict.fromkeys(values)]


async def test_an_event_becomes_a_score_and_a_restart_goes_on_where_it_was(settings: Settings) -> None:
    kafka = settings.kafka
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    now = int(time.time() * 1000)
    async with producer(kafka) as made:
        async with running(settings):
            await publish_events(made, kafka.events_topic, event(1, now), event(2, now + 1000))
            assert len(await scored(kafka, 2)) == 2
        async with running(settings):
            await publish_events(made, kafka.events_topic, event(2, now + 1000), event(3, now + 5000))
            records = await scored_until(kafka, 3)
    assert [record.counts.events for record in records] == [1, 2, 3]
    assert [record.features.ProductRelated_Duration for record in records] == [0, 1, 5]
    assert {record.opened_at for record in records} == {now}
    assert all(0 < record.probability < 1 and record.reasons for record in records)


async def test_dead_letters_go_to_their_topic_and_the_rest_goes_on(settings: Settings) -> None:
    kafka = settings.kafka
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    now = int(time.time() * 1000)
    late = event(7, now - 3_600_000, received_at=now)
    async with producer(kafka) as made, running(settings):
        await made.send_and_wait(kafka.events_topic, b"\x00nonsense", key=b"default/s1", partition=1)
        await publish_events(made, kafka.events_topic, late, event(1, now), partition=1)
        assert (await scored(kafka, 1))[0].event.id == event(1).event_id
        dead: list[DeadLetter] = [decode_dead(value) for value in await read(kafka, kafka.dead_topic, 2)]
    assert [(letter.reason, letter.partition, letter.raw) for letter in dead] == [
        ("undecodable", 1, b"\x00nonsense"),
        ("late", 1, encode(late)),
    ]


async def test_a_view_waits_for_the_page_statistics_that_the_log_announced(settings: Settings) -> None:
    kafka = settings.kafka
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    async with producer(kafka) as made, running(settings):
        now = int(time.time() * 1000)
        rows = [PageRow("", "default", "/p/1", 0.1, 0.2, 30.0), PageRow("", "default", "*", 0.5, 0.6, 1.0)]
        version = await add_version(made, kafka.pages_topic, rows)
        for number in range(2):
            await made.send_and_wait(kafka.events_topic, encode(UsePages(version)), partition=number)
        await publish_events(made, kafka.events_topic, event(1, now), event(2, now + 1, page=Page("/else", None)))
        first, second = await scored(kafka, 2)
    assert (first.features.BounceRates, first.features.PageValues, first.pages_version) == (0.1, 30.0, version)
    assert (second.features.BounceRates, second.features.PageValues) == (pytest.approx(0.3), 15.5)


async def test_a_tick_closes_and_wall_time_appends_one_where_nobody_writes(settings: Settings) -> None:
    kafka = settings.kafka
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    async with producer(kafka) as made, running(settings):
        await publish_events(made, kafka.events_topic, event(1))
        replayed = event(2, NOON, site="past", session_id="r1", clock="replayed")
        await publish_events(made, kafka.events_topic, replayed, partition=1)
        await made.send_and_wait(kafka.events_topic, encode(Tick("past", NOON + 86_400_000)), partition=1)
        records = await scored(kafka, 4)
    assert {(record.site, record.status) for record in records} == {
        ("default", "open"), ("default", "closed"), ("past", "open"), ("past", "closed"),
    }  # fmt: skip


async def test_a_worker_without_its_topics_states_how_to_make_them(settings: Settings) -> None:
    with pytest.raises(SetupError, match=r"topic pages-\w+ is missing: `opecom topics create` makes it"):
        await worker.run(settings, asyncio.Event())


async def test_a_worker_refuses_a_log_with_another_number_of_partitions(settings: Settings) -> None:
    await topics.ensure(kafka_clients(settings.kafka), topics.wanted(settings.kafka))
    kafka = settings.kafka.model_copy(update={"partitions": 3})
    with pytest.raises(SetupError, match="2 partitions"):
        await worker.run(settings.model_copy(update={"kafka": kafka}), asyncio.Event())
