"""The Kafka publisher: batches that grow with the load, one on its way per partition, every record acknowledged.

Knows records, not events, and leaves the connection to its producer.
"""

import asyncio
import time
from collections.abc import Sequence

from ingest.outage import reason_of
from ingest.partition import partition_of
from ingest.producer import LogProducer
from ingest.publish import LogUnavailableError, Record

#: How long the first record of a batch waits for others, in seconds; those behind a batch on its way gather meanwhile.
GATHER_SECONDS = 0.002


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


class KafkaPublisher:
    """Publishes by a producer of its own, whose topic has `partitions` partitions."""

    def __init__(self, producer: LogProducer, partitions: int, *, max_in_flight: int) -> None:
        self.producer = producer
        self._partitions = partitions
        self._max_in_flight = max_in_flight
        self._waiting: list[list[_PendingRecord]] = [[] for _ in range(partitions)]
        self._lanes: list[asyncio.Task[None] | None] = [None] * partitions
        self._in_flight = 0
        self._stopping = False

    @property
    def in_flight(self) -> int:
        """Records that wait for their acknowledgement."""
        return self._in_flight

    @property
    def clock_ahead_ms(self) -> int:
        return self.producer.clock_ahead_ms

    def start(self) -> None:
        """Begins to connect; until that has worked, `publish` and `check` raise LogUnavailableError."""
        self.producer.start()

    async def publish(self, records: Sequence[Record], *, in_log: bool = False) -> None:
        if not records:
            return
        if self._stopping:
            raise LogUnavailableError("the ingest API is stopping")
        if not self.producer.is_connected:
            raise LogUnavailableError(self.producer.trouble)
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
        await self.producer.check()

    async def stop(self) -> None:
        """In this order, each with an end: take no more, wait for what is on its way, close the connection."""
        self._stopping = True
        lanes = [lane for lane in self._lanes if lane is not None]
        if lanes:
            _, late = await asyncio.wait(lanes, timeout=self.producer.timeout)
            for lane in late:
                lane.cancel()
        await self.producer.stop()
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
                    _fail(taken, "the ingest API stopped before Kafka acknowledged")
                    raise
                except Exception as error:  # whatever it is, its records are not known to be in the log
                    _fail(taken, reason_of(error))
                else:
                    for _, _, pending in taken:
                        pending.acknowledge()
                finally:
                    self._in_flight -= len(taken)
        finally:
            self._lanes[partition] = None

    async def _send_some(self, partition: int, waiting: list[_PendingRecord], taken: list[_PendingRecord]) -> None:
        """Send one batch of what waits, moving it to `taken`; returns when it is acknowledged."""
        try:
            batch, now = self.producer.batch(), int(time.time() * 1000)
        except LogUnavailableError:
            taken += waiting
            waiting.clear()
            raise
        sent = 0
        for key, value, pending in waiting:
            # Nobody waits for what was cancelled.
            if not pending.done.done() and batch.append(timestamp=now, key=key, value=value) is None:
                break
            sent += 1
        taken += waiting[:sent]
        del waiting[:sent]
        if batch.record_count():
            await self.producer.send(batch, partition)

    def _lose_all(self, error: LogUnavailableError) -> None:
        for waiting in self._waiting:
            for _, _, pending in waiting:
                pending.fail(error)
            self._in_flight -= len(waiting)
            waiting.clear()


def _fail(taken: list[_PendingRecord], reason: str) -> None:
    for _, _, pending in taken:
        pending.fail(LogUnavailableError(reason))
