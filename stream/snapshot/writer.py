"""Writes snapshots of partitions while their folds go on, and knows the newest whole one of each."""

import asyncio
import logging
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

from stream.fold.mark import Mark, SnapshotPlace, with_snapshot
from stream.fold.partition import Partition
from stream.snapshot.capture import Capture
from stream.snapshot.chain import head_frame, records_of, session_frames
from stream.snapshot.store import SnapshotStore

log = logging.getLogger(__name__)

#: Recovery folds about so many records at most, or one for each open session where those are more: less than it costs
#: to read these.
RECORDS = 20_000
#: A snapshot is put off until the log has grown by a record for each so many bytes of the one before, so that snapshots
#: are at most about as large as the log.
BYTES_OF_RECORD = 500
#: Least time from one snapshot of a partition to the next, in seconds.
REST_SECONDS = 10.0
#: What is packed at a time, while the event loop waits: sessions, and bytes.
SLICE_SESSIONS, SLICE_BYTES = 64, 200_000
#: A chain ends when what changed has taken more than all sessions at its begin, and so many bytes; and after so long,
#: in seconds, for the topic keeps a record for a day.
CHANGED_BYTES, CHAIN_SECONDS = 1 << 20, 6 * 3_600.0


@dataclass(slots=True)
class _Chain:
    """What is written so far of a partition's chain."""

    name: str
    slot: int
    start: int
    begun: float
    records: int = 0
    #: Of its first snapshot, of all that followed, and of the newest.
    whole_bytes: int = 0
    changed_bytes: int = 0
    newest_bytes: int = 0
    #: The place of the newest snapshot; None before the first.
    since: Mark | None = None
    left_out: set[int] = field(default_factory=set)

    @property
    def is_long(self) -> bool:
        return self.changed_bytes > max(self.whole_bytes, CHANGED_BYTES) or monotonic() - self.begun > CHAIN_SECONDS


class SnapshotWriter:
    """The snapshots of the partitions of one process. A place is known when all of its records are acknowledged."""

    def __init__(self, store: SnapshotStore) -> None:
        self.store = store
        self._places: dict[int, SnapshotPlace] = {}
        self._chains: dict[int, _Chain] = {}
        self._tried: dict[int, float] = {}

    def adopt(self, number: int, place: SnapshotPlace | None) -> None:
        """Go on from what is committed of a partition; a snapshot after it begins another chain."""
        self._chains.pop(number, None)
        self._tried.pop(number, None)
        if place is None:
            self._places.pop(number, None)
        else:
            self._places[number] = place

    def newest(self, number: int) -> SnapshotPlace | None:
        """Where the partition's newest whole snapshot stands."""
        return self._places.get(number)

    def is_due(self, number: int, partition: Partition, partitions: int) -> bool:
        """Whether recovery would fold more than it need, were it of so many partitions."""
        mark, chain = with_snapshot(partition.recovery_mark(), self.newest(number)), self._chains.get(number)
        begin = mark.next if mark.snapshot is None else mark.snapshot.next
        newest_bytes = 0 if chain is None else chain.newest_bytes
        wanted = max(RECORDS // partitions, partition.open_sessions, newest_bytes // BYTES_OF_RECORD)
        return partition.next - begin >= wanted and monotonic() - self._tried.get(number, -REST_SECONDS) >= REST_SECONDS

    async def write(self, number: int, partition: Partition, decided: asyncio.Lock | None = None) -> None:
        """Write a snapshot of the partition as it stands now; records are folded meanwhile. `decided` is held while
        what is folded is not scored yet: what interventions fire is a part of the state.

        1 Sessions, of a new chain all, otherwise those that have changed. 2 The head. 3 The place is known, and the
        next commit names it. A crash before 3 leaves the place before in force: its records stand in this chain before
        those of now, or in the chain of the other slot.
        """
        self._tried[number] = monotonic()
        chain = self._chains.pop(number, None)
        if chain is None or chain.is_long:
            chain = await self._begun(number)
        async with decided or asyncio.Lock():
            capture, size = Capture(partition, chain.since), 0
        try:
            while not capture.done:
                size += await self._append(number, chain, session_frames(capture.slice(SLICE_SESSIONS, SLICE_BYTES)))
        finally:
            capture.end()
        chain.left_out |= capture.left_out
        size += await self._append(number, chain, head_frame(capture.head(chain.left_out)))
        if chain.since is None:
            chain.whole_bytes = size
        else:
            chain.changed_bytes += size
        chain.newest_bytes, chain.since = size, capture.here
        self._chains[number] = chain
        self._places[number] = SnapshotPlace(chain.name, chain.slot, chain.start, chain.records, capture.here.next)

    async def _begun(self, number: int) -> _Chain:
        known = self._places.get(number)
        start = await self.store.end(number)
        return _Chain(uuid4().hex[:16], 0 if known is None else 1 - known.slot, start, monotonic())

    async def _append(self, number: int, chain: _Chain, frames: bytes) -> int:
        records = list(records_of(frames, chain.name, chain.slot, chain.records))
        await self.store.append(number, records)
        chain.records += len(records)
        # A store that is a list never waits.
        await asyncio.sleep(0)
        return len(frames)
