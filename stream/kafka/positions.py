"""Where a reader is in each partition, whatever the Kafka client believes. Pure.

A client may drop records that it has fetched (aiokafka does so when a rebalance meets a fetch) and go on behind them.
The writer therefore counts for itself: a batch that begins past the next offset is not taken, the client is sent back.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

from msgspec import Struct

Partition = TypeVar("Partition", bound=Hashable)


class Accept(Struct, frozen=True):
    """The batch follows; `gap` offsets before it hold nothing, which reading again has confirmed."""

    gap: int = 0


class SeekBack(Struct, frozen=True):
    """The batch skips records: seek to `offset`."""

    offset: int


class ReadPositions(Generic[Partition]):
    def __init__(self) -> None:
        self._next: dict[Partition, int] = {}
        self._reread: dict[Partition, int] = {}

    def start(self, partition: Partition, offset: int) -> None:
        """`offset` is the first that has to be written: the committed one, or the start of the log."""
        self._next[partition] = offset
        self._reread.pop(partition, None)

    def forget(self, partition: Partition) -> None:
        self._next.pop(partition, None)
        self._reread.pop(partition, None)

    def accept(self, partition: Partition, first: int, last: int) -> Accept | SeekBack:
        """Take the batch of offsets `first` to `last`, or read again; a batch from before may come twice."""
        wanted = self._next.get(partition, first)
        gap = first - wanted
        if gap > 0 and self._reread.get(partition) != wanted:
            self._reread[partition] = wanted
            return SeekBack(wanted)
        self._reread.pop(partition, None)
        self._next[partition] = max(wanted, last + 1)
        return Accept(max(gap, 0))

    def next(self, partition: Partition) -> int | None:
        return self._next.get(partition)
