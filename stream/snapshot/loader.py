"""Reads the snapshot that a committed mark names, and makes the partition of it; or says why that cannot be."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

import msgspec

from stream.fold.mark import Mark, SnapshotPlace
from stream.fold.partition import Partition
from stream.fold.session import Session
from stream.snapshot.capture import SnapshotHead
from stream.snapshot.chain import ChainReader, Snapshot, SnapshotError
from stream.snapshot.code_version import code_version
from stream.snapshot.packed_session import SessionUnpacker
from stream.snapshot.store import SnapshotStore

log = logging.getLogger(__name__)

#: How long the event loop may be kept from everything else, in seconds; looked at every so many sessions.
YIELD_SECONDS, YIELD_SESSIONS = 0.02, 64
#: How long reading may take, in seconds; after that the log is folded instead.
READ_SECONDS = 30.0


async def load(
    store: SnapshotStore,
    number: int,
    mark: Mark,
    make: Callable[[Mark], Awaitable[Partition]],
) -> Partition | None:
    """The partition as the snapshot that the mark names has it; None, with a line in the log, where it is no good.

    It is a cache: whatever is wrong with it, the log has the truth, so no error of reading it may end a recovery.
    """
    place = mark.snapshot
    if place is None:
        return None
    began = monotonic()
    try:
        async with asyncio.timeout(READ_SECONDS):
            found = await _read(store, number, place)
        partition = await make(_begin(found.head, mark))
        check(found.head, place, partition)
        unpacked = await _unpacked(found, partition)
        partition.resume(unpacked, found.head.marks)
    except Exception as error:
        why = str(error) or type(error).__name__
        log.warning("partition %d: its snapshot cannot be used, so the log is folded from %d: %s",
                    number, mark.next, why)  # fmt: skip
        return None
    log.info("partition %d: %d open sessions from a snapshot at %d in %.1f s",
             number, partition.open_sessions, place.next, monotonic() - began)  # fmt: skip
    return partition


def _begin(head: SnapshotHead, mark: Mark) -> Mark:
    """The snapshot's place; what was refused before it, and what the committed fold has refused after it."""
    return msgspec.structs.replace(head.here, refused=tuple(dict.fromkeys((*head.refused, *mark.refused))))


def check(head: SnapshotHead, place: SnapshotPlace, partition: Partition) -> None:
    """Raises SnapshotError unless this is the snapshot of that place, of this partition and by this code."""
    if head.code != code_version():
        raise SnapshotError("another version of the code made it")
    if (head.log, head.partition, head.here.next) != (partition.log, partition.number, place.next):
        raise SnapshotError("it is of another partition or place")


async def _read(store: SnapshotStore, number: int, place: SnapshotPlace) -> Snapshot:
    reader = ChainReader(place.chain, place.records)

    def take(value: bytes | None) -> bool:
        reader.take(value)
        return reader.complete

    await store.read(number, place.start, take)
    return reader.snapshot()


async def _unpacked(found: Snapshot, partition: Partition) -> list[tuple[str, Session]]:
    unpacker, fired = SessionUnpacker(partition.calendar_of), dict(found.head.fired)
    sessions: list[tuple[str, Session]] = []
    yielded = monotonic()
    for clock, packed_offsets in found.head.open:
        for first_offset in memoryview(packed_offsets).cast("q"):
            packed = found.sessions.get(first_offset)
            if packed is None:
                raise SnapshotError(f"the session that began at {first_offset} is missing")
            session = unpacker.unpack(packed)
            session.fired = fired.get(first_offset, ())
            if not partition.is_erased(session):
                sessions.append((clock, session))
            if len(sessions) % YIELD_SESSIONS == 0 and monotonic() - yielded >= YIELD_SECONDS:
                await asyncio.sleep(0)
                yielded = monotonic()
    return sessions
