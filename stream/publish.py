"""Keyed records onto given partitions, acknowledged by every in-sync replica before the call returns."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol


class KeyedRecord(NamedTuple):
    """One record for one partition; no key marks a control."""

    partition: int
    key: bytes | None
    value: bytes


class RecordPublisher(Protocol):
    """Where the worker writes. `publish` returns when all is acknowledged and raises when anything is not."""

    async def publish(self, topic: str, records: Iterable[KeyedRecord]) -> None: ...


class ListRecordPublisher:
    """The fake: keeps what was published, by topic."""

    def __init__(self) -> None:
        self.topics: dict[str, list[KeyedRecord]] = {}

    async def publish(self, topic: str, records: Iterable[KeyedRecord]) -> None:
        self.topics.setdefault(topic, []).extend(records)
