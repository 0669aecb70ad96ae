"""Takes what a spool has to the log, in order, and lets go of it when the log or another store has it for good.

One task: a chunk of the spool goes to all its partitions at once, and the next one when each has acknowledged. So after
a kill at most one chunk is sent twice, and while Kafka is away everything waits, on the disk.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence

from ingest.outage import OutageLog, reason_of
from ingest.publish import LogUnavailableError, Record
from ingest.spool.appender import LogAppender
from ingest.spool.event_store import EventStore
from ingest.spool.folder import SpoolFolder, SpoolSegment
from ingest.spool.frames import SpooledRecord
from ingest.spool.position import DrainPosition, PositionFile
from ingest.spool.reader import SpoolChunk, SpoolReader
from ingest.spool.spool import Spool

_log = logging.getLogger(__name__)

#: Seconds between two looks at what may leave the spool, and at which life of the log this is.
LOOK = 1.0
#: Seconds after a failed attempt.
PAUSE = 0.2
#: Seconds without an acknowledgement from which on the log says so: a connection takes its time.
PATIENCE = 5.0
#: Seconds without a record after which a segment that nobody needs goes before it is full.
IDLE = 30.0


class Drain:
    """Drains `folder` into the log by `appender`; `store` says what is stored elsewhere.

    `spool` is what appends to the folder meanwhile, None where nothing does.
    """

    def __init__(
        self,
        folder: SpoolFolder,
        position: PositionFile,
        appender: LogAppender,
        store: EventStore,
        partitions: int,
        spool: Spool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._file = position
        self._position = position.read()
        self._appender = appender
        self._store = store
        self._partitions = partitions
        self._spool = spool
        self._clock = clock
        self._generation = ""
        self._reader = SpoolReader(folder)
        #: Of each partition the number of the last record that a store has already.
        self._stored: Mapping[int, int] = {}
        self._looked_at = self._written_at = clock()
        self._outage = OutageLog(_log, "Kafka takes events again: what waits in the spool is sent")
        self._level, self._stopping = asyncio.Event(), asyncio.Event()
        #: Set when the position has changed.
        self._moved = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    @property
    def next(self) -> int:
        """The number of the first record that the log has not acknowledged, as far as is known."""
        return self._position.next

    @property
    def waiting(self) -> int:
        """Records that the log has not acknowledged."""
        segments = tuple(self.folder.segments)
        return max(segments[-1].after - max(self._position.next, segments[0].first), 0) if segments else 0

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def stop(self, seconds: float) -> None:
        """Drain what is there for up to so many seconds, then end; the rest stays on the disk. Safe to call twice."""
        if self._running is None:
            return
        self._level.clear()
        self._wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._level.wait()
        self._stopping.set()
        self._moved.set()
        self._wake()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE * 5):
                await asyncio.shield(self._running)
        self._running.cancel()
        await asyncio.wait([self._running])
        self._running = None
        self._release()
        self._file.close()

    async def acknowledged(self, after: int, seconds: float) -> None:
        """Returns when the log has acknowledged every record with a number below `after`.

        Raises LogUnavailableError when it has not within so many seconds, or we stop: the spool sends them later.
        """
        try:
            async with asyncio.timeout(seconds):
                while self._position.next < after:
                    if self._stopping.is_set():
                        raise LogUnavailableError("the ingest API stopped before Kafka acknowledged")
                    self._moved.clear()
                    await self._moved.wait()
        except TimeoutError:
            raise LogUnavailableError(
                f"Kafka has not acknowledged within {seconds:g} s (ingest.publish_timeout_ms)"
            ) from None

    def _wake(self) -> None:
        if self._spool is not None:
            self._spool.written.set()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                drained = await self.drain_some()
            except LogUnavailableError as away:
                self._outage.failed(f"what the log has cannot be read, so the spool waits: {away.reason}")
                await self._pause(PAUSE)
            except Exception as error:
                self._outage.failed(f"the spool in {self.folder.path} cannot be drained: {reason_of(error)}")
                await self._pause(LOOK)
            else:
                if not self.waiting:
                    self._level.set()
                if not drained:
                    await self._wait()

    async def drain_some(self) -> bool:
        """Take one chunk to the log, for as long as it takes; whether there was one.

        1 Where the log begins another life, go back to what it does not have. 2 Read a chunk. 3 Append it to its
        partitions, until each has acknowledged. 4 Note what is acknowledged, so that no kill from here on sends it
        again. 5 Let go of segments that nobody needs. Raises LogUnavailableError where 1 cannot be known yet, OSError.
        """
        generation = self._store.generation()
        if not generation:
            return False
        if generation != self._generation:
            await self._begin(generation)
        chunk = await asyncio.to_thread(self._reader.read)
        if chunk is None:
            self._release()
            return False
        if not await self._append(chunk):
            # Not acknowledged by all: read again.
            self._reader = SpoolReader(self.folder, self._position.next)
            return True
        self._written_at = self._clock()
        if self._clock() - self._looked_at >= LOOK:
            self._release()
        return True

    async def _begin(self, generation: str) -> None:
        """Find where to go on in this life of the log."""
        segments = self.folder.segments
        if self._position.generation == generation:
            for segment in segments:
                if segment.first < self._position.next:
                    segment.offsets = dict(self._position.offsets)
            self._stored = {}
        else:
            tails = {number: await self._store.stored_tail(number) for number in range(self._partitions)}
            wanted = {number: tail for number, tail in tails.items() if tail is not None}
            self._stored = await asyncio.to_thread(_last_stored, self.folder, wanted) if wanted else {}
            for segment in segments:
                segment.offsets = {}
            self._position = DrainPosition(generation, segments[0].first if segments else self._position.next)
        self._generation = generation
        self._reader = SpoolReader(self.folder, self._position.next)

    async def _append(self, chunk: SpoolChunk) -> bool:
        """Whether every partition has acknowledged its records of the chunk, in this life of the log."""
        by_partition: dict[int, list[SpooledRecord]] = {}
        for number, record in chunk.numbered:
            if number > self._stored.get(record.partition, -1):
                by_partition.setdefault(record.partition, []).append(record)
        if not by_partition:
            offsets: list[int | None] = []
        elif len(by_partition) == 1:
            offsets = [await self._append_until_done(*next(iter(by_partition.items())))]
        else:
            sends = (self._append_until_done(partition, records) for partition, records in by_partition.items())
            offsets = await asyncio.gather(*sends)
        acknowledged = {
            partition: offset for partition, offset in zip(by_partition, offsets, strict=True) if offset is not None
        }
        if len(acknowledged) < len(by_partition):
            return False
        _raise_offsets(chunk.segment.offsets, acknowledged)
        known = dict(self._position.offsets)
        _raise_offsets(known, acknowledged)
        self._position = DrainPosition(self._generation, chunk.after, known)
        self._moved.set()
        self._file.write(self._position)
        return True

    async def _append_until_done(self, partition: int, records: Sequence[SpooledRecord]) -> int | None:
        """The offset of the last record; None where the log ends before it has them, or we do."""
        began = self._clock()
        while not self._stopping.is_set() and self._store.generation() == self._generation:
            try:
                offset = await self._appender.append(partition, records)
            except LogUnavailableError as away:
                if self._clock() - began > PATIENCE:
                    self._outage.failed(f"Kafka takes no events, so they wait in the spool: {away.reason}")
                await self._pause(PAUSE)
            else:
                if self._outage.away:
                    self._outage.answered()
                return offset
        return None

    def _release(self) -> None:
        """Let go of what is safe without the spool, oldest first."""
        self._looked_at = self._clock()
        if self._spool is not None and not self._spool.is_writing and self._clock() - self._written_at >= IDLE:
            last = self.folder.segments[-1:]
            if last and self._is_safe(last[0]):
                self.folder.seal()
        active = self.folder.active
        for segment in tuple(self.folder.segments):
            if segment is active or not self._is_safe(segment):
                return
            self.folder.remove(segment)

    def _is_safe(self, segment: SpoolSegment) -> bool:
        if segment.after > self._position.next or self._position.generation != self._store.generation():
            return False
        return all(self._store.settled(partition) > offset for partition, offset in segment.offsets.items())

    async def _wait(self) -> None:
        """Until there is more, or it is time to look again."""
        if self._spool is None:
            await self._pause(LOOK)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await self._spool.written.wait()
        self._spool.written.clear()

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _raise_offsets(offsets: dict[int, int], acknowledged: Mapping[int, int]) -> None:
    for partition, offset in acknowledged.items():
        offsets[partition] = max(offset, offsets.get(partition, -1))


def _last_stored(folder: SpoolFolder, tails: Mapping[int, Record]) -> dict[int, int]:
    """Of each partition the number of the record that is the tail of what is stored; none where it is not here.

    The first of several that are equal: what is sent again counts once, what is not sent is lost.
    """
    found: dict[int, int] = {}
    reader = SpoolReader(folder)
    while len(found) < len(tails) and (chunk := reader.read()) is not None:
        for number, record in chunk.numbered:
            if record.partition not in found and tails.get(record.partition) == (record.key, record.value):
                found[record.partition] = number
    return found
