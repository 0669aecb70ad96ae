"""A Kafka of lists for the writer: a consumer whose manners can be bad, and a producer that remembers."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata

TOPICS = {"events": "events", "scored": "scored-sessions", "dead": "events-dead"}
Log = Mapping[tuple[str, int], list[tuple[bytes | None, bytes]]]


class ListConsumer:
    """Hands out the records of `log` and sets `stop` when all are committed or nothing is left to hand out.

    `skip` names places (topic, partition, offset) that are fetched once and then dropped, as aiokafka does when a
    rebalance meets a fetch; `holes` places that are not in the log at all.
    """

    def __init__(
        self,
        log: Log,
        stop: asyncio.Event,
        *,
        committed: Mapping[tuple[str, int], int] | None = None,
        begins: Mapping[tuple[str, int], int] | None = None,
        skip: Iterable[tuple[str, int, int]] = (),
        commit_error: Exception | None = None,
    ) -> None:
        self.log = {TopicPartition(*place): records for place, records in log.items()}
        self.commits: dict[TopicPartition, int] = {TopicPartition(*p): n for p, n in (committed or {}).items()}
        self._begins = {TopicPartition(*p): n for p, n in (begins or {}).items()}
        self._positions: dict[TopicPartition, int] = {}
        self._skip = set(skip)
        self._commit_error = commit_error
        self._stop = stop
        self.listener: Any = None
        self._joined = False

    def subscribe(self, topics: list[str], listener: Any) -> None:
        self.listener = listener

    def assignment(self) -> set[TopicPartition]:
        return set(self._positions)

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self._begins.get(partition, 0) for partition in partitions}

    async def committed(self, partition: TopicPartition) -> int | None:
        return self.commits.get(partition)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return {partition: self.highwater(partition) for partition in partitions}

    def highwater(self, partition: TopicPartition) -> int:
        return self._begins.get(partition, 0) + len(self.log[partition])

    async def getmany(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        await asyncio.sleep(0)
        if not self._joined:
            self._joined = True
            for partition in self.log:
                self._positions[partition] = self.commits.get(partition) or self._begins.get(partition, 0)
            await self.listener.on_partitions_assigned(set(self.log))
        for partition, position in self._positions.items():
            found = self._fetch(partition, position, max_records)
            if found:
                self._positions[partition] = found[-1].offset + 1
                return {partition: found}
        self._stop.set()
        return {}

    def _fetch(self, partition: TopicPartition, position: int, most: int) -> list[ConsumerRecord]:
        begin = self._begins.get(partition, 0)
        while (*partition, position) in self._skip:
            self._skip.remove((*partition, position))
            position += 1
        records = self.log[partition][position - begin :][:most]
        found = []
        for offset, (key, value) in enumerate(records, position):
            if (*partition, offset) in self._skip:
                self._skip.remove((*partition, offset))
                continue
            found.append(
                ConsumerRecord(
                    topic=partition.topic,
                    partition=partition.partition,
                    offset=offset,
                    timestamp=offset,
                    timestamp_type=0,
                    key=key,
                    value=value,
                    checksum=None,
                    serialized_key_size=0,
                    serialized_value_size=0,
                    headers=(),
                )
            )
        return found

    async def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if self._commit_error is not None:
            error, self._commit_error = self._commit_error, None
            raise error
        self.commits.update({partition: offset.offset for partition, offset in offsets.items()})


class ListProducer:
    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes]] = []

    async def send_and_wait(self, topic: str, value: bytes, key: bytes) -> None:
        self.sent.append((topic, key, value))
