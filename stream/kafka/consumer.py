"""Faust's Kafka consumer, handing over whole rounds instead of single messages.

Faust's own loop makes a task pair per message (about 210 microseconds) and acknowledges out of order. This one gives
what a fetch brought, a batch for each of several partitions, to the worker and fetches again when the round is done.
Group membership, assignment and threads stay Faust's.
"""

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP

from stream.fold.partition import LogRecord
from stream.kafka.client_log import log_when_kafka_answers
from stream.kafka.clients import close
from stream.kafka.idle_fetches import rest_when_idle
from stream.worker import Worker

log = logging.getLogger(__name__)

#: How long Faust's consumer may take to leave its group, in seconds.
STOP_SECONDS = 5.0
#: Least time from one round's fetch to the next, in seconds: a trickle of events would otherwise make a fetch and a
#: produce request for every few of them, and Kafka's work for those is what everybody waits for.
ROUND_SECONDS = 0.004

#: How long an assignment is waited for before the rounds of what is claimed so far begin, in seconds.
CLAIM_SECONDS = 0.2

#: A commit that fails so was overtaken by a rebalance: the partition's new owner goes on from the commit before.
#: IllegalStateError is aiokafka's own word for a partition that is no longer assigned.
OVERTAKEN = (
    CommitFailedError,
    IllegalGenerationError,
    IllegalStateError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)


class RoundsThread(AIOKafkaConsumerThread):  # type: ignore[misc]
    """Faust's consumer thread, with the fetch's wait as a setting and metadata in commits."""

    def _create_worker_consumer(self, transport: Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1,500 ms, which a broker that does not wake waiting fetches turns into latency.
        consumer._fetch_max_wait_ms = self.app.fetch_wait_ms
        rest_when_idle(consumer, self.app.idle_fetch_wait_ms)
        log_when_kafka_answers(consumer._client)
        return consumer

    async def on_thread_stop(self) -> None:
        """Faust stops the consumer here, and a CancelledError that this leaks would end the thread with a traceback and
        leave connections open."""
        await super(AIOKafkaConsumerThread, self).on_thread_stop()
        if self._consumer is not None:
            await close(self._consumer, STOP_SECONDS)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust looks for stalled agents here; ours never get a message, and the watchdog looks for stalls."""

    async def commit_with_metadata(self, offsets: Mapping[KafkaPartition, OffsetAndMetadata]) -> None:
        await self.call_thread(self._ensure_consumer().commit, offsets)

    async def seek_to(self, place: KafkaPartition, offset: int) -> None:
        async def seek() -> None:
            consumer = self._ensure_consumer()
            if place in consumer.assignment():
                consumer.seek(place, offset)

        await self.call_thread(seek)

    async def pause_all(self, places: Collection[KafkaPartition]) -> None:
        async def pause() -> None:
            consumer = self._ensure_consumer()
            assigned = consumer.assignment()
            consumer.pause(*[place for place in places if place in assigned])

        await self.call_thread(pause)

    async def resume_one(self, place: KafkaPartition) -> None:
        async def resume() -> None:
            consumer = self._ensure_consumer()
            if place in consumer.assignment():
                consumer.resume(place)

        await self.call_thread(resume)

    async def position_of(self, place: KafkaPartition) -> int | None:
        async def look() -> int | None:
            consumer = self._ensure_consumer()
            if place not in consumer.assignment():
                return None
            # Never waits: a position that a rebalance or a reset is still finding is unknown.
            state: Any = consumer._subscription.subscription.assignment.state_value(place)
            position: int | None = state.position if state.has_valid_position else None
            return position

        found: int | None = await self.call_thread(look)
        return found


class RoundsConsumer(Consumer):  # type: ignore[misc]
    """The consumer and, for the worker, its ConsumerClient."""

    def _new_consumer_thread(self) -> RoundsThread:
        return RoundsThread(self, loop=self.loop, beacon=self.beacon)

    async def seek(self, partition: Any, offset: int) -> None:
        """Put a partition where the worker goes on; Faust itself seeks by TP, the worker by number."""
        place = KafkaPartition(self.app.events_topic, partition) if isinstance(partition, int) else partition
        await self._thread.seek_to(KafkaPartition(place.topic, place.partition), offset)

    async def pause(self, partitions: Collection[int]) -> None:
        await self._thread.pause_all([KafkaPartition(self.app.events_topic, number) for number in partitions])

    async def resume(self, partition: int) -> None:
        await self._thread.resume_one(KafkaPartition(self.app.events_topic, partition))

    async def position(self, partition: int) -> int | None:
        found: int | None = await self._thread.position_of(KafkaPartition(self.app.events_topic, partition))
        return found

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Faust asks for this when it stops or rebalances; what there is to commit, the worker has committed."""
        return True

    async def commit_offsets(self, offsets: Mapping[int, tuple[int, str]]) -> None:
        if self.app.keep_marks is not None:
            self.app.keep_marks(offsets)
        places = {
            KafkaPartition(self.app.events_topic, number): OffsetAndMetadata(offset, metadata)
            for number, (offset, metadata) in offsets.items()
        }
        try:
            await self._thread.commit_with_metadata(places)
        except OVERTAKEN as error:
            log.info("a rebalance overtook a commit: %s", error)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            await self._rounds(fetcher)
        except Exception as error:
            # Faust would restart the fetcher and go on; this failure ends the process instead.
            self.app.failed(error)
        finally:
            self.app.drained.set()

    async def _rounds(self, fetcher: Any) -> None:
        """Rounds of the partitions that are claimed; those of a new assignment are claimed beside them."""
        worker: Worker = self.app.worker
        generation: Any = None
        claiming: asyncio.Task[None] | None = None
        try:
            while not (self.should_stop or fetcher.should_stop or self.app.stopping):
                fetched, _ = await self._wait_next_records(timeout=0.5)
                if not self.flow_active:
                    continue
                if self.app.consumer_generation_id != generation:
                    generation = self.app.consumer_generation_id
                    worker.release()
                    await _end(claiming)
                    assigned = {place.partition for place in self.assignment()}
                    claiming = asyncio.create_task(worker.claim(assigned, self))
                    # Most claims take no time; then the first round is the next one.
                    await asyncio.wait({claiming}, timeout=CLAIM_SECONDS)
                    # What was fetched until now is of before the claim.
                    fetched = None
                if claiming is not None and claiming.done():
                    claiming.result()
                    claiming, self.app.ready = None, True
                began = time.monotonic()
                batches: dict[int, list[LogRecord]] = {
                    place.partition: records
                    for place, records in (fetched or {}).items()
                    if place.partition in worker.partitions
                }
                if batches:
                    await worker.round(batches, self)
                await worker.run_maintenance(self, int(time.time() * 1000))
                await asyncio.sleep(max(0.0, began + ROUND_SECONDS - time.monotonic()))
        finally:
            await _end(claiming)
        await worker.commit(self)
        worker.release()


async def _end(claiming: asyncio.Task[None] | None) -> None:
    """Cancel what is not done; an error of one that was to be given up is not of interest."""
    if claiming is not None and not claiming.done():
        claiming.cancel()
        await asyncio.wait({claiming})


class RoundsTransport(Transport):  # type: ignore[misc]
    """The transport that Faust's app is given: everything is Faust's but the consumer."""

    Consumer = RoundsConsumer
