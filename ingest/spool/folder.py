"""The segments of one spool: a folder that one process holds, files in the order of their records, the last one open.

A segment is named by the number of its first record, so that the name of the next one says how many records it has.
After a start the process appends to a new segment; what the one before left is cut where it is torn, and never changed.
"""

import contextlib
import fcntl
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ingest.spool.files import AppendFile
from ingest.spool.frames import HEAD, encode_frame, scan

_log = logging.getLogger(__name__)

#: Bytes from which on a segment is full and the next one begins.
SEGMENT_BYTES = 16 * 2**20
#: Names of segments, and of those that cannot be read whole.
SUFFIX, DAMAGED = ".spool", ".damaged"


@dataclass(slots=True)
class SpoolSegment:
    """A file of records `first` to `after` - 1, of which `size` bytes are on the disk.

    `offsets` holds for each partition the greatest offset that the log may have acknowledged for one of its records.
    """

    path: Path
    first: int
    after: int
    size: int
    offsets: dict[int, int] = field(default_factory=dict)
    #: Places from which on it cannot be read.
    damages: set[int] = field(default_factory=set)


class SpoolFolder:
    """The spool in `path`, which is made where it is missing.

    Nothing here is safe for two threads at once, but for `write`, which one thread at a time may call.
    """

    def __init__(self, path: Path) -> None:
        """Hold the folder and read what is in it; raises OSError, BlockingIOError where another process holds it."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = path
        self._lock = _hold(path / "lock")
        try:
            self.segments = _read_segments(path)
        except BaseException:
            self._lock.close()
            raise
        self._file: AppendFile | None = None
        #: Accepted records that could not be read.
        self.lost = 0

    @property
    def size(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self.segments)

    @property
    def active(self) -> SpoolSegment | None:
        """The segment that is appended to."""
        return self.segments[-1] if self._file is not None else None

    def write(self, first: int, records: int, payload: Sequence[bytes]) -> None:
        """Returns when the disk has these records, which are numbered from `first` on; raises OSError.

        After an error the same numbers are given again, in a segment that begins with them: whatever of the failed
        records reached the disk is passed over then.
        """
        frame = encode_frame(first, records, payload)
        if self._file is not None and self._file.size + len(frame) > SEGMENT_BYTES + len(HEAD):
            self.seal()
        if self._file is None:
            self._file = AppendFile(self.path / f"{first:020d}{SUFFIX}", HEAD)
            self.segments.append(SpoolSegment(self._file.path, first, first, self._file.size))
        segment = self.segments[-1]
        try:
            self._file.append(frame)
        except OSError:
            self._file.cut()
            self.seal()
            raise
        segment.size, segment.after = self._file.size, first + records

    def probe(self) -> None:
        """Write as much as a small frame has, and take it back; raises OSError where that fails."""
        path = self.path / "probe"
        try:
            AppendFile(path, bytes(4096)).close()
        finally:
            path.unlink(missing_ok=True)

    def seal(self) -> None:
        """Append no more to the active segment; an empty one goes."""
        if self._file is None:
            return
        self._file.close()
        self._file = None
        if self.segments[-1].after == self.segments[-1].first:
            self.remove(self.segments[-1])

    def remove(self, segment: SpoolSegment) -> None:
        """Let a segment go; one with damage stays for whoever looks at it, under another name. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            if segment.damages:
                segment.path.replace(segment.path.with_suffix(DAMAGED))
            else:
                segment.path.unlink()
        with contextlib.suppress(ValueError):
            self.segments.remove(segment)

    def close(self) -> None:
        """Let the folder go."""
        self.seal()
        self._lock.close()


def _hold(path: Path) -> IO[bytes]:
    """The lock of a folder, held until it is closed; raises BlockingIOError where it is held already."""
    lock = path.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        lock.close()
        raise
    return lock


def _read_segments(path: Path) -> list[SpoolSegment]:
    found = sorted((int(each.stem), each) for each in path.glob(f"*{SUFFIX}") if each.stem.isdecimal())
    segments: list[SpoolSegment] = []
    for number, (first, file) in enumerate(found):
        if number + 1 < len(found):
            segments.append(SpoolSegment(file, first, found[number + 1][0], file.stat().st_size))
        elif last := _cut(file, first):
            segments.append(last)
    return segments


def _cut(file: Path, first: int) -> SpoolSegment | None:
    """The last segment without what is torn of it, None where it has no record."""
    data = file.read_bytes()
    found = scan(data)
    if not found.frames:
        if len(data) > len(HEAD):
            kept = file.replace(file.with_suffix(DAMAGED))
            _log.warning("the spool's file %s has no whole record: its %d bytes are kept as %s", file, len(data), kept)
        else:
            file.unlink()
        return None
    if found.good < len(data):
        _log.warning(
            "the spool's file %s was cut at byte %d of %d: what is behind was being written when the process ended",
            file,
            found.good,
            len(data),
        )
        os.truncate(file, found.good)
    return SpoolSegment(file, first, max(found.frames[-1].after, first), found.good)


def damage_line(segment: SpoolSegment, begin: int, end: int, records: int) -> str:
    """What to log where bytes `begin` to `end` of a segment cannot be read: `records` accepted ones are lost by it."""
    return (
        f"the spool's file {segment.path} is damaged from byte {begin} to {end}: {records} accepted events are lost; "
        f"what can be read is sent, and the file stays as {segment.path.with_suffix(DAMAGED).name}"
    )
