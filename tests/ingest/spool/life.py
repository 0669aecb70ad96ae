"""A spool that is killed: its folder, the log that it is drained into, and what was accepted meanwhile."""

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ingest.publish import Record
from ingest.spool.appender import ListAppender
from ingest.spool.drain import Drain
from ingest.spool.event_store import DurableLog, EventStore, ListEventStore
from ingest.spool.folder import SpoolFolder
from ingest.spool.frames import SpooledRecord, encode_frame, encode_records
from ingest.spool.position import PositionFile
from ingest.spool.spool import Spool

PARTITIONS = 3


class CrashError(Exception):
    """The process dies here."""


class CrashingAppender(ListAppender):
    """A log that takes `taken` records of the next append, and then the process dies; None: all goes well."""

    taken: int | None = None

    async def append(self, partition: int, records: Sequence[SpooledRecord]) -> int:
        if self.taken is None:
            return await super().append(partition, records)
        self.partitions[partition] += records[: self.taken]
        raise CrashError


class SpoolLife:
    """Processes that follow each other on one folder; `accepted` is what was answered with 202."""

    def __init__(self, store: EventStore | None = None, most_bytes: int = 2**30) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="spool-"))
        self.log = CrashingAppender(PARTITIONS)
        self.store = store or DurableLog()
        self.accepted: list[SpooledRecord] = []
        self.most_bytes = most_bytes
        self._made = 0
        self.begin()

    def begin(self) -> None:
        """A process starts."""
        self.folder = SpoolFolder(self.path)
        position = PositionFile(self.path / "position")
        segments = self.folder.segments
        first = max(segments[-1].after if segments else 0, position.read().next)
        self.spool = Spool(self.folder, first, most_bytes=self.most_bytes, max_in_flight=10_000)
        self.drain = Drain(self.folder, position, self.log, self.store, PARTITIONS, self.spool)

    def records(self, partitions: Sequence[int]) -> list[SpooledRecord]:
        """New records of these partitions."""
        made = [
            SpooledRecord(partition, self._made + number, b"k%d" % partition, b"%d" % (self._made + number))
            for number, partition in enumerate(partitions)
        ]
        self._made += len(made)
        return made

    async def accept(self, partitions: Sequence[int]) -> None:
        made = self.records(partitions)
        await self.spool.append(made)
        self.accepted += made

    async def crash(self, taken: int) -> int:
        """The process dies as each partition has so many records of a chunk; how many the log may get twice."""
        before, self.log.taken = sum(map(len, self.log.partitions)), taken
        with contextlib.suppress(CrashError):
            await self.drain.drain_some()
        # Nothing goes on in a process that is dead.
        await asyncio.sleep(0)
        self.log.taken = None
        self.kill()
        self.begin()
        return sum(map(len, self.log.partitions)) - before

    async def drain_all(self) -> None:
        while await self.drain.drain_some():
            pass

    def kill(self, torn: int = 0) -> None:
        """The process ends as it writes a frame, of which `torn` bytes reach the disk."""
        frame = encode_frame(self.spool.next, 2, [encode_records(self.records([0, 1]))])
        files = sorted(self.path.glob("*.spool"))
        if self.folder.active is not None and torn:
            with files[-1].open("ab") as file:
                file.write(frame[: min(torn, len(frame) - 1)])
        self.folder._file = None
        self.folder._lock.close()
        self.drain._file.close()
        self.spool._thread.shutdown()

    def end(self) -> None:
        self.kill()
        shutil.rmtree(self.path)

    def of(self, partition: int) -> list[SpooledRecord]:
        return [record for record in self.accepted if record.partition == partition]

    def doubled(self) -> int:
        return sum(len(log) - len(set(log)) for log in self.log.partitions)

    def check(self) -> None:
        """Each accepted record is in the log, and what is there for the first time is there in order."""
        for number, log in enumerate(self.log.partitions):
            assert list(dict.fromkeys(log)) == self.of(number)


def store_up_to(life: SpoolLife, store: ListEventStore, offsets: Sequence[int]) -> None:
    """The store has the log up to these offsets."""
    for number, (log, offset) in enumerate(zip(life.log.partitions, offsets, strict=True)):
        store.offsets[number] = offset
        store.tails[number] = _pair(log[offset - 1]) if offset else None


def _pair(record: SpooledRecord) -> Record:
    return record.key, record.value
