"""A consumer group of ours: where each partition begins, which records follow without a hole, and the commit."""

import asyncio
import logging
from collections.abc import Iterator, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata

from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.positions import ReadPositions

log = logging.getLogger(__name__)

#: aiokafka can wait for ever when Kafka is away; no call of ours waits longer than this.
KAFKA_SECONDS = 30.0


async def commit(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], lost: str) -> None:
    """Commit the offsets of partitions that are assigned to `consumer`.

    `lost` says what it means that a rebalance came before. Raises KafkaUnavailableError.
    """
    mine = consumer.assignment()
    held = {partition: OffsetAndMetadata(offset, "") for partition, offset in offsets.items() if partition in mine}
    if not held:
        return
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            await consumer.commit(held)
    except (CommitFailedError, IllegalStateError):
        log.info("a rebalance came before the commit; %s", lost)
    except TimeoutError as error:
        raise KafkaUnavailableError("Kafka did not take the commit; kafka.bootstrap says where it is") from error


def unbroken(records: list[ConsumerRecord]) -> Iterator[list[ConsumerRecord]]:
    """The records in runs without a hole; nearly always one."""
    if not records:
        return
    if records[-1].offset - records[0].offset == len(records) - 1:
        yield records
        return
    start = 0
    for place in range(1, len(records) + 1):
        if place == len(records) or records[place].offset != records[place - 1].offset + 1:
            yield records[start:place]
            start = place


class GroupAssignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Starts each assigned partition where the group has committed, not where the client thinks it is."""

    def __init__(self, consumer: AIOKafkaConsumer, progress: ReadPositions[TopicPartition]) -> None:
        self._consumer = consumer
        self._progress = progress
        self.started = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.started = False
        for partition in revoked:
            self._progress.forget(partition)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        begins = await self._consumer.beginning_offsets(list(assigned)) if assigned else {}
        for partition in assigned:
            committed = await self._consumer.committed(partition)
            self._progress.start(partition, max(committed or 0, begins[partition]))
        self.started = True
