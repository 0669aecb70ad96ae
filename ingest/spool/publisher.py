"""A Publisher that accepts on this machine's disk: the spool takes records, drains bring them to the log behind it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

from ingest.outage import reason_of
from ingest.partition import partition_of
from ingest.producer import LogProducer
from ingest.publish import LogUnavailableError, Record
from ingest.spool.appender import KafkaAppender
from ingest.spool.drain import Drain
from ingest.spool.event_store import EventStore
from ingest.spool.folder import SpoolFolder
from ingest.spool.frames import SpooledRecord
from ingest.spool.position import POSITION, PositionFile
from ingest.spool.spool import Spool

_log = logging.getLogger(__name__)

#: Seconds between two looks for spools that other processes have left.
ADOPT_EVERY = 10.0


class SpoolPublisher:
    """Keeps records in a folder of its own below `root`, up to `most_bytes`, until `producer` has them in the log.

    What processes that are gone left in folders beside it is drained as well. `store` says what the log keeps.
    """

    def __init__(
        self,
        root: Path,
        producer: LogProducer,
        partitions: int,
        store: EventStore,
        *,
        most_bytes: int,
        max_in_flight: int,
    ) -> None:
        """Hold a folder; raises OSError."""
        self._root = root
        self.producer = producer
        self._partitions = partitions
        self._store = store
        self._appender = KafkaAppender(producer)
        self._adopted: list[Drain] = []
        self._adopting: asyncio.Task[None] | None = None
        self._folder = _own_folder(root)
        position = PositionFile(self._folder.path / POSITION)
        segments = self._folder.segments
        first = max(segments[-1].after if segments else 0, position.read().next)
        self.spool = Spool(self._folder, first, most_bytes=most_bytes, max_in_flight=max_in_flight)
        self._drain = Drain(self._folder, position, self._appender, store, partitions, self.spool)

    @property
    def in_flight(self) -> int:
        """Records that wait for the disk."""
        return self.spool.in_flight

    @property
    def clock_ahead_ms(self) -> int:
        return self.producer.clock_ahead_ms

    @property
    def waiting(self) -> int:
        """Accepted records that the log has not acknowledged."""
        return sum(drain.waiting for drain in self._drains)

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(drain.folder.size for drain in self._drains)

    @property
    def lost(self) -> int:
        """Accepted records that the disk has damaged."""
        return sum(drain.folder.lost for drain in self._drains)

    @property
    def _drains(self) -> list[Drain]:
        return [self._drain, *self._adopted]

    def start(self) -> None:
        """Begins to connect and to drain; records are taken at once."""
        self.producer.start()
        self._drain.start()
        self._adopting = asyncio.create_task(self._adopt())

    async def publish(self, records: Sequence[Record], *, in_log: bool = False) -> None:
        """Returns when the disk has all of them, or the log; raises LogUnavailableError when that is not known."""
        if not records:
            return
        # The sender comes again: no copy of the same records in the spool for each attempt.
        if in_log and not self.producer.is_connected:
            raise LogUnavailableError(self.producer.trouble)
        if in_log and not self._store.generation():
            raise LogUnavailableError("another broker takes over: send the same again")
        now, partitions = int(time.time() * 1000), self._partitions
        after = await self.spool.append(
            [SpooledRecord(partition_of(key, partitions), now, key, value) for key, value in records]
        )
        if in_log:
            await self._drain.acknowledged(after, self.producer.timeout)

    async def check(self) -> None:
        """Raises LogUnavailableError when no record can be taken. Kafka away is no reason, as long as there is room."""
        await self.spool.check()

    async def stop(self) -> None:
        """In this order, each with an end: take no more, drain what is there, close the connection, let go."""
        await self.spool.stop()
        if self._adopting is not None:
            self._adopting.cancel()
            await asyncio.wait([self._adopting])
            self._adopting = None
        # Without a connection nothing drains: what is on the disk is sent after the next start.
        seconds = self.producer.timeout if self.producer.is_connected else 0.0
        await asyncio.gather(*(drain.stop(seconds) for drain in self._drains))
        await self.producer.stop()
        for drain in self._drains:
            drain.folder.close()
        self._adopted.clear()

    async def _adopt(self) -> None:
        """Drain what other processes left, now and whenever one ends."""
        while True:
            try:
                await self._look_for_left()
            except OSError as error:
                _log.error("spools that others left in %s cannot be looked for: %s", self._root, reason_of(error))
            await asyncio.sleep(ADOPT_EVERY)

    async def _look_for_left(self) -> None:
        for drain in tuple(self._adopted):
            if not drain.folder.segments:
                await drain.stop(0)
                drain.folder.close()
                self._adopted.remove(drain)
        held = {drain.folder.path for drain in self._drains}
        for folder in await asyncio.to_thread(_left_folders, self._root, held):
            position = PositionFile(folder.path / POSITION)
            drain = Drain(folder, position, self._appender, self._store, self._partitions)
            drain.start()
            self._adopted.append(drain)
            _log.info("%d events that another process left in %s are sent", drain.waiting, folder.path)


def _own_folder(root: Path) -> SpoolFolder:
    """The first folder that nobody holds; raises OSError."""
    number = 0
    while True:
        with contextlib.suppress(BlockingIOError):
            return SpoolFolder(root / str(number))
        number += 1


def _left_folders(root: Path, held: set[Path]) -> list[SpoolFolder]:
    """The folders with segments that no process holds, held now."""
    found: list[SpoolFolder] = []
    for path in sorted(root.iterdir()):
        if path in held or not path.name.isdecimal():
            continue
        try:
            folder = SpoolFolder(path)
        except BlockingIOError:
            continue
        except OSError as error:
            _log.error("the spool in %s cannot be read: %s", path, reason_of(error))
            continue
        if folder.segments:
            found.append(folder)
        else:
            folder.close()
    return found
