"""The `events` topic as recovery reads it, by clients of our own beside those of Faust."""

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream.fold.partition import LogRecord
from stream.recovery import PartitionReader


class KafkaLogReader:
    """The `events` topic, read by clients of our own beside Faust's."""

    def __init__(self, options: Mapping[str, Any], topic: str, group: str) -> None:
        self._options = options
        self._topic = topic
        self._group = group

    async def committed(self, partition: int) -> tuple[int, str] | None:
        place = TopicPartition(self._topic, partition)
        admin = AIOKafkaAdminClient(**self._options)
        await admin.start()
        try:
            found = (await admin.list_consumer_group_offsets(self._group, partitions=[place])).get(place)
        finally:
            await admin.close()
        return None if found is None or found.offset < 0 else (found.offset, found.metadata or "")

    async def start_of(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        async with _consumer(self._options) as consumer:
            return int((await consumer.beginning_offsets([place]))[place])

    async def end_of(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        async with _consumer(self._options) as consumer:
            return int((await consumer.end_offsets([place]))[place])

    def read(self, partition: int, offset: int) -> PartitionReader:
        return KafkaPartitionReader(self._options, TopicPartition(self._topic, partition), offset)


class KafkaPartitionReader:
    """See Reading."""

    def __init__(self, options: Mapping[str, Any], place: TopicPartition, offset: int) -> None:
        self._consumer = _consumer(options)
        self._place = place
        self._offset = offset

    async def __aenter__(self) -> "KafkaPartitionReader":
        await self._consumer.start()
        self._consumer.assign([self._place])
        self._consumer.seek(self._place, self._offset)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._consumer.stop()

    async def fetch(self) -> list[LogRecord]:
        fetched = await self._consumer.getmany(self._place, timeout_ms=1_000, max_records=10_000)
        return list(fetched.get(self._place, []))


def _consumer(options: Mapping[str, Any]) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **options, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_bytes=16 * 1024 * 1024,
        max_partition_fetch_bytes=8 * 1024 * 1024,
    )  # fmt: skip
