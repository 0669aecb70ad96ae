"""Reads the records of a spool's segments in order, from any number on, and knows which cannot be read."""

import logging
import os
from typing import NamedTuple

from ingest.spool.folder import SpoolFolder, SpoolSegment, damage_line
from ingest.spool.frames import HEAD, SpooledRecord, SpoolFrame, decode_records, leading_frames, scan

_log = logging.getLogger(__name__)

#: Bytes that are read at once; where the frame there is longer, all that the segment has.
READ_BYTES = 2**20


class SpoolChunk(NamedTuple):
    """Records of one segment with their numbers, all below `after`."""

    segment: SpoolSegment
    after: int
    numbered: list[tuple[int, SpooledRecord]]


class SpoolReader:
    """Reads on from record `first`. Reading blocks: call it in a thread where the disk may be slow."""

    def __init__(self, folder: SpoolFolder, first: int = 0) -> None:
        self._folder = folder
        #: The number of the record that is read next.
        self.next = first
        self._segment: SpoolSegment | None = None
        self._place = 0

    def read(self) -> SpoolChunk | None:
        """The next records, None where there are none yet; raises OSError.

        Records that cannot be read are passed, with one line in the log that names the file and the place.
        """
        segment = next((each for each in tuple(self._folder.segments) if each.after > self.next), None)
        if segment is None:
            return None
        if segment is not self._segment:
            self._segment, self._place = segment, len(HEAD)
            self.next = max(self.next, segment.first)
        # In this order: so the bytes have these records at least.
        after, size = segment.after, segment.size
        data = _bytes(segment, self._place, min(READ_BYTES, size - self._place))
        frames = leading_frames(data) or scan(_bytes(segment, self._place, size - self._place)).frames
        begin, numbered = self._place, list[tuple[int, SpooledRecord]]()
        for frame in frames:
            if frame.first >= after:
                break  # written meanwhile, or never accepted: a later segment has these numbers
            if frame.first > self.next:
                self._pass(segment, self._place, begin + frame.begin, frame.first)
            numbered += self._wanted(frame, after)
            self.next, self._place = max(self.next, min(frame.after, after)), begin + frame.end
        if self._place == begin:
            self._pass(segment, begin, size, after)
            self.next, self._place = after, size
        return SpoolChunk(segment, self.next, numbered)

    def _wanted(self, frame: SpoolFrame, after: int) -> list[tuple[int, SpooledRecord]]:
        numbered = enumerate(decode_records(frame.payload), frame.first)
        if frame.first >= self.next and frame.after <= after:
            return list(numbered)
        return [(number, record) for number, record in numbered if self.next <= number < after]

    def _pass(self, segment: SpoolSegment, begin: int, end: int, to: int) -> None:
        """Pass the records up to number `to`, which bytes `begin` to `end` of the segment should have."""
        if begin not in segment.damages:
            segment.damages.add(begin)
            self._folder.lost += to - self.next
            _log.error("%s", damage_line(segment, begin, end, to - self.next))


def _bytes(segment: SpoolSegment, place: int, length: int) -> bytes:
    """What the file has there; nothing where somebody removed it."""
    try:
        descriptor = os.open(segment.path, os.O_RDONLY)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, max(length, 0), place)
    finally:
        os.close(descriptor)
