"""Reads scored sessions and makes a delivery of each crossing that a webhook wants.

The position is that of the database (storage/webhooks/bands.py); what is committed to the Kafka group only shows how
far it is.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord
from sqlalchemy import Engine

from storage.database.errors import DatabaseUnavailableError
from storage.webhooks import bands, registry
from storage.webhooks.bands import PartitionPosition, PositionMovedError, ReadBatch, StepResult
from storage.webhooks.crossings import by_site
from storage.webhooks.metrics import WebhookMetrics
from storage.write.erased import erases
from stream.fold.erasures import Erasures
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.group import commit, unbroken
from stream.kafka.positions import ReadPositions, SeekBack
from stream.scored import ScoredSession, decode
from stream.waiting import set_within

log = logging.getLogger(__name__)

#: Seconds after which positions are written although nothing concerned a webhook.
QUIET_SECONDS = 5.0
#: Seconds that a fetch may wait, and those in which more is gathered after it: a transaction for few records is dear.
FETCH_SECONDS, GATHER_SECONDS = 0.2, 0.1
#: Most records of one transaction.
MOST_RECORDS = 4_000
RETRY_SECONDS = 0.5

Batches = dict[TopicPartition, list[ConsumerRecord]]
P = ParamSpec("P")
T = TypeVar("T")


class CrossingConsumer:
    """Call `run` once. The consumer is started, unsubscribed, without auto-commit and never polled by another.

    `alone` says that there is no other part of this kind: it then takes every partition at once, without joining the
    group, which takes the embedded broker five seconds. `made` is called when deliveries were made, and
    `erasures` says who is forgotten, of whom nothing is told.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        log_id: str,
        topic: str,
        consumer: AIOKafkaConsumer,
        metrics: WebhookMetrics,
        made: Callable[[], None],
        erasures: Erasures,
        alone: bool = False,
    ) -> None:
        self._engine = engine
        self._log_id = log_id
        self._topic = topic
        self._consumer = consumer
        self._metrics = metrics
        self._made = made
        self._erasures = erasures
        self._alone = alone
        self._threads = ThreadPoolExecutor(1, "webhook-crossings")
        self._assignments = _CrossingAssignments()
        self._begun = 0
        self._away = False
        self._progress: ReadPositions[TopicPartition] = ReadPositions()
        #: Where the database is in each of our partitions, and what was read since.
        self._places: dict[TopicPartition, PartitionPosition] = {}
        self._read: dict[TopicPartition, tuple[int, int]] = {}
        self._quiet_since = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether it has its place in the group, and the positions of its partitions; there may be none for it."""
        return 0 < self._begun == self._assignments.generation

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`; raises KafkaUnavailableError when Kafka fails."""
        try:
            if self._alone:
                everything = await self._partitions()
                self._consumer.assign(everything)
                await self._assignments.on_partitions_assigned(set(everything))
            else:
                self._consumer.subscribe([self._topic], listener=self._assignments)
            while not stop.is_set():
                try:
                    await self._step(stop)
                except IllegalStateError:
                    # A rebalance took a partition in the middle of the round; what was not written is read again.
                    self._begun = 0
        except KafkaError as error:
            raise KafkaUnavailableError(
                f"Kafka failed the webhooks ({error!r}); kafka.bootstrap says where it is"
            ) from error
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _step(self, stop: asyncio.Event) -> None:
        """One round. A crash between any two steps repeats the earlier ones, which then change nothing.

        1 start new partitions where the database is · 2 fetch · 3 check that the batch follows · 4 decode what concerns
        a site with webhooks · 5 move positions, bands and deliveries in one transaction · 6 commit to the group.
        """
        if self._begun != self._assignments.generation and not await self._begin(stop):
            return
        batches = await self._gather(stop)
        self._tell_lag()
        if not batches and not self._overdue():
            return
        while True:
            try:
                moved = await self._in_thread(self._move, batches)
            except PositionMovedError:
                log.info("another part has moved a partition on; reading its position anew")
                self._begun = 0
                return
            except DatabaseUnavailableError as error:
                self._tell_away(error)
                if await set_within(stop, RETRY_SECONDS):
                    return
                continue
            self._tell_there()
            if moved is not None:
                self._metrics.crossings.inc(moved.crossings)
                if moved.crossings:
                    self._made()
                await self._commit()
            return

    async def _gather(self, stop: asyncio.Event) -> Batches:
        """What follows of a fetch, and of what came soon after it."""
        batches: Batches = {}
        fetched = await self._consumer.getmany(timeout_ms=round(FETCH_SECONDS * 1000), max_records=MOST_RECORDS)
        count = self._sort_in(fetched, batches)
        if 0 < count < MOST_RECORDS:
            await set_within(stop, GATHER_SECONDS)
            self._sort_in(await self._consumer.getmany(timeout_ms=0, max_records=MOST_RECORDS - count), batches)
        return batches

    def _sort_in(self, fetched: Batches, batches: Batches) -> int:
        for partition, records in fetched.items():
            for run in unbroken(records):
                following = self._following(partition, run)
                if following is None:
                    break
                if following:
                    batches.setdefault(partition, []).extend(following)
        return sum(map(len, batches.values()))

    async def _begin(self, stop: asyncio.Event) -> bool:
        """Send the client to the database's positions, from which alone is read; False when something came first."""
        generation, assigned = self._assignments.generation, self._consumer.assignment()
        while True:
            try:
                known = await self._in_thread(bands.places, self._engine, self._log_id)
                break
            except DatabaseUnavailableError as error:
                self._tell_away(error)
            if await set_within(stop, RETRY_SECONDS):
                return False
        begins = await self._consumer.beginning_offsets(list(assigned)) if assigned else {}
        self._places = {partition: known.get(partition.partition, PartitionPosition()) for partition in assigned}
        self._read = {}
        for partition, place in self._places.items():
            start = max(place.next, begins[partition])
            if place.known and start > place.next:
                self._tell_gap(partition, start - place.next, start)
            self._progress.start(partition, start)
            self._consumer.seek(partition, start)
        self._tell_there()
        # What was assigned meanwhile begins in the next round.
        self._begun = generation
        return generation == self._assignments.generation

    def _following(self, partition: TopicPartition, records: list[ConsumerRecord]) -> list[ConsumerRecord] | None:
        """Those of an unbroken run that follow what was read; None where the client skipped some, and is sent back."""
        wanted = self._progress.next(partition)
        if partition not in self._places or wanted is None:
            return None
        records = [record for record in records if record.offset >= wanted]
        if not records:
            return []
        verdict = self._progress.accept(partition, records[0].offset, records[-1].offset)
        if isinstance(verdict, SeekBack):
            log.warning("%s: the client skipped to %d, reading again from %d", partition, records[0].offset, wanted)
            self._consumer.seek(partition, verdict.offset)
            return None
        if verdict.gap:
            self._tell_gap(partition, verdict.gap, records[0].offset)
        self._metrics.records.inc(len(records))
        return records

    def _move(self, batches: Batches) -> StepResult | None:
        """Move the positions on; None where nothing concerns a webhook: that may be read again, so it can wait."""
        hooks = by_site(registry.every(self._engine))
        prefixes = tuple(f"{site}/".encode() for site in hooks)
        updates = {partition: self._concerned(records, prefixes) for partition, records in batches.items()}
        for partition, records in batches.items():
            self._read[partition] = (records[-1].offset + 1, records[-1].timestamp)
        if not any(updates.values()) and not self._overdue():
            return None
        read = {
            partition.partition: ReadBatch(self._places[partition], *to, updates.get(partition, []))
            for partition, to in self._read.items()
        }
        moved = bands.move(self._engine, self._log_id, read, hooks, int(time.time() * 1000))
        for number, place in moved.places.items():
            self._places[TopicPartition(self._topic, number)] = place
        self._quiet_since = time.monotonic()
        return moved

    def _concerned(self, records: list[ConsumerRecord], prefixes: tuple[bytes, ...]) -> list[ScoredSession]:
        found = []
        for record in records:
            if record.key is not None and not record.key.startswith(prefixes):
                continue
            try:
                update = decode(record.value or b"")
            except msgspec.DecodeError as error:
                self._metrics.unreadable.inc()
                log.warning("%s:%d is no scored session: %s", record.topic, record.offset, error)
                continue
            if not erases(self._erasures, update):
                found.append(update)
        return found

    async def _commit(self) -> None:
        offsets = {partition: to[0] for partition, to in self._read.items()}
        self._read = {}
        await commit(self._consumer, offsets, "the position in the database holds")

    def _overdue(self) -> bool:
        return bool(self._read) and time.monotonic() - self._quiet_since >= QUIET_SECONDS

    async def _partitions(self) -> list[TopicPartition]:
        # Not partitions_for_topic of the consumer: on Apache Kafka that knows only what is assigned.
        cluster = await self._consumer._client.fetch_all_metadata()
        return [TopicPartition(self._topic, number) for number in cluster.partitions_for_topic(self._topic) or ()]

    def _tell_lag(self) -> None:
        lag = 0
        for partition in self._places.keys() & self._consumer.assignment():
            end, here = self._consumer.highwater(partition), self._progress.next(partition)
            lag += max(end - here, 0) if end is not None and here is not None else 0
        self._metrics.lag.set(lag)

    def _tell_gap(self, partition: TopicPartition, gap: int, first: int) -> None:
        self._metrics.gaps.inc()
        log.error("%s: %d records before %d are gone (kafka.scored_retention_hours)", partition, gap, first)

    def _tell_away(self, error: DatabaseUnavailableError) -> None:
        if not self._away:
            log.warning("the database does not answer (%s); nothing is lost, trying again. See storage.url", error)
        self._away = True
        self._metrics.away.set(1)

    def _tell_there(self) -> None:
        self._away = False
        self._metrics.away.set(0)

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(call, *args, **named))


class _CrossingAssignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts assignments; whoever polls begins anew after one, outside Kafka's own tasks."""

    def __init__(self) -> None:
        self.generation = 0

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        pass

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self.generation += 1
