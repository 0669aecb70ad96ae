"""Where snapshots are kept: for each partition of the log records that come at its end and go at will."""

from collections.abc import Callable, Iterable
from typing import Protocol


class SnapshotStore(Protocol):
    """The topic of snapshots as those who write and read them see it."""

    async def end(self, partition: int) -> int:
        """The offset of the next record."""
        ...

    async def append(self, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Append keys and values; returns when all are acknowledged."""
        ...

    async def read(self, partition: int, start: int, take: Callable[[bytes | None], bool]) -> None:
        """Give the values from offset `start` on to `take`, up to the end or until it says True."""
        ...


class ListSnapshotStore:
    """The fake: records by partition; their offset is their place."""

    def __init__(self) -> None:
        self.records: dict[int, list[tuple[bytes, bytes | None]]] = {}

    async def end(self, partition: int) -> int:
        return len(self.records.get(partition, ()))

    async def append(self, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        self.records.setdefault(partition, []).extend(records)

    async def read(self, partition: int, start: int, take: Callable[[bytes | None], bool]) -> None:
        for _, value in self.records.get(partition, [])[start:]:
            if take(value):
                return
