"""The `events` topic as recovery reads it, by clients of our own beside those of Faust."""

from collections.abc import Callable

from aiokafka import TopicPartition

from stream.fold.partition import LogRecord
from stream.kafka.clients import KafkaClients, close, start
from stream.recovery import PartitionReader


class KafkaLogReader:
    """The `events` topic, read by clients of our own beside Faust's.

    `kept` gives the committed offset and mark of a partition where the broker keeps no metadata with an offset.
    """

    def __init__(
        self, clients: KafkaClients, topic: str, group: str, kept: Callable[[int], tuple[int, str] | None] | None = None
    ) -> None:
        self._clients = clients
        self._topic = topic
        self._group = group
        self._kept = kept

    async def committed(self, partition: int) -> tuple[int, str] | None:
        if self._kept is not None:
            return self._kept(partition)
        place = TopicPartition(self._topic, partition)
        found = (await self._clients.committed(self._group, [place])).get(place)
        return None if found is None else (found.offset, found.metadata or "")

    async def start_of(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        return (await self._clients.starts([place]))[place]

    async def end_of(self, partition: int) -> int:
        place = TopicPartition(self._topic, partition)
        return (await self._clients.ends([place]))[place]

    def read(self, partition: int, offset: int) -> PartitionReader:
        return KafkaPartitionReader(self._clients, TopicPartition(self._topic, partition), offset)


class KafkaPartitionReader:
    """Records of one partition from an offset on, in large fetches."""

    def __init__(self, clients: KafkaClients, place: TopicPartition, offset: int) -> None:
        self._consumer = clients.consumer(fetch_max_bytes=16 * 1024 * 1024, max_partition_fetch_bytes=8 * 1024 * 1024)
        self._place = place
        self._offset = offset

    async def __aenter__(self) -> "KafkaPartitionReader":
        try:
            await start(self._consumer)
        except BaseException:
            await close(self._consumer)
            raise
        self._consumer.assign([self._place])
        self._consumer.seek(self._place, self._offset)
        return self

    async def __aexit__(self, *error: object) -> None:
        await close(self._consumer)

    async def fetch(self) -> list[LogRecord]:
        fetched = await self._consumer.getmany(self._place, timeout_ms=1_000, max_records=10_000)
        return list(fetched.get(self._place, []))
