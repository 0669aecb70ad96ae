"""The topic of snapshots on Kafka, which is compacted: see stream/snapshot/chain.py."""

from collections.abc import Callable, Iterable
from time import monotonic

from stream.kafka.log_reader import KafkaLogReader
from stream.publish import KeyedRecord, RecordPublisher

#: How long the topic may give nothing before its end, in seconds: where what was there is compacted, nothing comes.
PATIENCE = 3.0


class KafkaSnapshotStore:
    """A SnapshotStore; `reader` reads the topic that `records` writes."""

    def __init__(self, topic: str, reader: KafkaLogReader, records: RecordPublisher) -> None:
        self._topic, self._reader, self._records = topic, reader, records

    async def end(self, partition: int) -> int:
        return await self._reader.end_of(partition)

    async def append(self, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Raises TimeoutError or aiokafka.errors.KafkaError."""
        await self._records.publish(self._topic, [KeyedRecord(partition, *record) for record in records])

    async def read(self, partition: int, start: int, take: Callable[[bytes | None], bool]) -> None:
        """Raises TimeoutError or aiokafka.errors.KafkaError, and what `take` raises."""
        end, begin = await self._reader.end_of(partition), await self._reader.start_of(partition)
        if max(start, begin) >= end:
            return
        async with self._reader.read(partition, max(start, begin)) as reading:
            until = monotonic() + PATIENCE
            while monotonic() < until:
                records = await reading.fetch()
                for record in records:
                    if take(record.value):
                        return
                if records:
                    until = monotonic() + PATIENCE
                    if records[-1].offset + 1 >= end:
                        return
