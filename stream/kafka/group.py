"""A consumer group of ours: where each partition begins, which records follow without a hole, lag, and the commit.

The writer and the webhooks read by it. It never trusts the client's position: aiokafka drops records that it has
fetched when a rebalance meets the fetch, and goes on behind them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, KafkaTimeoutError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata

from stream.kafka.clients import partitions_of, with_timeout
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.positions import ReadPositions, SeekBack
from stream.waiting import unless_set

log = logging.getLogger(__name__)

#: How long a fetch waits for a first record: shorter waits would only cost an idle part more of them.
FIRST_FETCH_MS = 1_000

Batches = dict[TopicPartition, list[ConsumerRecord]]
#: Where these partitions go on, as far as their owner knows; None where it was stopped before it could say.
Positions = Callable[[set[TopicPartition]], Awaitable[Mapping[TopicPartition, int] | None]]
#: Called with a partition, how many records before it are gone, and the first offset that is there.
Gap = Callable[[TopicPartition, int, int], None]


class GroupConsumer:
    """Reads `topics` as a member of the consumer's group.

    The consumer is started, unsubscribed, without auto-commit and never polled by another. `alone` says that there is
    no other member: it then takes every partition at once, without joining the group, which takes the embedded broker
    five seconds. `positions` says where partitions go on; without it, where the group has committed.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topics: Sequence[str],
        *,
        alone: bool = False,
        positions: Positions | None = None,
        on_gap: Gap,
        on_reread: Callable[[], None] = lambda: None,
    ) -> None:
        self._consumer = consumer
        self._topics = list(topics)
        self._alone = alone
        self._where = positions or self._committed
        self._on_gap = on_gap
        self._on_reread = on_reread
        self._assignments = AssignmentCounter()
        self._begun_generation = 0
        self._positions: ReadPositions[TopicPartition] = ReadPositions()
        self._ends: dict[TopicPartition, int] = {}

    @property
    def ready(self) -> bool:
        """Whether it has its place in the group, and its partitions have begun; there may be none for it."""
        return 0 < self._begun_generation == self._assignments.generation

    @property
    def generation(self) -> int:
        """Grows with every assignment and revocation: what was fetched before may belong to another member by now."""
        return self._assignments.generation

    async def join(self) -> None:
        """Take part in the group; partitions come with the first fetches. Raises KafkaError."""
        if self._alone:
            self._consumer.assign(await partitions_of(self._consumer, *self._topics))
            self._assignments.assigned()
        else:
            self._consumer.subscribe(self._topics, listener=self._assignments)

    def begin_again(self) -> None:
        """Ask for the positions of all partitions before the next fetch."""
        self._begun_generation = 0

    async def fetch_first(self, stop: asyncio.Event, most: int) -> Batches:
        """As `fetch`, within FIRST_FETCH_MS; nothing where `stop` is set before anything comes. Raises KafkaError."""
        return await unless_set(stop, self.fetch(FIRST_FETCH_MS, most)) or {}

    async def fetch(self, timeout_ms: int, most: int) -> Batches:
        """What came next, in unbroken order, `most` records of it at most; may be empty. Raises KafkaError.

        Partitions of a new assignment are first sought to where they go on; what the client had fetched is dropped.
        """
        if not self.ready and self._assignments.settled and not await self._begin():
            return {}
        fetched: Batches = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=most)
        if not self.ready:
            if self._assignments.settled:
                await self._begin()
            return {}
        batches: Batches = {}
        for partition, records in fetched.items():
            for run in unbroken(records):
                following = self._following(partition, run)
                if following is None:
                    break
                if following:
                    batches.setdefault(partition, []).extend(following)
        return batches

    async def commit(self, offsets: Mapping[TopicPartition, int], lost: str) -> None:
        """Commit the offsets of those partitions that are still assigned.

        `lost`: log text for the case that a rebalance came before the commit. Raises KafkaUnavailableError.
        """
        mine = self._consumer.assignment()
        held = {partition: OffsetAndMetadata(offset, "") for partition, offset in offsets.items() if partition in mine}
        if not held:
            return
        try:
            await with_timeout(self._consumer.commit(held))
        except (CommitFailedError, IllegalStateError):
            log.info("a rebalance came before the commit; %s", lost)
        except KafkaTimeoutError as error:
            raise KafkaUnavailableError("Kafka did not take the commit; kafka.bootstrap says where it is") from error

    async def look_at_ends(self) -> None:
        """Ask Kafka where the topics end now: without fetches, which stop while a database is away, nobody knows."""
        mine = list(self._consumer.assignment())
        try:
            self._ends = dict(await with_timeout(self._consumer.end_offsets(mine))) if mine else {}
        except KafkaError as error:
            log.debug("Kafka does not say where the topics end: %s", error)

    def lag(self, pending: Mapping[TopicPartition, int] | None = None) -> dict[str, int]:
        """How many records each topic is ahead; `pending` are first offsets that were fetched and are not done yet."""
        behind: dict[str, int] = {}
        for partition in self._consumer.assignment():
            # The embedded broker's end lies low, and a high watermark is as old as the last fetch.
            end = max(self._consumer.highwater(partition) or 0, self._ends.get(partition, 0))
            here = (pending or {}).get(partition, self._positions.next(partition))
            behind[partition.topic] = behind.get(partition.topic, 0) + (0 if here is None else max(end - here, 0))
        return behind

    def next(self, partition: TopicPartition) -> int | None:
        return self._positions.next(partition)

    def highwater(self, partition: TopicPartition) -> int | None:
        """Where the partition ended at the last fetch of it; None where there was none, or it is not assigned."""
        if partition not in self._consumer.assignment():
            return None
        end: int | None = self._consumer.highwater(partition)
        return end

    async def _begin(self) -> bool:
        """Send the client to where each partition goes on; False when a rebalance or the owner's end came first."""
        generation, assigned = self._assignments.generation, self._consumer.assignment()
        known = await self._where(assigned)
        if known is None:
            return False
        starts = await with_timeout(self._consumer.beginning_offsets(list(assigned))) if assigned else {}
        self._positions, self._ends = ReadPositions(), {}
        try:
            for partition in assigned:
                first = starts[partition]
                wanted = known.get(partition, first)
                if wanted < first:
                    self._on_gap(partition, first - wanted, first)
                self._positions.start(partition, max(wanted, first))
                self._consumer.seek(partition, max(wanted, first))
        except IllegalStateError:
            # A rebalance took a partition meanwhile; the next fetch begins with what is left.
            return False
        self._begun_generation = generation
        return generation == self._assignments.generation

    async def _committed(self, assigned: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        found = {partition: await with_timeout(self._consumer.committed(partition)) for partition in assigned}
        return {partition: offset for partition, offset in found.items() if offset is not None}

    def _following(self, partition: TopicPartition, records: list[ConsumerRecord]) -> list[ConsumerRecord] | None:
        """Those of an unbroken run that follow what was read; None where the client skipped some, and is sent back."""
        wanted = self._positions.next(partition)
        if wanted is None:
            return None
        records = [record for record in records if record.offset >= wanted]
        if not records:
            return []
        verdict = self._positions.accept(partition, records[0].offset, records[-1].offset)
        if isinstance(verdict, SeekBack):
            self._on_reread()
            log.warning("%s: the client skipped to %d, reading again from %d", partition, records[0].offset, wanted)
            self._consumer.seek(partition, verdict.offset)
            return None
        if verdict.gap:
            self._on_gap(partition, verdict.gap, records[0].offset)
        return records


class AssignmentCounter(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts assignments: partitions begin when the owner fetches next, outside the tasks of aiokafka."""

    def __init__(self) -> None:
        self.generation = 0
        #: Whether the newest assignment is complete; between a revocation and the next assignment it is not.
        self.settled = False

    def assigned(self) -> None:
        self.generation, self.settled = self.generation + 1, True

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.generation, self.settled = self.generation + 1, False

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.assigned()


def unbroken(records: list[ConsumerRecord]) -> Iterator[list[ConsumerRecord]]:
    """The records in runs without a hole; nearly always one."""
    if not records:
        return
    if records[-1].offset - records[0].offset == len(records) - 1:
        yield records
        return
    start = 0
    for place in range(1, len(records) + 1):
        if place == len(records) or records[place].offset != records[place - 1].offset + 1:
            yield records[start:place]
            start = place
