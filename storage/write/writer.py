"""The writer: blocks of scored sessions, events and dead letters from Kafka into both databases.

Rows never move to an older version of the same log, so whatever comes twice is harmless; offsets are committed only
when both databases have the block. Knows sinks, not databases.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from ingest.outage import OutageLog
from storage.database.errors import DatabaseUnavailableError
from storage.errors import StorageError
from storage.metrics import WriterMetrics
from storage.write.block import CANONICAL_TOPICS, Block, TopicRecord, TopicRole, block_of, dead_letter, read
from storage.write.deliver import NamedSink, Refusal, deliver
from storage.write.erased import redact
from stream.fold.erasures import Erasures
from stream.kafka.clients import with_timeout
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.group import Batches, GroupConsumer
from stream.required import required_versions
from stream.scored import NOT_WRITTEN, dead_record
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: So many refused records without a good one between them are no accident of data.
MAX_REFUSED_IN_A_ROW = 50
FIRST_DELAY, LONGEST_DELAY = 0.1, 5.0
#: A writer that is behind gathers a block for so many times the gathering time: what waits is old already, and a large
#: block costs less of both databases than several small ones.
BEHIND = 5
#: Seconds between two looks at the topics' ends while a block waits for a database.
LAG_SECONDS = 5.0


class WriterError(StorageError):
    """The databases refuse what the writer reads; the message says what to look at."""


class Writer:
    """Call `run` once. The consumer is started, unsubscribed, without auto-commit and never polled by another.

    `alone` says that there is no other writer: see GroupConsumer. `erasures` says who is forgotten, and
    `erasures_reached` waits until a version of them is known.
    """

    def __init__(
        self,
        *,
        log_id: str,
        topics: Mapping[TopicRole, str],
        consumer: AIOKafkaConsumer,
        producer: AIOKafkaProducer,
        databases: tuple[NamedSink, ...],
        gather_seconds: float,
        max_block: int,
        metrics: WriterMetrics,
        alone: bool = False,
        erasures: Erasures | None = None,
        erasures_reached: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._log_id = log_id
        self._topics = topics
        self._roles: dict[str, TopicRole] = {topic: role for role, topic in topics.items()}
        self._producer = producer
        self._databases = databases
        self._gather_seconds = gather_seconds
        self._max_block = max_block
        self._metrics = metrics
        self._erasures = erasures or Erasures()
        self._erasures_reached = erasures_reached
        for database in databases:
            metrics.away.labels(database.name)
            metrics.retries.labels(database.name)
        self._refused_in_a_row = 0
        #: By topic and partition, the offset up to which both databases have everything, of what this writer wrote.
        self._written: dict[tuple[TopicRole, int], int] = {}
        self._outages = {each.name: OutageLog(log, f"{each.name} takes writes again") for each in databases}
        self._group = GroupConsumer(
            consumer, list(self._roles), alone=alone, on_gap=self._report_gap, on_reread=metrics.rereads.inc
        )

    @property
    def ready(self) -> bool:
        """Whether the writer has its place in the group: its partitions are started, and there may be none for it."""
        return self._group.ready

    @property
    def degraded(self) -> str:
        """Why blocks are not written now, "" where they are."""
        return "; ".join(outage.reason for outage in self._outages.values() if outage.away)

    def written(self, role: TopicRole, partition: int) -> int | None:
        """The offset up to which both databases have the partition; None before this writer's first block of it."""
        return self._written.get((role, partition))

    def highwater(self, role: TopicRole, partition: int) -> int | None:
        """Where the partition ended at the last fetch of it; None before there was one."""
        return self._group.highwater(TopicPartition(self._topics[role], partition))

    async def run(self, stop: asyncio.Event) -> None:
        """Write until `stop` is set.

        Raises KafkaUnavailableError when Kafka fails, WriterError when too many records are refused.
        """
        threads = {database.name: ThreadPoolExecutor(1, f"write-{database.name}") for database in self._databases}
        try:
            await self._group.join()
            while not stop.is_set():
                batches, since = await self._gather(stop)
                if batches and not await self._write(batches, threads, stop):
                    return
                if batches:
                    self._metrics.seconds.observe(time.monotonic() - since)
                    self._metrics.written.set_to_current_time()
        except KafkaError as error:
            raise KafkaUnavailableError(
                f"Kafka failed the writer ({error!r}); kafka.bootstrap says where it is"
            ) from error
        finally:
            for thread in threads.values():
                thread.shutdown(wait=False, cancel_futures=True)

    async def _gather(self, stop: asyncio.Event) -> tuple[Batches, float]:
        """What came within the gathering time after the first record, or a full block; and when it began.

        While the topics hold more than was fetched, it gathers on, up to BEHIND times as long. `stop` ends the wait for
        a first record.
        """
        batches: Batches = {}
        count = 0
        began = time.monotonic()
        generation = self._group.generation
        while True:
            left = began + self._gather_seconds - time.monotonic()
            if left <= 0 and self._is_behind():
                left += (BEHIND - 1) * self._gather_seconds
            if left <= 0 or count >= self._max_block:
                return batches, began
            if count:
                fetched = await self._group.fetch(int(left * 1000) + 1, self._max_block - count)
            else:
                fetched = await self._group.fetch_first(stop, self._max_block)
                began = time.monotonic()
            for partition, records in fetched.items():
                batches.setdefault(partition, []).extend(records)
                count += len(records)
            # What follows a rebalance begins where it was committed: that is another block.
            if (not fetched and not count) or generation != self._group.generation:
                return batches, began

    def _is_behind(self) -> bool:
        """Whether the topics hold so much more that the next block would be a large one, by what fetches have seen."""
        return sum(self._group.lag().values()) >= self._max_block

    def _report_gap(self, partition: TopicPartition, gap: int, first: int) -> None:
        self._metrics.gaps.inc()
        log.error("%s: %d records before %d are gone", partition, gap, first)

    async def _write(self, batches: Batches, threads: Mapping[str, ThreadPoolExecutor], stop: asyncio.Event) -> bool:
        """Write one block; False when `stop` came first. A crash between any two steps only repeats the earlier ones.

        1 Decode the records and redact erased visitors, including those named by erase controls in this block. 2 Put
        the block into every database, each in its own thread, each as often as it takes. 3 Produce the dead letters of
        what can never be written, await them. 4 Commit the offsets.
        """
        self._report_lag(batches)
        await self._until_erasures(batches)
        block, unreadable = await asyncio.to_thread(self._read, batches)
        writes = [
            asyncio.create_task(self._insist(database, block, threads[database.name], stop))
            for database in self._databases
        ]
        looking = asyncio.create_task(self._keep_reporting_lag(batches))
        try:
            results = await asyncio.gather(*writes)
        finally:
            looking.cancel()
        refusals: list[Refusal] = [(record, record.detail) for record in unreadable]
        for result in results:
            if result is None:
                return False
            refusals += result
        await self._dead_letter_refused(batches, refusals)
        await self._commit(batches)
        self._count(batches)
        return True

    async def _until_erasures(self, batches: Batches) -> None:
        """Wait for the erasures that this block's controls name: until then nothing after those may be stored."""
        if self._erasures_reached is not None:
            events = self._topics["events"]
            named = required_versions(
                record for records in batches.values() for record in records if record.topic == events
            )
            await self._erasures_reached(named.erasures)

    def _read(self, batches: Batches) -> tuple[Block, list[TopicRecord]]:
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
            functools.partial(redact, erasures=self._erasures),
        )

    async def _insist(
        self, database: NamedSink, block: Block, thread: ThreadPoolExecutor, stop: asyncio.Event
    ) -> list[Refusal] | None:
        """Write until the database takes it; what it refused for good, or None when `stop` came first."""
        delay = FIRST_DELAY
        away, outage = self._metrics.away.labels(database.name), self._outages[database.name]
        while True:
            began = time.monotonic()
            try:
                refusals = await asyncio.get_running_loop().run_in_executor(
                    thread, functools.partial(deliver, database.sink, block)
                )
            except DatabaseUnavailableError as error:
                outage.failed(
                    f"{database.name} does not take writes ({error}); nothing is lost, trying again. "
                    f"{database.setting} says where it is"
                )
                away.set(1)
                self._metrics.retries.labels(database.name).inc()
            else:
                self._metrics.database_seconds.labels(database.name).observe(time.monotonic() - began)
                outage.answered()
                away.set(0)
                return refusals
            if await wait_for_event(stop, delay):
                return None
            delay = min(delay * 2, LONGEST_DELAY)

    async def _dead_letter_refused(self, batches: Batches, refusals: list[Refusal]) -> None:
        if not refusals:
            self._refused_in_a_row = 0
            return
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
            log.error(
                "%s %d:%d cannot be written: %s", CANONICAL_TOPICS[record.role], record.partition, record.offset, why
            )
            self._metrics.refused.inc()
            if record.role != "dead":
                key, value = dead_record(dead_letter(self._log_id, record, f"{NOT_WRITTEN}{why}"))
                await with_timeout(self._producer.send_and_wait(self._topics["dead"], value, key=key))

    async def _commit(self, batches: Batches) -> None:
        # Where a rebalance came first, the partitions went to another writer, which writes the same rows again.
        offsets = {partition: records[-1].offset + 1 for partition, records in batches.items()}
        self._written |= {
            (self._roles[partition.topic], partition.partition): offset for partition, offset in offsets.items()
        }
        await self._group.commit(offsets, "the block will be written again")

    def _count(self, batches: Batches) -> None:
        for partition, records in batches.items():
            self._metrics.records.labels(CANONICAL_TOPICS[self._roles[partition.topic]]).inc(len(records))
        self._metrics.block_records.observe(sum(map(len, batches.values())))
        self._report_lag({})

    async def _keep_reporting_lag(self, pending: Batches) -> None:
        """While a block waits for a database nothing is fetched, so Kafka is asked how far the topics have grown."""
        while True:
            await asyncio.sleep(LAG_SECONDS)
            await self._group.look_at_ends()
            self._report_lag(pending)

    def _report_lag(self, pending: Batches) -> None:
        """How far the databases are behind; `pending` is what they do not have yet although it was fetched."""
        behind = self._group.lag({partition: records[0].offset for partition, records in pending.items()})
        for topic, records in behind.items():
            self._metrics.lag.labels(CANONICAL_TOPICS[self._roles[topic]]).set(records)
