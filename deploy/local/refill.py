"""Writes records into the topics of a new broker, each at the offset that it had in the log before."""

from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from deploy.errors import AwayError
from deploy.local.filler import MOST_OFFSETS, FillerBatch
from ingest.events import LIVE_CLOCK, Tick, encode
from storage.replay.stored_log import StoredRecord
from stream.fold.partition import LogRecord
from stream.kafka.clients import with_timeout

#: A control that changes nothing: no clock goes back.
NOTHING = encode(Tick(LIVE_CLOCK, 0))
#: Such records that are made at a time.
_MOST = 5_000


class TopicRefill:
    """One partition of a topic of a new broker, filled from offset 0 on; raises KafkaError and AwayError."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        #: The offset that the next record gets.
        self.next = 0

    async def pass_to(self, offset: int, timestamp: int, value: bytes = b"") -> None:
        """Let the next record stand at `offset`: what was before it is not there any more."""
        while self.next < offset:
            some = min(offset - self.next, MOST_OFFSETS)
            await self._send(FillerBatch(value, timestamp, some), some)

    async def end_at(self, offset: int) -> None:
        """Let the topic end at `offset`, behind a record of nothing from the time 0, where nothing else is needed."""
        await self.pass_to(offset - 1, 0)
        await self.add([StoredRecord(offset - 1, 0, None, b"")])

    async def add(self, records: Sequence[LogRecord]) -> None:
        """Write records that follow each other, the first at `next`, as they were."""
        batch = self._producer.create_batch()
        for record in records:
            given = {"timestamp": record.timestamp, "key": record.key, "value": record.value}
            if batch.append(**given) is None:
                await self._send(batch, batch.record_count())
                batch = self._producer.create_batch()
                batch.append(**given)
        if batch.record_count():
            await self._send(batch, batch.record_count())

    async def add_nothing(self, count: int, timestamp: int) -> None:
        """Write so many controls that change nothing, each at an offset of its own."""
        while count:
            some = min(count, _MOST)
            await self.add([StoredRecord(self.next + at, timestamp, None, NOTHING) for at in range(some)])
            count -= some

    async def _send(self, batch: Any, offsets: int) -> None:
        batch.close()
        sent = await with_timeout(await self._producer.send_batch(batch, self._topic, partition=self._partition))
        if sent.offset != self.next:
            raise AwayError(
                f"the broker put {self._topic}, partition {self._partition}, at {sent.offset} and not at {self.next}: "
                "somebody else writes into it while it is filled"
            )
        self.next += offsets
