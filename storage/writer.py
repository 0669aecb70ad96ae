"""The writer: blocks of scored sessions, events and dead letters from Kafka into both databases.

Rows never move to an older version, so whatever comes twice is harmless; offsets are committed only when both
databases have the block. Knows sinks, not databases.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from msgspec import Struct

from storage.block import TOPICS, Block, Record, Role, block_of, dead_letter, read
from storage.erased import kept
from storage.metrics import WriterMetrics
from storage.progress import Progress, Reread
from storage.sink import RefusedError, Sink, UnavailableError
from stream.erasures import Erasures
from stream.recovery import needed
from stream.scored import dead_record

log = logging.getLogger(__name__)

#: So many refused records without a good one between them are no accident of data.
MAX_REFUSED_IN_A_ROW = 50
KAFKA_SECONDS = 30.0
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0

Batches = dict[TopicPartition, list[ConsumerRecord]]
Refusal = tuple[Record, str]


class WriterError(RuntimeError):
    """The writer cannot go on; the message says why and what mends it."""


class Database(Struct, frozen=True):
    """A sink, what people call it, and the setting that says where it is."""

    name: str
    setting: str
    sink: Sink


class Writer:
    """Call `run` once. The consumer is started, unsubscribed, without auto-commit and never polled by another.

    `alone` says that there is no other writer: it then takes every partition at once, without joining the group,
    which takes the embedded broker five seconds. `erasures` says who is forgotten, and `erasures_reached` waits until
    a version of them is known.
    """

    def __init__(
        self,
        *,
        log_id: str,
        topics: Mapping[Role, str],
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        databases: tuple[Database, ...],
        gather_seconds: float,
        max_block: int,
        metrics: WriterMetrics,
        alone: bool = False,
        erasures: Erasures | None = None,
        erasures_reached: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._log_id = log_id
        self._topics = topics
        self._roles: dict[str, Role] = {topic: role for role, topic in topics.items()}
        self._consumer = consumer
        self._producer = producer
        self._databases = databases
        self._gather_seconds = gather_seconds
        self._max_block = max_block
        self._metrics = metrics
        self._alone = alone
        self._erasures = erasures or Erasures()
        self._erasures_reached = erasures_reached
        for database in databases:
            metrics.away.labels(database.name)
            metrics.retries.labels(database.name)
        self._progress: Progress[TopicPartition] = Progress()
        self._refused_in_a_row = 0
        self._assignments = _Assignments(consumer, self._progress)

    @property
    def ready(self) -> bool:
        """Whether the writer has its place in the group: its partitions are started, and there may be none for it."""
        return self._assignments.started

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set; raises WriterError when Kafka fails or too many records are refused."""
        threads = {database.name: ThreadPoolExecutor(1, f"write-{database.name}") for database in self._databases}
        try:
            if self._alone:
                everything = await self._partitions()
                self._consumer.assign(everything)
                await self._assignments.on_partitions_assigned(set(everything))
            else:
                self._consumer.subscribe(list(self._roles), listener=self._assignments)
            while not stop.is_set():
                batches, since = await self._gather()
                if batches and not await self._write(batches, threads, stop):
                    return
                if batches:
                    self._metrics.seconds.observe(time.monotonic() - since)
                    self._metrics.written.set_to_current_time()
        except KafkaError as error:
            raise WriterError(f"Kafka failed the writer ({error!r}); kafka.bootstrap says where it is") from error
        finally:
            for thread in threads.values():
                thread.shutdown(wait=False, cancel_futures=True)

    async def _partitions(self) -> list[TopicPartition]:
        # Not partitions_for_topic of the consumer: on Apache Kafka that knows only what is assigned.
        cluster = await self._consumer._client.fetch_all_metadata()
        return [TopicPartition(topic, p) for topic in self._roles for p in cluster.partitions_for_topic(topic) or ()]

    async def _gather(self) -> tuple[Batches, float]:
        """What came within the gathering time after the first record, or a full block; and when it began."""
        batches: Batches = {}
        count = 0
        began = time.monotonic()
        while True:
            left = began + self._gather_seconds - time.monotonic()
            if left <= 0 or count >= self._max_block:
                return batches, began
            fetched = await self._consumer.getmany(timeout_ms=int(left * 1000) + 1, max_records=self._max_block - count)
            if not count:
                began = time.monotonic()
            for partition, records in fetched.items():
                for run in unbroken(records):
                    if not self._follows(partition, run):
                        break
                    batches.setdefault(partition, []).extend(run)
                    count += len(run)
            if not fetched and not count:
                return batches, began

    def _follows(self, partition: TopicPartition, records: list[ConsumerRecord]) -> bool:
        verdict = self._progress.accept(partition, records[0].offset, records[-1].offset)
        if isinstance(verdict, Reread):
            self._metrics.rereads.inc()
            log.warning(
                "%s: the client skipped to %d, reading again from %d", *(partition, records[0].offset), verdict.offset
            )
            self._consumer.seek(partition, verdict.offset)
            return False
        if verdict.gap:
            self._metrics.gaps.inc()
            log.error("%s: %d records before %d are gone", partition, verdict.gap, records[0].offset)
        return True

    async def _write(self, batches: Batches, threads: Mapping[str, ThreadPoolExecutor], stop: asyncio.Event) -> bool:
        """Write one block; False when `stop` came first. A crash between any two steps only repeats the earlier ones.

        1 read the records, less what is erased, also by controls among them · 2 put the block into every database, each
        in its own thread, each as often as it takes · 3 produce the dead letters of what can never be written, await
        them · 4 commit the offsets.
        """
        self._tell_lag(batches)
        await self._until_erasures(batches)
        block, unreadable = await asyncio.to_thread(self._read, batches)
        writes = [
            asyncio.create_task(self._insist(database, block, threads[database.name], stop))
            for database in self._databases
        ]
        results = await asyncio.gather(*writes)
        refusals: list[Refusal] = [(record, record.detail) for record in unreadable]
        for result in results:
            if result is None:
                return False
            refusals += result
        await self._give_up(batches, refusals)
        await self._commit(batches)
        self._count(batches)
        return True

    async def _until_erasures(self, batches: Batches) -> None:
        """What follows a control must not be stored before it is known whom the control forgets."""
        if self._erasures_reached is not None:
            events = self._topics["events"]
            named = needed(record for records in batches.values() for record in records if record.topic == events)
            await self._erasures_reached(named.erasures)

    def _read(self, batches: Batches) -> tuple[Block, list[Record]]:
        return block_of(
            self._log_id,
            [
                read(
                    self._roles[record.topic],
                    partition=record.partition,
                    offset=record.offset,
                    timestamp=record.timestamp,
                    key=record.key,
                    value=record.value,
                )
                for records in batches.values()
                for record in records
            ],
            functools.partial(kept, erasures=self._erasures),
        )

    async def _insist(
        self, database: Database, block: Block, thread: ThreadPoolExecutor, stop: asyncio.Event
    ) -> list[Refusal] | None:
        """Write until the database takes it; what it refused for good, or None when `stop` came first."""
        delay = FIRST_DELAY
        away = self._metrics.away.labels(database.name)
        while True:
            began = time.monotonic()
            try:
                refusals = await asyncio.get_running_loop().run_in_executor(
                    thread, functools.partial(deliver, database.sink, block)
                )
            except UnavailableError as error:
                if delay == FIRST_DELAY:
                    log.warning(
                        "%s does not take writes (%s); nothing is lost, trying again. %s says where it is",
                        *(database.name, error, database.setting),
                    )
                away.set(1)
                self._metrics.retries.labels(database.name).inc()
            else:
                self._metrics.database_seconds.labels(database.name).observe(time.monotonic() - began)
                if delay > FIRST_DELAY:
                    log.warning("%s takes writes again", database.name)
                away.set(0)
                return refusals
            if await set_within(stop, delay):
                return None
            delay = min(delay * 2, LONGEST_DELAY)

    async def _give_up(self, batches: Batches, refusals: list[Refusal]) -> None:
        details = {
            (self._topics[record.role], record.partition, record.offset): (record, why) for record, why in refusals
        }
        for place in ((r.topic, r.partition, r.offset) for records in batches.values() for r in records):
            self._refused_in_a_row = self._refused_in_a_row + 1 if place in details else 0
            if self._refused_in_a_row >= MAX_REFUSED_IN_A_ROW:
                raise WriterError(
                    f"{MAX_REFUSED_IN_A_ROW} records in a row cannot be written, the last at {place} "
                    f"({details[place][1]}); nothing after them is committed. Is the writer older than the worker?"
                )
        for record, why in details.values():
            log.error("%s %d:%d cannot be written: %s", TOPICS[record.role], record.partition, record.offset, why)
            self._metrics.refused.inc()
            if record.role != "dead":
                key, value = dead_record(dead_letter(self._log_id, record, why))
                async with asyncio.timeout(KAFKA_SECONDS):
                    await self._producer.send_and_wait(self._topics["dead"], value, key=key)

    async def _commit(self, batches: Batches) -> None:
        # Where a rebalance came first, the partitions went to another writer, which writes the same rows again.
        offsets = {partition: records[-1].offset + 1 for partition, records in batches.items()}
        await commit(self._consumer, offsets, "the block will be written again")

    def _count(self, batches: Batches) -> None:
        for partition, records in batches.items():
            self._metrics.records.labels(TOPICS[self._roles[partition.topic]]).inc(len(records))
        self._metrics.block_records.observe(sum(map(len, batches.values())))
        self._tell_lag({})

    def _tell_lag(self, pending: Batches) -> None:
        """How far the databases are behind; `pending` is what they do not have yet although it was fetched."""
        lag: dict[str, int] = {}
        for partition in self._consumer.assignment():
            end, here = self._consumer.highwater(partition), self._progress.next(partition)
            if partition in pending:
                here = pending[partition][0].offset
            topic = TOPICS[self._roles[partition.topic]]
            lag[topic] = lag.get(topic, 0) + (max(end - here, 0) if end is not None and here is not None else 0)
        for topic, records_behind in lag.items():
            self._metrics.lag.labels(topic).set(records_behind)


