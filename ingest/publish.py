"""The Publisher protocol, its one failure, and the list that stands in for Kafka in tests."""

from collections.abc import Sequence
from typing import Protocol

from ingest.errors import IngestError
from ingest.partition import partition_of

Record = tuple[bytes, bytes]


class LogUnavailableError(IngestError):
    """The records may or may not be in the log: send them again, with the same event ids, after `retry_after` s."""

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class Publisher(Protocol):
    """Appends records to the `events` log."""

    @property
    def in_flight(self) -> int:
        """Records that wait for their acknowledgement."""

    @property
    def clock_ahead_ms(self) -> int:
        """How far this machine's clock is ahead of the log's, as far as acknowledgements tell; negative: behind."""

    async def publish(self, records: Sequence[Record], *, in_log: bool = False) -> None:
        """Returns when all of them are safe; raises LogUnavailableError when that is not known.

        Safe is what every in-sync replica has, or a disk that brings it there later. `in_log`: the first alone counts,
        so that what anybody writes to the log from then on is behind these records. Nothing to publish is always
        published. Records of one key keep their order, within a call and between calls that are awaited one after
        another.
        """

    async def check(self) -> None:
        """Raises LogUnavailableError when the log cannot be written to."""

    async def stop(self) -> None:
        """Takes no more, waits for what is on its way, lets go of the log. Safe to call twice."""


class ListPublisher:
    """A log in memory: `partitions[n]` are the records of partition n. `away` makes it refuse, as Kafka down would."""

    def __init__(self, partitions: int = 4) -> None:
        self.partitions: list[list[Record]] = [[] for _ in range(partitions)]
        self.away = ""
        self.clock_ahead_ms = 0
        self._stopped = False

    @property
    def in_flight(self) -> int:
        return 0

    @property
    def records(self) -> list[Record]:
        return [record for partition in self.partitions for record in partition]

    async def publish(self, records: Sequence[Record], *, in_log: bool = False) -> None:
        if not records:
            return
        await self.check()
        for record in records:
            self.partitions[partition_of(record[0], len(self.partitions))].append(record)

    async def check(self) -> None:
        if self._stopped:
            raise LogUnavailableError("the publisher is stopped")
        if self.away:
            raise LogUnavailableError(self.away)

    async def stop(self) -> None:
        self._stopped = True
