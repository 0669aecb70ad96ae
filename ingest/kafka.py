"""The Kafka publisher: batches that grow with the load, one on its way per partition, every record acknowledged.

Knows records, not events, and takes its producers from whoever makes Kafka clients. aiokafka's `send` can wait for
ever when Kafka is away, so each wait of ours has an end; after a failed batch the producer is created again, because an
idempotent one must not go on with a gap.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any, Protocol

from ingest.outage import KAFKA_AWAY, reason_of
from ingest.partition import partition_of
from ingest.publish import LogUnavailableError, Record

_log = logging.getLogger(__name__)

#: Bytes of one batch: well below the broker's own limit for a message set (1 MB).
MAX_BATCH_BYTES = 512 * 1024
#: How long the first record of a batch waits for others, in seconds; those behind a batch on its way gather meanwhile.
GATHER_SECONDS = 0.002
CHECK_SECONDS = 2.0
#: Kafka's number for a timestamp that the broker set itself.
LOG_APPEND_TIME = 1
#: aiokafka ends each of its own attempts by the request time-out; this stands behind it.
CONNECT_SECONDS = 15.0
#: How long a comparison of clocks is believed, in seconds.
CLOCK_SECONDS = 300.0
#: Between two attempts to reach Kafka, in seconds.
FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0


class _PendingPublish:
    """One call of publish: how many of its records are still on their way."""

    __slots__ = ("done", "left")

    def __init__(self, left: int) -> None:
        self.left = left
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def acknowledge(self) -> None:
        self.left -= 1
        if self.left == 0 and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: LogUnavailableError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


_PendingRecord = tuple[bytes, bytes, _PendingPublish]


class ProducerClients(Protocol):
    """What makes producers of one Kafka, and ends them (stream.kafka.clients.KafkaClients)."""

    options: dict[str, Any]

    @property
    def bootstrap(self) -> str: ...
    def within(self, request_timeout_ms: int) -> "ProducerClients":
        """The same Kafka, with a time-out of its own for requests."""
        ...

    def producer(self, **more: Any) -> Any:
        """aiokafka's producer, acknowledged by all replicas, not started."""
        ...

    async def partitions_of(self, client: Any, *topics: str) -> Sequence[Any]:
        """The partitions of these topics, none of one that is missing, and without making it."""
        ...

    async def close(self, client: Any, seconds: float) -> None:
        """End a client for sure; never raises."""
        ...


