"""Refuses a topic that was created again under a log that the databases know.

Versions count offsets: in a topic that starts again they would be small, and the guard would keep the old rows. So
the last record written must still stand where it stood, with the timestamp that it had. A broker's end offset alone
says nothing, the embedded one's lies low: it counts where the record did not come either.
"""

import asyncio
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from msgspec import Struct
from sqlalchemy import Engine, select

from storage.database.tables import log_positions
from storage.errors import StorageError
from storage.write.block import TopicRole
from stream.kafka.clients import KafkaClients, partitions_of
from stream.kafka.errors import KafkaUnavailableError

WAIT_SECONDS = 10.0


class ContinuityError(StorageError):
    """The topics are not those that the databases were filled from; the message says what to do."""


class LastWritten(Struct, frozen=True):
    """How far a partition was written, and the Kafka timestamp (ms) of its last record."""

    role: TopicRole
    partition: int
    next: int
    timestamp: int


def written(engine: Engine, log: str) -> list[LastWritten]:
    """How far each partition of `log` was written."""
    t = log_positions.c
    query = select(t.topic, t.kafka_partition, t.next_offset, t.last_timestamp).where(t.log == log)
    with engine.connect() as connection:
        return [LastWritten(*row) for row in connection.execute(query)]


async def check(
    known: Iterable[LastWritten],
    topics: Mapping[TopicRole, str],
    clients: KafkaClients,
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Raise ContinuityError unless every topic is there and holds the last record written of each partition.

    `wait_seconds` is how long an answer may take to come. A last record
    that retention has deleted cannot be compared. Raises KafkaUnavailableError and KafkaError where Kafka does not
    answer: that says nothing of the topic.
    """
    async with clients.consuming(auto_offset_reset="none") as consumer:
        places = set(await partitions_of(consumer, *topics.values()))
        for role, topic in topics.items():
            if not any(place.topic == topic for place in places):
                raise ContinuityError(f"topic `{topic}` is missing: run `opecom topics` (kafka.{role}_topic names it)")
        for last in known:
            topic = topics[last.role]
            if TopicPartition(topic, last.partition) not in places or not await holds(
                consumer, last, topic, wait_seconds
            ):
                raise ContinuityError(
                    f"topic `{topic}` was created again: the databases know {last.next} records of its partition "
                    f"{last.partition} that it does not have. Bring the topic back, or give the new one databases of "
                    "its own (storage.url, storage.clickhouse_database)"
                )


async def holds(consumer: AIOKafkaConsumer, place: LastWritten, topic: str, wait_seconds: float) -> bool:
    """Whether the topic still has the last record written, or had it before retention deleted it.

    False only on Kafka's word: another record stands there, or the log ends before it. Raises KafkaUnavailableError
    where Kafka does not say so much.
    """
    partition = TopicPartition(topic, place.partition)
    last = place.next - 1
    try:
        async with asyncio.timeout(wait_seconds):
            if (await consumer.beginning_offsets([partition]))[partition] > last:
                return True
            consumer.assign([partition])
            consumer.seek(partition, last)
            try:
                async with asyncio.timeout(wait_seconds / 2):
                    record = await consumer.getone(partition)
            except (TimeoutError, OffsetOutOfRangeError):
                record = None
            if record is not None:
                return bool(record.offset == last and record.timestamp == place.timestamp)
            if (await consumer.end_offsets([partition]))[partition] <= last:
                return False
    except (TimeoutError, KafkaError) as error:
        raise KafkaUnavailableError(
            f"Kafka does not answer for topic `{topic}` ({error!r}); kafka.bootstrap says where it is"
        ) from error
    raise KafkaUnavailableError(f"Kafka does not answer: record {last} of `{topic}` does not come; see kafka.bootstrap")