def deliver(sink: Sink, block: Block) -> list[Refusal]:
    """Write a block; where the database refuses it, write its halves, down to the record that is at fault.

    The positions of a refused block are left out: they only serve to know the topic again.
    """
    try:
        sink.write(block)
    except RefusedError as error:
        if len(block) <= 1:
            return [(record, str(error)) for record in block.records()]
        first, second = block.halves()
        return deliver(sink, first) + deliver(sink, second)
    return []


async def commit(consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], lost: str) -> None:
    """Commit those of our partitions; `lost` says what it means that a rebalance came before. Raises WriterError."""
    mine = consumer.assignment()
    held = {partition: OffsetAndMetadata(offset, "") for partition, offset in offsets.items() if partition in mine}
    if not held:
        return
    try:
        async with asyncio.timeout(KAFKA_SECONDS):
            await consumer.commit(held)
    except (CommitFailedError, IllegalStateError):
        log.info("a rebalance came before the commit; %s", lost)
    except TimeoutError as error:
        raise WriterError("Kafka did not take the commit; kafka.bootstrap says where it is") from error


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


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Starts each assigned partition where the group has committed, not where the client thinks it is."""

    def __init__(self, consumer: AIOKafkaConsumer, progress: Progress[TopicPartition]) -> None:
        self._consumer = consumer
        self._progress = progress
        self.started = False

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.started = False
        for partition in revoked:
            self._progress.forget(partition)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        begins = await self._consumer.beginning_offsets(list(assigned)) if assigned else {}
        for partition in assigned:
            committed = await self._consumer.committed(partition)
            self._progress.start(partition, max(committed or 0, begins[partition]))
        self.started = True


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