class KafkaPublisher:
    """Publishes to `topic`; `start` returns at once and the connection is made, and made again, behind it.

    The topic must have `partitions` partitions: with another number,
    keys would move. timeout_ms: how long a record may wait for its acknowledgement.
    """

    def __init__(
        self,
        clients: ProducerClients,
        topic: str,
        partitions: int,
        *,
        max_in_flight: int,
        timeout_ms: int,
    ) -> None:
        # aiokafka gives up on a batch after the request time-out; our own time-out stands behind it.
        self._clients = clients.within(min(int(clients.options.get("request_timeout_ms", timeout_ms)), timeout_ms))
        self._topic = topic
        self._partitions = partitions
        self._max_in_flight = max_in_flight
        self._timeout = timeout_ms / 1000
        self._waiting: list[list[_PendingRecord]] = [[] for _ in range(partitions)]
        self._lanes: list[asyncio.Task[None] | None] = [None] * partitions
        self._in_flight = 0
        self._producer: Any = None
        self._clock_ahead_ms, self._compared_at = 0, -CLOCK_SECONDS
        self._trouble = "not connected to Kafka yet"
        self._broken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None

    @property
    def in_flight(self) -> int:
        """Records that wait for their acknowledgement."""
        return self._in_flight

    @property
    def clock_ahead_ms(self) -> int:
        return self._clock_ahead_ms if time.monotonic() - self._compared_at < CLOCK_SECONDS else 0

    def start(self) -> None:
        """Begins to connect; until that has worked, `publish` and `check` raise LogUnavailableError."""
        self._connecting = asyncio.create_task(self._keep_connected())

    async def publish(self, records: Sequence[Record]) -> None:
        if not records:
            return
        if self._stopping.is_set():
            raise LogUnavailableError("the ingest API is stopping")
        if self._producer is None:
            raise LogUnavailableError(self._trouble)
        if self._in_flight + len(records) > self._max_in_flight:
            raise LogUnavailableError(f"{self._in_flight} events wait for Kafka already (ingest.max_in_flight)")
        pending = _PendingPublish(len(records))
        self._in_flight += len(records)
        for key, value in records:
            partition = partition_of(key, self._partitions)
            self._waiting[partition].append((key, value, pending))
            if self._lanes[partition] is None:
                self._lanes[partition] = asyncio.create_task(self._drive(partition))
        # No time-out of its own: the batch has one, and when it fails all that waits behind it fails with it.
        await pending.done

    async def check(self) -> None:
        producer = self._producer
        if producer is None:
            raise LogUnavailableError(self._trouble)
        reached = False
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CHECK_SECONDS):
                reached = await producer.client.force_metadata_update()
        if not reached:
            raise LogUnavailableError(f"Kafka at {self._clients.bootstrap} does not answer")

    async def stop(self) -> None:
        """In this order, each with an end: take no more, wait for what is on its way, close the connection."""
        self._stopping.set()
        lanes = [lane for lane in self._lanes if lane is not None]
        if lanes:
            _, late = await asyncio.wait(lanes, timeout=self._timeout)
            for lane in late:
                lane.cancel()
        if self._connecting is not None:
            self._broken.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timeout):
                    await self._connecting
            self._connecting = None
        self._lose_all(LogUnavailableError("the ingest API stopped before Kafka acknowledged"))

    # One lane per partition: while one batch is on its way the next one fills.

    async def _drive(self, partition: int) -> None:
        waiting = self._waiting[partition]
        try:
            await asyncio.sleep(GATHER_SECONDS)
            while waiting:
                taken: list[_PendingRecord] = []
                try:
                    await self._send_some(partition, waiting, taken)
                except asyncio.CancelledError:
                    self._fail(taken, LogUnavailableError("the ingest API stopped before Kafka acknowledged"))
                    raise
                except Exception as error:  # whatever it is, its records are not known to be in the log
                    self._fail(taken, error)
                else:
                    for _, _, pending in taken:
                        pending.acknowledge()
                finally:
                    self._in_flight -= len(taken)
        finally:
            self._lanes[partition] = None

    async def _send_some(self, partition: int, waiting: list[_PendingRecord], taken: list[_PendingRecord]) -> None:
        """Send one batch of what waits, moving it to `taken`; returns when it is acknowledged."""
        producer = self._producer
        if producer is None:
            taken += waiting
            waiting.clear()
            raise LogUnavailableError(self._trouble)
        batch, now = producer.create_batch(), int(time.time() * 1000)
        sent = 0
        for key, value, pending in waiting:
            # Nobody waits for what was cancelled.
            if not pending.done.done() and batch.append(timestamp=now, key=key, value=value) is None:
                break
            sent += 1
        taken += waiting[:sent]
        del waiting[:sent]
        if batch.record_count() == 0:
            return
        batch.close()
        deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(deadline):
                sending = await producer.send_batch(batch, self._topic, partition=partition)
        except TimeoutError:
            raise self._late() from None
        # A late send is not cancelled: aiokafka would log its failure as one that nobody awaits.
        left = max(deadline - asyncio.get_running_loop().time(), 0.0)
        done, _ = await asyncio.wait((sending,), timeout=left)
        if not done:
            sending.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise self._late()
        self._compare_clocks(sending.result(), now)

    def _compare_clocks(self, acknowledged: Any, sent_at: int) -> None:
        """Compare this machine's clock with the log's, which appended between `sent_at` and now (ms)."""
        if acknowledged.timestamp_type != LOG_APPEND_TIME:
            return
        appended_at, now = acknowledged.timestamp, int(time.time() * 1000)
        self._clock_ahead_ms = max(sent_at - appended_at, 0) or min(now - appended_at, 0)
        self._compared_at = time.monotonic()

    def _late(self) -> LogUnavailableError:
        waited = f"{self._timeout:g} s (ingest.publish_timeout_ms)"
        return LogUnavailableError(f"Kafka did not acknowledge within {waited}")

    def _fail(self, taken: list[_PendingRecord], error: Exception) -> None:
        reason = (
            error.reason if isinstance(error, LogUnavailableError) else f"Kafka did not take it: {reason_of(error)}"
        )
        for _, _, pending in taken:
            pending.fail(LogUnavailableError(reason))
        if self._producer is not None:
            self._trouble = reason
            self._producer = None
            self._broken.set()

    def _lose_all(self, error: LogUnavailableError) -> None:
        for waiting in self._waiting:
            for _, _, pending in waiting:
                pending.fail(error)
            self._in_flight -= len(waiting)
            waiting.clear()

    # The connection.

    async def _keep_connected(self) -> None:
        pause, reported = FIRST_PAUSE, ""
        while not self._stopping.is_set():
            producer = self._clients.producer(max_batch_size=MAX_BATCH_BYTES)
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await producer.start()
                    await self._check_topic(producer)
            except Exception as error:
                self._trouble = error.reason if isinstance(error, LogUnavailableError) else self._not_reached(error)
                if self._trouble != reported:
                    reached = isinstance(error, LogUnavailableError)
                    _log.error("%s", self._trouble, extra=None if reached else KAFKA_AWAY)
                    reported = self._trouble
                await self._close(producer)
                await self._pause(pause)
                pause = min(pause * 2, LAST_PAUSE)
                continue
            pause, reported = FIRST_PAUSE, ""
            self._broken.clear()
            self._producer = producer
            if not self._stopping.is_set():
                await self._broken.wait()
            self._producer = None
            if not self._stopping.is_set():
                _log.error("%s; connecting to Kafka again", self._trouble, extra=KAFKA_AWAY)
            await self._close(producer)
        self._trouble = "the ingest API is stopping"

    async def _check_topic(self, producer: Any) -> None:
        found = len(await self._clients.partitions_of(producer, self._topic))
        if not found:
            raise LogUnavailableError(f"there is no topic {self._topic} in Kafka: run `opecom topics create`")
        if found != self._partitions:
            raise LogUnavailableError(
                f"topic {self._topic} has {found} partitions, kafka.partitions says {self._partitions}: "
                "`opecom topics check` says what can be done"
            )

    def _not_reached(self, error: Exception) -> str:
        return f"cannot reach Kafka at {self._clients.bootstrap} (kafka.bootstrap): {reason_of(error)}"

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _close(self, producer: Any) -> None:
        """Let what is on its way arrive, but not for ever."""
        on_its_way = any(lane is not None for lane in self._lanes)
        await self._clients.close(producer, self._timeout if on_its_way else CHECK_SECONDS)
