"""Reads scored sessions and makes a delivery of each crossing that a webhook wants.

The position is that of the database (storage/webhooks/bands.py); what is committed to the Kafka group only shows how
far it is.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import ConsumerRecord
from sqlalchemy import Engine

from ingest.outage import OutageLog
from storage.database.errors import DatabaseUnavailableError
from storage.interventions.firings import ReadStopped
from storage.webhooks import bands, registry
from storage.webhooks.bands import PartitionPosition, PositionMovedError, ReadBatch, StepResult
from storage.webhooks.crossings import by_site
from storage.webhooks.metrics import WebhookMetrics
from storage.write.erased import is_erased
from stream.fold.erasures import Erasures
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.group import Batches, GroupConsumer
from stream.scored import ScoredSession, decode
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Seconds after which positions are written although nothing concerned a webhook.
QUIET_SECONDS = 5.0
#: Seconds in which more is gathered than the first fetch brought: a transaction for few records is expensive.
GATHER_SECONDS = 0.1
#: Most records of one transaction.
MOST_RECORDS = 4_000
RETRY_SECONDS = 0.5
#: What a record says of which an intervention has fired: where it is not, other sites' records need not be decoded.
FIRES = b'"interventions":[{'

P = ParamSpec("P")
T = TypeVar("T")


class CrossingConsumer:
    """Call `run` once. The consumer is started, unsubscribed, without auto-commit and never polled by another.

    `alone` says that there is no other part of this kind: see GroupConsumer. `made` is called when deliveries were
    made, and `erasures` says who is forgotten, and nothing is published of them. `stopped` says which interventions are
    stopped: what fired of them before and is read now is recorded so. `setting` says where the database is.
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
        stopped: ReadStopped,
        alone: bool = False,
        setting: str = "storage.url",
    ) -> None:
        self._engine = engine
        self._log_id = log_id
        self._topic = topic
        self._metrics = metrics
        self._made = made
        self._erasures = erasures
        self._stopped = stopped
        self._threads = ThreadPoolExecutor(1, "webhook-crossings")
        self._stop = asyncio.Event()
        self._group = GroupConsumer(consumer, [topic], alone=alone, positions=self._positions, on_gap=self._report_gap)
        self._setting = setting
        self._outage = OutageLog(log, "the database answers again")
        #: Where the database is in each of our partitions, and what was read since.
        self._places: dict[TopicPartition, PartitionPosition] = {}
        self._read: dict[TopicPartition, tuple[int, int]] = {}
        self._quiet_since = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether it has its place in the group, and the positions of its partitions; there may be none for it."""
        return self._group.ready

    @property
    def degraded(self) -> str:
        """Why nothing is read now, "" where it is."""
        return self._outage.reason

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`; raises KafkaUnavailableError when Kafka fails."""
        self._stop = stop
        try:
            await self._group.join()
            while not stop.is_set():
                try:
                    await self._step(stop)
                except IllegalStateError:
                    # A rebalance took a partition in the middle of the round; what was not written is read again.
                    self._group.begin_again()
        except KafkaError as error:
            raise KafkaUnavailableError(
                f"Kafka failed the webhooks ({error!r}); kafka.bootstrap says where it is"
            ) from error
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _step(self, stop: asyncio.Event) -> None:
        """One round. A crash between any two steps repeats the earlier ones, which then change nothing.

        1 start new partitions where the database is, and fetch what follows · 2 decode what concerns a site with
        webhooks · 3 move positions, bands and deliveries in one transaction · 4 commit to the group.
        """
        batches = await self._gather(stop)
        self._report_lag()
        if not batches and not self._overdue():
            return
        fires = any(FIRES in (record.value or b"") for records in batches.values() for record in records)
        stopped = await self._stopped() if fires else frozenset()
        while True:
            try:
                moved = await self._in_thread(self._move, batches, stopped)
            except PositionMovedError:
                log.info("another part has moved a partition on; reading its position again")
                self._group.begin_again()
                return
            except DatabaseUnavailableError as error:
                self._report_away(error)
                if await wait_for_event(stop, RETRY_SECONDS):
                    return
                continue
            self._report_back()
            if moved is not None:
                self._metrics.crossings.inc(moved.crossings)
                self._metrics.held.inc(moved.held)
                if moved.crossings:
                    self._made()
                await self._commit()
            return

    async def _gather(self, stop: asyncio.Event) -> Batches:
        """What follows of a fetch, and of what came soon after it."""
        batches = await self._group.fetch_first(stop, MOST_RECORDS)
        count = sum(map(len, batches.values()))
        if 0 < count < MOST_RECORDS:
            generation = self._group.generation
            await wait_for_event(stop, GATHER_SECONDS)
            more = await self._group.fetch(0, MOST_RECORDS - count)
            if generation != self._group.generation:
                # Nothing of before is written: it is read again from where the database is.
                return more
            for partition, records in more.items():
                batches.setdefault(partition, []).extend(records)
        self._metrics.records.inc(sum(map(len, batches.values())))
        return batches

    async def _positions(self, assigned: set[TopicPartition]) -> Mapping[TopicPartition, int] | None:
        """Where the database is, from which alone is read; None when the end came first."""
        while True:
            try:
                known = await self._in_thread(bands.places, self._engine, self._log_id)
                break
            except DatabaseUnavailableError as error:
                self._report_away(error)
            if await wait_for_event(self._stop, RETRY_SECONDS):
                return None
        self._places = {partition: known.get(partition.partition, PartitionPosition()) for partition in assigned}
        self._read = {}
        self._report_back()
        return {partition: place.next for partition, place in self._places.items() if place.known}

    def _move(self, batches: Batches, stopped: frozenset[str]) -> StepResult | None:
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
        moved = bands.move(self._engine, self._log_id, read, hooks, int(time.time() * 1000), stopped)
        for number, place in moved.places.items():
            self._places[TopicPartition(self._topic, number)] = place
        self._quiet_since = time.monotonic()
        return moved

    def _concerned(self, records: list[ConsumerRecord], prefixes: tuple[bytes, ...]) -> list[ScoredSession]:
        found = []
        for record in records:
            fires = FIRES in (record.value or b"")
            if record.key is not None and not fires and not record.key.startswith(prefixes):
                continue
            try:
                update = decode(record.value or b"")
            except msgspec.DecodeError as error:
                self._metrics.unreadable.inc()
                log.warning("%s:%d is no scored session: %s", record.topic, record.offset, error)
                continue
            if not is_erased(self._erasures, update):
                found.append(update)
        return found

    async def _commit(self) -> None:
        offsets = {partition: to[0] for partition, to in self._read.items()}
        self._read = {}
        await self._group.commit(offsets, "the position in the database holds")

    def _overdue(self) -> bool:
        return bool(self._read) and time.monotonic() - self._quiet_since >= QUIET_SECONDS

    def _report_lag(self) -> None:
        self._metrics.lag.set(sum(self._group.lag().values()))

    def _report_gap(self, partition: TopicPartition, gap: int, first: int) -> None:
        self._metrics.gaps.inc()
        log.error("%s: %d records before %d are gone (kafka.scored_retention_hours)", partition, gap, first)

    def _report_away(self, error: DatabaseUnavailableError) -> None:
        self._outage.failed(
            f"the database does not answer ({error}); nothing is lost, trying again. {self._setting} says where it is"
        )
        self._metrics.away.set(1)

    def _report_back(self) -> None:
        self._outage.answered()
        self._metrics.away.set(0)

    async def _in_thread(self, call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(call, *args, **named))
