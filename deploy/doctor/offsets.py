"""How far Kafka's groups are, partition by partition: what a topic holds, what a group has committed of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from msgspec import Struct

from deploy.errors import AwayError
from stream.kafka.clients import KafkaClients, partitions_of

#: Seconds: for a group to find who keeps it.
COORDINATOR = 10

#: First offset and end of each partition.
Spans = dict[TopicPartition, tuple[int, int]]


class GroupOffsets(Struct, frozen=True):
    """What a group has committed, -1 where nothing; `members` is None where its part reads without joining it."""

    members: int | None
    committed: dict[TopicPartition, int]

    def behind(self, place: TopicPartition, span: tuple[int, int]) -> int:
        """Records of this partition that the group has not read yet. The embedded broker's end may lie low."""
        first, end = span
        return max(end - max(self.committed.get(place, -1), first), 0)

    def lag(self, spans: Spans) -> int:
        """The same of all partitions together."""
        return sum(self.behind(place, span) for place, span in spans.items())


@contextlib.asynccontextmanager
async def asking(clients: KafkaClients) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    """Clients that ask; raises AwayError."""
    try:
        async with clients.administering() as admin, clients.consuming() as consumer:
            yield admin, consumer
    except (KafkaError, OSError, TimeoutError) as error:
        where = clients.bootstrap
        raise AwayError(f"Kafka at {where} (kafka.bootstrap) does not tell what it has: {error!r:.200}") from error


async def spans_of(consumer: AIOKafkaConsumer, names: Iterable[str]) -> Spans:
    """Start and end of each partition of these topics."""
    places = await partitions_of(consumer, *names)
    if not places:
        return {}
    starts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {place: (starts[place], ends[place]) for place in places}


async def group_offsets(admin: AIOKafkaAdminClient, name: str, spans: Spans, alone: bool) -> GroupOffsets:
    """How far a group is in these partitions; `alone`: its part reads without joining it."""
    await _coordinated(admin, name)
    found = await admin.list_consumer_group_offsets(name, partitions=list(spans)) if spans else {}
    (response,) = await admin.describe_consumer_groups([name])
    members = None if alone else len(response.groups[0][5])
    return GroupOffsets(members, {place: offset.offset for place, offset in found.items()})


async def _coordinated(admin: AIOKafkaAdminClient, name: str) -> None:
    """Wait for the group's coordinator: a new Kafka makes the topic of all groups when it is first asked for one."""
    async with asyncio.timeout(COORDINATOR):
        while True:
            try:
                await admin.find_coordinator(name)
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.2)
            else:
                return
