"""A producer of the `events` log that stays connected: a batch is sent once, and what comes of it is known in time.

Takes its clients from whoever makes Kafka clients. aiokafka's `send` can wait for ever when Kafka is away, so each wait
of ours has an end; after a failed batch the producer is created again, because an idempotent one must not go on with a
gap.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any, Protocol

from ingest.outage import KAFKA_AWAY, reason_of
from ingest.publish import LogUnavailableError

_log = logging.getLogger(__name__)

#: Bytes of one batch: well below the broker's own limit for a message set (1 MB).
MAX_BATCH_BYTES = 512 * 1024
CHECK_SECONDS = 2.0
#: Kafka's number for a timestamp that the broker set itself.
LOG_APPEND_TIME = 1
#: aiokafka ends each of its own attempts by the request time-out; this stands behind it.
CONNECT_SECONDS = 15.0
#: How long a comparison of clocks is believed, in seconds.
CLOCK_SECONDS = 300.0
#: Between two attempts to reach Kafka, in seconds.
FIRST_PAUSE, LAST_PAUSE = 0.1, 2.0
_STOPPING = "the ingest API is stopping"


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


class LogProducer:
    """Sends batches to `topic`; `start` returns at once and the connection is made, and made again, behind it.

    The topic must have `partitions` partitions: with another number, keys would move. timeout_ms: how long a batch may
    wait for its acknowledgement.
    """

    def __init__(self, clients: ProducerClients, topic: str, partitions: int, timeout_ms: int) -> None:
        # aiokafka gives up on a batch after the request time-out; our own time-out stands behind it.
        self._clients = clients.within(min(int(clients.options.get("request_timeout_ms", timeout_ms)), timeout_ms))
        self._topic = topic
        self._partitions = partitions
        self.timeout = timeout_ms / 1000
        self._producer: Any = None
        self._sending = 0
        self._clock_ahead_ms, self._compared_at = 0, -CLOCK_SECONDS
        #: Why there is no connection, or why the last one ended.
        self.trouble = "not connected to Kafka yet"
        self._broken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None

    @property
    def is_connected(self) -> bool:
        return self._producer is not None

    @property
    def clock_ahead_ms(self) -> int:
        """How far this machine's clock is ahead of the log's, as far as acknowledgements tell; negative: behind."""
        return self._clock_ahead_ms if time.monotonic() - self._compared_at < CLOCK_SECONDS else 0

    def start(self) -> None:
        """Begins to connect; until that has worked, `batch` and `check` raise LogUnavailableError."""
        self._connecting = asyncio.create_task(self._keep_connected())

    async def check(self) -> None:
        """Raises LogUnavailableError when the log cannot be written to."""
        producer = self._producer
        if producer is None:
            raise LogUnavailableError(self.trouble)
        reached = False
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CHECK_SECONDS):
                reached = await producer.client.force_metadata_update()
        if not reached:
            raise LogUnavailableError(f"Kafka at {self._clients.bootstrap} does not answer")

    def batch(self) -> Any:
        """A batch to fill (aiokafka's BatchBuilder) and to send without a pause; raises LogUnavailableError."""
        if self._producer is None:
            raise LogUnavailableError(self.trouble)
        return self._producer.create_batch()

    async def send(self, batch: Any, partition: int) -> int:
        """The offset of the batch's first record, once every in-sync replica has all of it.

        Raises LogUnavailableError when that is not known; the connection is then made again.
        """
        producer = self._producer
        if producer is None:
            raise LogUnavailableError(self.trouble)
        batch.close()
        self._sending += 1
        try:
            return await self._sent(producer, batch, partition)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever it is, its records are not known to be in the log
            reason = (
                error.reason if isinstance(error, LogUnavailableError) else f"Kafka did not take it: {reason_of(error)}"
            )
            self._disconnect(producer, reason)
            raise LogUnavailableError(reason) from error
        finally:
            self._sending -= 1

    async def stop(self) -> None:
        """Close the connection, within the time-out."""
        self._stopping.set()
        if self._connecting is not None:
            self._broken.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.timeout):
                    await self._connecting
            self._connecting = None

    async def _sent(self, producer: Any, batch: Any, partition: int) -> int:
        now, deadline = int(time.time() * 1000), asyncio.get_running_loop().time() + self.timeout
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
        acknowledged = sending.result()
        self._compare_clocks(acknowledged, now)
        return int(acknowledged.offset)

    def _compare_clocks(self, acknowledged: Any, sent_at: int) -> None:
        """Compare this machine's clock with the log's, which appended between `sent_at` and now (ms)."""
        if acknowledged.timestamp_type != LOG_APPEND_TIME:
            return
        appended_at, now = acknowledged.timestamp, int(time.time() * 1000)
        self._clock_ahead_ms = max(sent_at - appended_at, 0) or min(now - appended_at, 0)
        self._compared_at = time.monotonic()

    def _late(self) -> LogUnavailableError:
        waited = f"{self.timeout:g} s (ingest.publish_timeout_ms)"
        return LogUnavailableError(f"Kafka did not acknowledge within {waited}")

    def _disconnect(self, producer: Any, reason: str) -> None:
        if self._producer is producer:
            self.trouble = reason
            self._producer = None
            self._broken.set()

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
                self.trouble = error.reason if isinstance(error, LogUnavailableError) else self._not_reached(error)
                if self.trouble != reported:
                    reached = isinstance(error, LogUnavailableError)
                    _log.error("%s", self.trouble, extra=None if reached else KAFKA_AWAY)
                    reported = self.trouble
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
                _log.error("%s; connecting to Kafka again", self.trouble, extra=KAFKA_AWAY)
            await self._close(producer)
        self.trouble = _STOPPING

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
        await self._clients.close(producer, self.timeout if self._sending else CHECK_SECONDS)
