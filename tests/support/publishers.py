"""Publishers of every kind, and what their logs hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.log import controls, topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import IngestSettings, KafkaSettings, Settings
from deploy.wiring import ingest
from deploy.wiring.spool import spool_publisher
from ingest.events import LIVE_CLOCK, Tick
from ingest.kafka import KafkaPublisher
from ingest.producer import LogProducer
from ingest.publish import ListPublisher, LogUnavailableError, Publisher, Record
from ingest.spool.publisher import SpoolPublisher

PARTITIONS = 4


class Log(Protocol):
    """A publisher and a look at what it wrote."""

    publisher: Publisher

    async def read(self, count: int) -> list[list[Record]]:
        """The records of each partition, once there are `count` in all."""

    async def write_behind(self) -> dict[int, int]:
        """Write to each partition, past the publisher; the offsets."""


class ListLog:
    def __init__(self) -> None:
        self.publisher = ListPublisher(PARTITIONS)

    async def read(self, count: int) -> list[list[Record]]:
        assert len(self.publisher.records) == count
        return self.publisher.partitions

    async def write_behind(self) -> dict[int, int]:
        return {}


class KafkaLog:
    def __init__(self, kafka: KafkaSettings, publisher: KafkaPublisher | SpoolPublisher) -> None:
        self.publisher = publisher
        self._kafka = kafka

    async def read(self, count: int) -> list[list[Record]]:
        return await read(self._kafka, count)

    async def write_behind(self) -> dict[int, int]:
        return await controls.write_control(self._kafka, Tick(LIVE_CLOCK, 0))


async def read(kafka: KafkaSettings, count: int) -> list[list[Record]]:
    """The records of each partition of the events topic, once there are `count` in all."""
    consumer = AIOKafkaConsumer(**client_options(kafka), fetch_max_wait_ms=20, auto_offset_reset="earliest")
    await consumer.start()
    held: list[list[Record]] = [[] for _ in range(kafka.partitions)]
    try:
        consumer.assign([TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)])
        async with asyncio.timeout(90):
            while sum(map(len, held)) < count:
                for partition, records in (await consumer.getmany(timeout_ms=100)).items():
                    held[partition.partition] += [(record.key, record.value) for record in records]
        late = await consumer.getmany(timeout_ms=50)
        assert not late, "more than was published"
    finally:
        await consumer.stop()
    return held


def publisher(kafka: KafkaSettings, **of_ingest: Any) -> KafkaPublisher:
    """A started publisher to `kafka`, as the settings make it."""
    made = ingest.publisher(Settings(kafka=kafka, ingest=IngestSettings(**of_ingest)))
    made.start()
    return made


def spooled(kafka: KafkaSettings, folder: Path, **of_ingest: Any) -> SpoolPublisher:
    """A started publisher to `kafka` by a spool in the data folder `folder`."""
    given = Settings(profile="services", data_dir=folder, kafka=kafka, ingest=IngestSettings(spool=True, **of_ingest))
    made = spool_publisher(given, ingest.log_producer(given))
    made.start()
    return made


async def reached(publisher: Publisher | LogProducer, seconds: float = 15) -> None:
    """Returns when the publisher can write; raises LogUnavailableError when it cannot in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                with suppress(LogUnavailableError):
                    return await publisher.check()
                await asyncio.sleep(0.02)
    return await publisher.check()


@asynccontextmanager
async def kafka_log(kafka: KafkaSettings, **of_ingest: Any) -> AsyncIterator[KafkaLog]:
    """A publisher to topics that are made for it, stopped at the end."""
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    made = publisher(kafka, **of_ingest)
    try:
        await reached(made)
        yield KafkaLog(kafka, made)
    finally:
        await made.stop()


@asynccontextmanager
async def spooled_log(kafka: KafkaSettings, folder: Path, **of_ingest: Any) -> AsyncIterator[KafkaLog]:
    """The same by a spool."""
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    made = spooled(kafka, folder, **of_ingest)
    try:
        # Without a connection an end leaves what is spooled to the next start.
        await reached(made.producer)
        yield KafkaLog(kafka, made)
    finally:
        await made.stop()
