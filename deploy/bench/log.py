"""A benchmark's own hands on Kafka: fill topics, watch how far a part is, read back what it wrote."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from msgspec import Struct

from deploy.bench.errors import BenchError
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings
from stream.fold.pages import PageRow
from stream.kafka.clients import KafkaClients
from stream.kafka.pages_topic import add_version
from stream.kafka.publish import KafkaRecordPublisher
from stream.publish import KeyedRecord

#: Records that are produced in one go.
PIECE = 20_000


class _Caused(Struct, frozen=True):
    id: str | None = None


class _Scored(Struct, frozen=True):
    """Of a scored session only the event that caused it."""

    event: _Caused


_scored = msgspec.json.Decoder(_Scored)


@dataclass(frozen=True, slots=True)
class BenchLog:
    """Kafka with the topics of `settings`."""

    settings: Settings
    clients: KafkaClients
    producer: AIOKafkaProducer
    admin: AIOKafkaAdminClient
    consumer: AIOKafkaConsumer

    @staticmethod
    @asynccontextmanager
    async def connected(settings: Settings) -> AsyncIterator["BenchLog"]:
        clients = kafka_clients(settings.kafka)
        async with AsyncExitStack() as held:
            yield BenchLog(
                settings,
                clients,
                await held.enter_async_context(clients.producing(enable_idempotence=False, max_batch_size=900_000)),
                await held.enter_async_context(clients.administering()),
                await held.enter_async_context(
                    clients.consuming(fetch_max_bytes=32 << 20, max_partition_fetch_bytes=8 << 20)
                ),
            )

    async def fill(self, topic: str, partition: int, records: Iterable[tuple[bytes | None, bytes]]) -> int:
        """Append the records in order, acknowledged; returns how many."""
        writer = KafkaRecordPublisher(self.producer, 60)
        piece: list[KeyedRecord] = []
        count = 0
        for key, value in records:
            piece.append(KeyedRecord(partition, key, value))
            count += 1
            if len(piece) == PIECE:
                await writer.publish(topic, piece)
                piece = []
        if piece:
            await writer.publish(topic, piece)
        return count

    async def publish_pages(self, rows: Sequence[PageRow]) -> int:
        """A version of the page statistics: its number, not yet announced to anyone."""
        return await add_version(self.producer, self.settings.kafka.pages_topic, rows)

    async def ends(self, topic: str) -> list[int]:
        """The offset after the last record of each partition."""
        places = [TopicPartition(topic, number) for number in range(self.settings.kafka.partitions)]
        ends: dict[TopicPartition, int] = await self.consumer.end_offsets(places)
        return [ends[place] for place in places]

    async def committed(self, group: str, topic: str) -> list[int]:
        """The group's committed offset in each partition, 0 where there is none."""
        places = [TopicPartition(topic, number) for number in range(self.settings.kafka.partitions)]
        found = await self.admin.list_consumer_group_offsets(group, partitions=places)
        return [max(0, found[place].offset) if place in found else 0 for place in places]

    async def commit(self, group: str, topic: str, offsets: Mapping[int, tuple[int, str]]) -> None:
        """Commit offset and metadata of partitions for a group that has no members."""
        await self.coordinated(group)
        async with self.clients.consuming(group_id=group) as consumer:
            places = {TopicPartition(topic, number): position for number, position in offsets.items()}
            consumer.assign(list(places))
            await consumer.commit(places)

    async def coordinated(self, group: str) -> None:
        """Wait until a broker answers for the group: the first to ask makes Kafka create its topic of offsets."""
        for _ in range(100):
            with suppress(GroupCoordinatorNotAvailableError):
                await self.admin.find_coordinator(group)
                return
            await asyncio.sleep(0.2)
        raise BenchError(f"no broker answers for group {group}")

    async def read(self, topic: str, ends: Sequence[int]) -> AsyncIterator[Sequence[Any]]:
        """All records of the topic up to these ends, in pieces."""
        places = [TopicPartition(topic, number) for number, end in enumerate(ends) if end]
        self.consumer.assign(places)
        await self.consumer.seek_to_beginning(*places)
        left = sum(ends)
        while left > 0:
            fetched: Mapping[TopicPartition, list[Any]] = await self.consumer.getmany(timeout_ms=10_000)
            if not fetched:
                raise BenchError(f"topic {topic} gave nothing for 10 s with {left} records still to read")
            for records in fetched.values():
                left -= len(records)
                yield records

    async def scored_ids(self, ends: Sequence[int]) -> list[str]:
        """The ids of the events behind all scored sessions; closings have none."""
        topic = self.settings.kafka.scored_topic
        ids = [scored_id(record.value) async for records in self.read(topic, ends) for record in records]
        return [each for each in ids if each is not None]

    async def forget(self, names: list[str]) -> None:
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(10):
                await self.admin.delete_topics(names)


def scored_id(value: bytes) -> str | None:
    """The id of the event that caused a scored session; None where the clock closed it."""
    return _scored.decode(value).event.id


async def wait_for(reached: Callable[[], Any], alive: Callable[[], Any], seconds: float, what: str) -> None:
    """Await `reached` until it says True; `alive` raises when the part has ended; raises BenchError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await reached():
        alive()
        if time.monotonic() > deadline:
            raise BenchError(f"{what} took more than {seconds:.0f} s")
        await asyncio.sleep(0.05)


def compare(sent: set[str], read_back: Sequence[str], what: str) -> None:
    """Raise BenchError unless every event that was sent was read back exactly once."""
    back = set(read_back)
    if back == sent and len(read_back) == len(sent):
        return
    raise BenchError(
        f"{what}: {len(sent)} events were sent, {len(sent - back)} of them did not come back, "
        f"{len(read_back) - len(back)} came twice, {len(back - sent)} were never sent; so there is no figure"
    )
