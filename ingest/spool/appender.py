"""What the spool is drained into: the `events` log, and the list that stands in for it in tests."""

from collections.abc import Sequence
from typing import Protocol

from ingest.producer import LogProducer
from ingest.publish import LogUnavailableError
from ingest.spool.frames import SpooledRecord


class LogAppender(Protocol):
    """Appends records to given partitions of the `events` log."""

    async def append(self, partition: int, records: Sequence[SpooledRecord]) -> int:
        """The offset of the last of them, once every in-sync replica has all, in this order.

        Raises LogUnavailableError when that is not known: some may be in the log.
        """


class KafkaAppender:
    """The log on Kafka, by a producer that whoever made it starts and stops."""

    def __init__(self, producer: LogProducer) -> None:
        self._producer = producer

    async def append(self, partition: int, records: Sequence[SpooledRecord]) -> int:
        place = offset = 0
        while place < len(records):
            batch = self._producer.batch()
            begin = place
            while place < len(records):
                _, timestamp, key, value = records[place]
                if batch.append(timestamp=timestamp, key=key, value=value) is None:
                    break
                place += 1
            offset = await self._producer.send(batch, partition) + place - begin - 1
        return offset


class ListAppender:
    """A log in memory: `partitions[n]` are the records of partition n.

    `away` makes it refuse, as Kafka down would; `torn` records of each next append are taken before it fails.
    """

    def __init__(self, partitions: int = 4) -> None:
        self.partitions: list[list[SpooledRecord]] = [[] for _ in range(partitions)]
        self.away = ""
        self.torn: list[int] = []

    async def append(self, partition: int, records: Sequence[SpooledRecord]) -> int:
        if self.away:
            raise LogUnavailableError(self.away)
        log = self.partitions[partition]
        if self.torn:
            log.extend(records[: self.torn.pop()])
            raise LogUnavailableError("the connection broke")
        log.extend(records)
        return len(log) - 1
