"""A mark: where recovery may begin to fold, kept as the metadata of a committed offset."""

import base64
import binascii
import zlib

import msgspec
from msgspec import Struct, field

from ingest.events import LIVE_CLOCK

#: Bytes of a mark: Kafka takes 4,096 of metadata with an offset. The clocks of a partition have most of them.
MARK_BYTES, CLOCKS_BYTES = 4_000, 3_000
#: Before a packed mark.
_PACKED = "z:"


class SnapshotPlace(Struct, frozen=True, omit_defaults=True):
    """Where a snapshot of a partition stands in the topic of snapshots (stream/snapshot/).

    `chain` and `slot` name its records, `records` is how many there are, none before the offset `start`; `next` is the
    offset up to which the log was folded.
    """

    chain: str
    slot: int
    start: int
    records: int
    next: int


class Mark(Struct, frozen=True, omit_defaults=True):
    """Where a fold may begin: the offset, and what stood there. An empty model is the default one.

    `before` is the model that was in force before `model`, `sites` are those of sites that have one of their own;
    `experiments_version` is that of the definitions in force, `left_out` names experiments that no session is in, since
    a model of theirs could not be used;
    `refused` are the offsets, from `next` on, of the controls whose model could not be used, so that a fold which
    begins here comes to the same end.
    """

    next: int
    clocks: dict[str, int]
    model: str = ""
    pages_version: int = field(default=0, name="pages")
    before: str = ""
    refused: tuple[int, ...] = ()
    sites: dict[str, str] = {}
    experiments_version: int = field(default=0, name="experiments")
    left_out: tuple[str, ...] = ()
    #: From where recovery is quicker, if it is still there.
    snapshot: SnapshotPlace | None = None


def with_snapshot(mark: Mark, snapshot: SnapshotPlace | None) -> Mark:
    """The mark with a snapshot, where that is ahead of it."""
    if snapshot is None or snapshot.next <= mark.next:
        return mark
    return msgspec.structs.replace(mark, snapshot=snapshot)


def clock_bytes(name: str) -> int:
    """What the clock of this name takes in a mark: the name in quotes, a colon, a time and a comma."""
    return len(name) + 17


def encode_mark(mark: Mark) -> str:
    """A mark as the metadata of a committed offset: JSON, packed where it would be too long.

    A fold keeps no more clocks than fit; only where names cannot be packed are the oldest left out.
    """
    encoded = _encoded(mark)
    imports = [name for name in mark.clocks if name != LIVE_CLOCK]
    while len(encoded) > MARK_BYTES and imports:
        del imports[: len(imports) // 4 + 1]
        kept = {name: now for name, now in mark.clocks.items() if name == LIVE_CLOCK or name in imports}
        encoded = _encoded(msgspec.structs.replace(mark, clocks=kept))
    return encoded.decode()


def decode_mark(metadata: str) -> Mark | None:
    """The mark of a committed offset's metadata; None where there is none to read."""
    try:
        packed = metadata.startswith(_PACKED)
        text = zlib.decompress(base64.b85decode(metadata[len(_PACKED) :])) if packed else metadata
        return msgspec.json.decode(text, type=Mark)
    except (msgspec.DecodeError, ValueError, binascii.Error, zlib.error, RecursionError):
        return None


def _encoded(mark: Mark) -> bytes:
    encoded = msgspec.json.encode(mark)
    if len(encoded) <= MARK_BYTES:
        return encoded
    return _PACKED.encode() + base64.b85encode(zlib.compress(encoded, 9))
