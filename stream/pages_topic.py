"""The `page-stats` topic: following it into PageStatistics, and adding a version to it."""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.pages import PageRow, PagesMarker, PageStatistics, decode, encode

log = logging.getLogger(__name__)


class PagesMissingError(Exception):
    """The log names page statistics that the topic does not have; the message says what to do."""


class PagesFollower:
    """Reads `page-stats` from its start for as long as it runs; `reached` waits for a version."""

    def __init__(self, options: Mapping[str, Any], topic: str, statistics: PageStatistics, timeout: float) -> None:
        self._options = options
        self._partition = TopicPartition(topic, 0)
        self._statistics = statistics
        self._timeout = timeout
        self._moved = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._next = 0

    async def start(self) -> None:
        self._consumer = AIOKafkaConsumer(**self._options, enable_auto_commit=False, auto_offset_reset="earliest")
        await self._consumer.start()
        self._consumer.assign([self._partition])
        await self._consumer.seek_to_beginning(self._partition)
        self._task = asyncio.create_task(self._follow(self._consumer))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._task
        if self._consumer is not None:
            await self._consumer.stop()

    async def caught_up(self) -> None:
        """Return when everything that the topic held at the call has been read; raises PagesMissingError."""
        assert self._consumer is not None  # noqa: S101 - started
        end = (await self._consumer.end_offsets([self._partition]))[self._partition]
        try:
            async with asyncio.timeout(self._timeout):
                async with self._moved:
                    await self._moved.wait_for(lambda: self._next >= end or self._failed())
        except TimeoutError:
            raise PagesMissingError(
                f"{self._partition.topic} gave nothing after {self._next} of {end} records for {self._timeout:.0f} s: "
                "see kafka.bootstrap"
            ) from None
        await self._raise_failure()

    async def reached(self, version: int) -> None:
        """Return when `version` has been read; raises PagesMissingError when reading ends before it."""
        known = self._statistics
        while known.version < version and not self._failed():
            before = known.records
            async with self._moved:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._timeout):
                        await self._moved.wait()
            if known.records == before and known.version < version and not self._failed():
                raise PagesMissingError(
                    f"the log uses page statistics version {version}, and {self._partition.topic} gave nothing after "
                    f"version {known.version} for {self._timeout:.0f} s: where Kafka is well, the topic was made anew; "
                    "import or refresh the statistics again"
                )
        await self._raise_failure()

    async def _raise_failure(self) -> None:
        if self._failed():
            assert self._task is not None  # noqa: S101 - it failed
            await self._task

    def _failed(self) -> bool:
        return self._task is not None and self._task.done()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                fetched = await consumer.getmany(timeout_ms=1_000)
                for records in fetched.values():
                    for record in records:
                        self._read(record.offset, record.value)
                        self._next = record.offset + 1
                if fetched:
                    async with self._moved:
                        self._moved.notify_all()
        finally:
            async with self._moved:
                self._moved.notify_all()

    def _read(self, offset: int, value: bytes) -> None:
        try:
            self._statistics.read(offset, decode(value))
        except (msgspec.DecodeError, RecursionError) as error:
            log.error("%s has a record at %d that is none and is left out: %s", self._partition.topic, offset, error)


async def add_version(producer: AIOKafkaProducer, topic: str, rows: Iterable[PageRow]) -> int:
    """Write rows and their marker, all acknowledged; returns the new version. Batch names of the rows are replaced."""
    batch = uuid4().hex
    written = {(row.site, row.path): msgspec.structs.replace(row, batch=batch) for row in rows}
    pending = []
    for row in written.values():
        pending.append(await producer.send(topic, encode(row), partition=0))
        if len(pending) >= 5_000:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)
    marker = await producer.send_and_wait(topic, encode(PagesMarker(batch, len(written))), partition=0)
    return int(marker.offset)
