"""Refuses a topic that was made anew under a log that the databases know.

Versions count offsets: in a topic that starts again they would be small, and the guard would keep the old rows. So
the last record written must still stand where it stood, with the timestamp that it had. A broker's end offset is not
asked: the embedded one's lies low.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct
from sqlalchemy import Engine, select

from storage.block import Role
from storage.tables import log_positions

WAIT_SECONDS = 5.0


class ContinuityError(RuntimeError):
    """The topics are not those that the databases were filled from; the message says what to do."""


class Written(Struct, frozen=True):
    """How far a partition was written, and the Kafka timestamp (ms) of its last record."""

    role: Role
    partition: int
    next: int
    timestamp: int


def written(engine: Engine, log: str) -> list[Written]:
    """How far each partition of `log` was written."""
    t = log_positions.c
    query = select(t.topic, t.kafka_partition, t.next_offset, t.last_timestamp).where(t.log == log)
    with engine.connect() as connection:
        return [Written(*row) for row in connection.execute(query)]


async def check(
    known: Iterable[Written], topics: Mapping[Role, str], options: Mapping[str, Any], wait_seconds: float = WAIT_SECONDS
) -> None:
    """Raise ContinuityError unless every topic is there and holds the last record written of each partition.

    `options` are aiokafka's connection options; `wait_seconds` is how long a record may take to come. A last record
    that retention has deleted cannot be compared.
    """
    consumer = AIOKafkaConsumer(group_id=None, enable_auto_commit=False, auto_offset_reset="none", **options)
    await consumer.start()
    try:
        # Not partitions_for_topic of the consumer: on Apache Kafka that knows only what is assigned.
        cluster = await consumer._client.fetch_all_metadata()
        partitions = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics.values()}
        for role, topic in topics.items():
            if not partitions[topic]:
                raise ContinuityError(f"topic `{topic}` is missing: run `opecom topics` (kafka.{role}_topic names it)")
        for place in known:
            topic = topics[place.role]
            await _compare(consumer, place, topic, wait_seconds if place.partition in partitions[topic] else 0)
    finally:
        await consumer.stop()


async def _compare(consumer: AIOKafkaConsumer, place: Written, topic: str, wait_seconds: float) -> None:
    partition = TopicPartition(topic, place.partition)
    last = place.next - 1
    if wait_seconds:
        begin = (await consumer.beginning_offsets([partition]))[partition]
        if begin > last:
            return
        consumer.assign([partition])
        consumer.seek(partition, last)
        try:
            record = await asyncio.wait_for(consumer.getone(partition), wait_seconds)
        except (TimeoutError, KafkaError):
            record = None
        if record is not None and record.offset == last and record.timestamp == place.timestamp:
            return
    raise ContinuityError(
        f"topic `{topic}` was made anew: the databases know {place.next} records of its partition {place.partition} "
        "that it does not have. Bring the topic back, or give the new one databases of its own "
        "(storage.url, storage.clickhouse_database)"
    )
