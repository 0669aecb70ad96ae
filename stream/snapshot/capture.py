"""A partition as it stands at one place of its log, taken in slices while its fold goes on.

A session that is about to change before its turn is packed at once, so all are of the same place. Pure.
"""

from array import array
from collections.abc import Iterator

from msgspec import Struct

from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.fold.session import Session
from stream.scored import FiredIntervention
from stream.snapshot.code_version import code_version
from stream.snapshot.packed_session import pack

#: Marks that a snapshot keeps, for the recovery that has to do without it.
MARKS = 32


class SnapshotHead(Struct, frozen=True, gc=False, array_like=True):
    """What a snapshot says beside its sessions; `here` is its place, `open` has for each clock the first offsets of
    its sessions, eight bytes each, in the order in which they were last kept open; `fired` has what interventions have
    fired in sessions, by their first offsets: a silence fires one without the session's having changed.
    """

    code: str
    log: str
    partition: int
    here: Mark
    marks: tuple[Mark, ...]
    refused: tuple[int, ...]
    open: tuple[tuple[str, bytes], ...]
    fired: tuple[tuple[int, tuple[FiredIntervention, ...]], ...]


class Capture:
    """The open sessions of a partition that have changed since an earlier place of it; None: all.

    `end` must be called, however it ends. What stands in `left_out` is of erased visitors.
    """

    def __init__(self, partition: Partition, since: Mark | None) -> None:
        self.here = partition.here()
        self.left_out: set[int] = set()
        self._partition = partition
        self._marks, self._refused = partition.marks(MARKS), tuple(partition.refused)
        self._open = {
            name: array("q", [session.first_offset for session in clock.open.values()])
            for name, clock in partition.clocks.items()
            if clock.open
        }
        self._fired = [
            (session.first_offset, session.fired)
            for clock in partition.clocks.values()
            for session in clock.open.values()
            if session.fired
        ]
        self._left = {session.first_offset: session for session in _changed(partition, since)}
        self._packed: list[tuple[int, bytes]] = []
        self._packed_bytes = 0
        partition.listener = self

    def before_change(self, session: Session) -> None:
        if self._left.pop(session.first_offset, None) is not None:
            self._pack(session)

    def slice(self, sessions: int, size: int) -> list[tuple[int, bytes]]:
        """The next sessions as bytes, by their first offsets: about so many, of about so many bytes."""
        while self._left and len(self._packed) < sessions and self._packed_bytes < size:
            self._pack(self._left.popitem()[1])
        found, self._packed, self._packed_bytes = self._packed, [], 0
        return found

    @property
    def done(self) -> bool:
        return not (self._left or self._packed)

    def head(self, left_out: set[int]) -> SnapshotHead:
        """The head of a snapshot of these sessions and earlier ones, without those that are `left_out`."""
        partition = self._partition
        offsets = self._open.items()
        if left_out:
            offsets = {
                name: array("q", [each for each in firsts if each not in left_out]) for name, firsts in offsets
            }.items()
        return SnapshotHead(
            code_version(),
            partition.log,
            partition.number,
            self.here,
            self._marks,
            self._refused,
            tuple((name, firsts.tobytes()) for name, firsts in offsets),
            tuple([each for each in self._fired if each[0] not in left_out]),
        )

    def end(self) -> None:
        if self._partition.listener is self:
            self._partition.listener = None

    def _pack(self, session: Session) -> None:
        if self._partition.is_erased(session):
            self.left_out.add(session.first_offset)
            return
        packed = pack(session)
        self._packed.append((session.first_offset, packed))
        self._packed_bytes += len(packed)


def _changed(partition: Partition, since: Mark | None) -> Iterator[Session]:
    """A session that opens or changes is the last of its clock then, and keeps the clock's time."""
    for name, clock in partition.clocks.items():
        sessions = reversed(clock.open.values())
        if since is None:
            yield from sessions
            continue
        then = since.clocks.get(name, 0)
        for session in sessions:
            # A clock that a partition had no room for begins again, if need be at an earlier time.
            if session.last_seen < then and session.first_offset < since.next:
                break
            yield session
