"""The records of a chain: a snapshot of all open sessions, then what has changed, each followed by a head.

A chain is one stream of frames, cut into records. The record's key is its slot and number: a topic that is compacted
keeps the two newest chains of a partition. A record of another chain or number, one that is missing or torn, makes the
chain unreadable, which is found out and does no harm.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from struct import Struct as Packing

import msgspec
from msgspec import Struct

from stream.errors import StreamError
from stream.snapshot.capture import SnapshotHead

#: Bytes of a record's content; Kafka takes a megabyte.
RECORD_BYTES = 400_000
#: Before the content: chain, number, checksum of the content. Before a frame: its length, the first offset of its
#: session, -1 for a head.
_RECORD, _FRAME = Packing("<8sII"), Packing("<Iq")
_HEAD = -1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SnapshotHead)


class SnapshotError(StreamError):
    """The snapshot cannot be used; the log has all that it had."""


class Snapshot(Struct, frozen=True):
    """A snapshot as it was read: the newest head, and the newest bytes of each session by its first offset."""

    head: SnapshotHead
    sessions: Mapping[int, bytes]


def session_frames(sessions: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join([_FRAME.pack(len(packed), first_offset) + packed for first_offset, packed in sessions])


def head_frame(head: SnapshotHead) -> bytes:
    packed = _encoder.encode(head)
    return _FRAME.pack(len(packed), _HEAD) + packed


def records_of(frames: bytes, chain: str, slot: int, first: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the records that go on with a chain at number `first`."""
    for number, begin in enumerate(range(0, len(frames), RECORD_BYTES), first):
        content = frames[begin : begin + RECORD_BYTES]
        head = _RECORD.pack(bytes.fromhex(chain), number, zlib.crc32(content))
        yield f"{slot}/{number}".encode(), head + content


class ChainReader:
    """Takes the records of a topic and keeps those of one chain: the first `records` of them."""

    def __init__(self, chain: str, records: int) -> None:
        self._chain, self._records = bytes.fromhex(chain), records
        self._contents: list[bytes] = []

    @property
    def complete(self) -> bool:
        return len(self._contents) >= self._records

    def take(self, value: bytes | None) -> None:
        """Take the next record of the topic; raises SnapshotError where the chain's next one is not whole."""
        if value is None or len(value) < _RECORD.size or value[:8] != self._chain or self.complete:
            return
        _, number, checksum = _RECORD.unpack_from(value)
        content = value[_RECORD.size :]
        if number < len(self._contents):
            return  # sent twice
        if number > len(self._contents):
            raise SnapshotError(f"record {len(self._contents)} of {self._records} is missing")
        if zlib.crc32(content) != checksum:
            raise SnapshotError(f"record {number} of {self._records} is torn")
        self._contents.append(content)

    def snapshot(self) -> Snapshot:
        """Raises SnapshotError."""
        if not self.complete:
            raise SnapshotError(f"record {len(self._contents)} of {self._records} is missing")
        frames, at = memoryview(b"".join(self._contents)), 0
        sessions: dict[int, bytes] = {}
        head = None
        while at < len(frames):
            if len(frames) - at < _FRAME.size:
                raise SnapshotError("it ends in the middle of a frame")
            length, first_offset = _FRAME.unpack_from(frames, at)
            at += _FRAME.size + length
            if at > len(frames):
                raise SnapshotError("it ends in the middle of a frame")
            if first_offset == _HEAD:
                head = frames[at - length : at]
            else:
                sessions[first_offset] = frames[at - length : at].tobytes()
        if head is None or at != len(frames):
            raise SnapshotError("it has no head")
        try:
            return Snapshot(_decoder.decode(head), sessions)
        except msgspec.DecodeError as error:
            raise SnapshotError(f"its head cannot be read: {error}") from error
