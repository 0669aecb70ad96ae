"""Follows a topic of one partition from its start into memory, and says when it has been read far enough.

What the records mean is given: whoever folds waits here for the versions that the log names.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.errors import StreamError
from stream.kafka.clients import CLOSE_SECONDS, KafkaClients, close, settled, start, with_timeout
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Where the broker wakes no fetch: how long a look takes, in ms, and the seconds until the next one if it gave nothing
#: and nobody waits for the topic.
LOOK_MS, REST_SECONDS = 50, 6.0


class TopicMissingError(StreamError):
    """The log names what the topic does not have, or the topic is not read; the message says what to do."""


class TopicSnapshot(Protocol):
    """What is read so far: `version` is the newest that is whole, `records` grows with every record."""

    @property
    def version(self) -> int: ...
    @property
    def records(self) -> int: ...
    def take(self, offset: int, value: bytes) -> None:
        """Take the record at `offset`; raises msgspec.DecodeError for what cannot be decoded, which is left out, and
        StreamError for what nobody may go on without."""


class TopicFollower:
    """Reads the topic for as long as it runs; `reached` waits for a version.

    `what` is what the topic keeps, and `remedy` what to do where a version is not there, both for messages; `timeout`
    is in seconds. `start` is the offset from which to read, where `known` has what stands before it.
    """

    def __init__(
        self,
        clients: KafkaClients,
        topic: str,
        known: TopicSnapshot,
        timeout: float,
        *,
        what: str,
        remedy: str,
        start: int = 0,
    ) -> None:
        self._clients = clients
        self._partition = TopicPartition(topic, 0)
        self._known = known
        self._timeout = timeout
        self._what, self._remedy = what, remedy
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._next = start
        #: How many wait for the topic, and the event that says that there is one.
        self._waiting, self._wanted = 0, asyncio.Event()

    @property
    def next(self) -> int:
        """The offset that is read next."""
        return self._next

    async def start(self) -> None:
        rests = self._clients.idle_fetch_wait_ms
        self._consumer = self._clients.consumer(**({"fetch_max_wait_ms": self._clients.fetch_wait_ms} if rests else {}))
        await start(self._consumer)
        self._consumer.assign([self._partition])
        if self._next:
            end = (await with_timeout(self._consumer.end_offsets([self._partition])))[self._partition]
            if end < self._next:
                raise TopicMissingError(
                    f"{self._partition.topic} ends at {end} and was read up to {self._next}: it was created again; "
                    f"{self._remedy}"
                )
            self._consumer.seek(self._partition, self._next)
        else:
            await self._consumer.seek_to_beginning(self._partition)
        self._task = asyncio.create_task(self._follow(self._consumer))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await settled(self._task, CLOSE_SECONDS)
        if self._consumer is not None:
            await close(self._consumer)

    async def ended(self) -> None:
        """Return when nothing is read any more; raises what ended it, TopicMissingError or KafkaError."""
        assert self._task is not None  # noqa: S101 - started
        await asyncio.shield(self._task)

    async def caught_up(self) -> None:
        """Return when everything that the topic held at the call has been read; raises TopicMissingError."""
        assert self._consumer is not None  # noqa: S101 - started
        end = (await with_timeout(self._consumer.end_offsets([self._partition])))[self._partition]
        try:
            async with asyncio.timeout(self._timeout):
                with self._awake():
                    async with self._moved:
                        await self._moved.wait_for(lambda: self._next >= end or self._failed())
        except TimeoutError:
            raise TopicMissingError(
                f"{self._partition.topic} gave nothing after {self._next} of {end} records for {self._timeout:.0f} s: "
                "see kafka.bootstrap"
            ) from None
        await self._raise_failure()

    async def reached(self, version: int) -> None:
        """Return when `version` has been read; raises TopicMissingError when reading ends before it."""
        known = self._known
        while known.version < version and not self._failed():
            before = known.records
            with self._awake():
                async with self._moved:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._timeout):
                            await self._moved.wait()
            if known.records == before and known.version < version and not self._failed():
                raise TopicMissingError(
                    f"the log uses {self._what} version {version}, and {self._partition.topic} gave nothing after "
                    f"version {known.version} for {self._timeout:.0f} s: if Kafka answers, the topic is a new one; "
                    f"{self._remedy}"
                )
        await self._raise_failure()

    @contextlib.contextmanager
    def _awake(self) -> Iterator[None]:
        """Let the follower look at once, and not rest meanwhile."""
        self._waiting += 1
        self._wanted.set()
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._wanted.clear()

    async def _raise_failure(self) -> None:
        if self._failed():
            assert self._task is not None  # noqa: S101 - it failed
            await self._task

    def _failed(self) -> bool:
        return self._task is not None and self._task.done()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        rests = self._clients.idle_fetch_wait_ms > 0
        try:
            while True:
                fetched = await consumer.getmany(timeout_ms=LOOK_MS if rests else 1_000)
                for records in fetched.values():
                    for record in records:
                        self._read(record.offset, record.value)
                        self._next = record.offset + 1
                if fetched:
                    async with self._moved:
                        self._moved.notify_all()
                elif rests:
                    consumer.pause(self._partition)
                    await wait_for_event(self._wanted, REST_SECONDS)
                    consumer.resume(self._partition)
        finally:
            async with self._moved:
                self._moved.notify_all()

    def _read(self, offset: int, value: bytes) -> None:
        try:
            self._known.take(offset, value)
        except (msgspec.DecodeError, RecursionError) as error:
            log.error("%s: the record at %d cannot be read and is left out: %s", self._partition.topic, offset, error)
        except StreamError as error:
            raise TopicMissingError(f"{self._partition.topic}: {error}") from error
