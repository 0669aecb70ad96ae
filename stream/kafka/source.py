"""Where a replay reads the log from: the Source protocol, and the `events` topic as one.

A replay reads each partition once, in order, up to an end that is fixed before.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.errors import StreamError
from stream.fold.partition import LogRecord
from stream.kafka.clients import KafkaClients

#: Records handed over at a time.
PIECE = 5_000
#: How long the log may give nothing before its end, in seconds.
PATIENCE = 30.0


class SourceError(StreamError):
    """The source does not give the records; the message is one line that says what fixes it."""


class Bounds(NamedTuple):
    """The first offset that is there, and the offset after the last."""

    start: int
    end: int


class Source(Protocol):
    """Records of one log, by partition."""

    name: str

    async def bounds(self, partition: int) -> Bounds: ...

    def read(self, partition: int, offset: int, end: int) -> AsyncIterator[Sequence[LogRecord]]:
        """The records from `offset` to before `end`, in order, without holes; raises SourceError."""
        ...


class KafkaSource:
    """The `events` topic."""

    name = "kafka"

    def __init__(self, clients: KafkaClients, topic: str) -> None:
        self._clients = clients
        self._topic = topic

    async def bounds(self, partition: int) -> Bounds:
        place = TopicPartition(self._topic, partition)
        async with self._consumer() as consumer:
            start = (await consumer.beginning_offsets([place]))[place]
            end = (await consumer.end_offsets([place]))[place]
            if end <= start:
                return Bounds(start, start)
            # The embedded broker counts the last batch as one record: its last ones are found by reading them.
            consumer.assign([place])
            consumer.seek(place, max(start, end - 1))
            deadline = monotonic() + PATIENCE
            while True:
                records = (await consumer.getmany(place, timeout_ms=1_000)).get(place, [])
                if records:
                    end = max(end, records[-1].offset + 1)
                    if end >= (consumer.highwater(place) or 0):
                        return Bounds(start, end)
                elif monotonic() > deadline:
                    raise self._silent(partition, end - 1)

    async def read(self, partition: int, offset: int, end: int) -> AsyncIterator[Sequence[LogRecord]]:
        if offset >= end:
            return
        place = TopicPartition(self._topic, partition)
        async with self._consumer() as consumer:
            consumer.assign([place])
            consumer.seek(place, offset)
            deadline = monotonic() + PATIENCE
            while offset < end:
                records = (await consumer.getmany(place, timeout_ms=1_000, max_records=PIECE)).get(place, [])
                if records:
                    deadline = monotonic() + PATIENCE
                    offset = records[-1].offset + 1
                    yield records if offset <= end else [record for record in records if record.offset < end]
                elif monotonic() > deadline:
                    raise self._silent(partition, offset)

    def _consumer(self) -> contextlib.AbstractAsyncContextManager[AIOKafkaConsumer]:
        return self._clients.consuming(fetch_max_bytes=8 * 1024 * 1024, max_partition_fetch_bytes=4 * 1024 * 1024)

    def _silent(self, partition: int, offset: int) -> SourceError:
        return SourceError(
            f"Kafka gave no records of {self._topic}, partition {partition}, after {offset} for {PATIENCE:.0f} s: "
            "see kafka.bootstrap; the same replay goes on where it stopped"
        )
