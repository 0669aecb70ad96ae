"""The bytes of a segment: a head that names the format, then frames, each the records of one fsync. Pure.

    segment   HEAD, frame, frame, ...
    frame     MAGIC, length of the payload u32, number of its first record u64, records u32, CRC-32 u32, payload
    record    partition u16, length of the key u16, length of the value u32, timestamp i64 (ms), key, value

All numbers are big-endian. The CRC is of the frame's header before it and of the payload. Records are numbered from 0
on over the whole life of a spool, so that whoever reads knows which are missing.

One frame is one fsync. So after a power loss only the last frame can be torn, and no client had its records accepted: a
bad frame with a good one behind it is damage.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

HEAD = b"OP-ECOM spool 1\n"
MAGIC = b"\xffOPS"
_HEADER = struct.Struct(">4sIQI")
_CRC = struct.Struct(">I")
_RECORD = struct.Struct(">HHIq")
#: Bytes of a frame that are no payload.
FRAME_BYTES = _HEADER.size + _CRC.size
#: Bytes of a record beside its key and its value.
RECORD_BYTES = _RECORD.size
_MAX_KEY = 0xFFFF


class SpooledRecord(NamedTuple):
    """A record of the `events` log as it will be appended; `timestamp` in ms UTC."""

    partition: int
    timestamp: int
    key: bytes
    value: bytes


class SpoolFrame(NamedTuple):
    """A whole frame with a right checksum: `records` records from number `first` on, at bytes `begin` to `end`."""

    first: int
    records: int
    payload: bytes
    begin: int
    end: int

    @property
    def after(self) -> int:
        """The number of the record after its last one."""
        return self.first + self.records


def encode_records(records: Iterable[SpooledRecord]) -> bytes:
    """The records as a payload, or as a part of one; raises ValueError for a key beyond 65,535 bytes."""
    parts: list[bytes] = []
    for partition, timestamp, key, value in records:
        if len(key) > _MAX_KEY:
            raise ValueError(f"a key of {len(key)} bytes is longer than the {_MAX_KEY} that the spool can keep")
        parts += (_RECORD.pack(partition, len(key), len(value), timestamp), key, value)
    return b"".join(parts)


def decode_records(payload: bytes) -> Iterator[SpooledRecord]:
    """The records of a payload whose checksum was right."""
    place, unpack = 0, _RECORD.unpack_from
    while place < len(payload):
        partition, key_bytes, value_bytes, timestamp = unpack(payload, place)
        key_at = place + RECORD_BYTES
        value_at = key_at + key_bytes
        place = value_at + value_bytes
        yield SpooledRecord(partition, timestamp, payload[key_at:value_at], payload[value_at:place])


def encode_frame(first: int, count: int, payload: Sequence[bytes]) -> bytes:
    """The frame of `count` records from number `first` on; `payload` are the parts of what encode_records made."""
    whole = b"".join(payload)
    header = _HEADER.pack(MAGIC, len(whole), first, count)
    return b"".join((header, _CRC.pack(zlib.crc32(whole, zlib.crc32(header))), whole))


def frame_at(data: bytes, place: int) -> SpoolFrame | None:
    """The frame that begins at `place`, None where there is no whole one with a right checksum."""
    begin = place + FRAME_BYTES
    if begin > len(data):
        return None
    magic, length, first, count = _HEADER.unpack_from(data, place)
    end = begin + length
    if magic != MAGIC or end > len(data):
        return None
    payload = data[begin:end]
    (wanted,) = _CRC.unpack_from(data, place + _HEADER.size)
    if zlib.crc32(payload, zlib.crc32(data[place : place + _HEADER.size])) != wanted:
        return None
    return SpoolFrame(first, count, payload, place, end)


def leading_frames(data: bytes) -> list[SpoolFrame]:
    """The good frames that follow each other from the first byte on."""
    frames: list[SpoolFrame] = []
    place = 0
    while (frame := frame_at(data, place)) is not None:
        frames.append(frame)
        place = frame.end
    return frames


def find_frame(data: bytes, place: int) -> SpoolFrame | None:
    """The first good frame that begins at `place` or later; None where there is none."""
    begin = data.find(MAGIC, place)
    while begin >= 0:
        frame = frame_at(data, begin)
        if frame is not None:
            return frame
        begin = data.find(MAGIC, begin + 1)
    return None


class Damage(NamedTuple):
    """Bytes of a segment that cannot be read, although a frame behind them can: accepted records are lost."""

    begin: int
    end: int


class Scan(NamedTuple):
    """What a segment's bytes hold: `good` is where the last good frame ends; what is behind it is torn."""

    frames: list[SpoolFrame]
    damages: list[Damage]
    good: int


def scan(data: bytes) -> Scan:
    """Every good frame of a segment's bytes, in order.

    A segment without a whole head is one that was torn as it was made; a wrong head before a frame is damage.
    """
    place = len(HEAD) if data.startswith(HEAD) else 0
    frames: list[SpoolFrame] = []
    damages: list[Damage] = []
    while frame := find_frame(data, place):
        if frame.begin > place:
            damages.append(Damage(place, frame.begin))
        frames.append(frame)
        place = frame.end
    return Scan(frames, damages, place)
