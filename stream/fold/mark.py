"""A mark: where recovery may begin to fold, kept as the metadata of a committed offset."""

import msgspec
from msgspec import Struct, field

from ingest.events import LIVE_CLOCK

#: Bytes of a mark: Kafka takes 4,096 of metadata with an offset. The clocks of a partition have most of them.
MARK_BYTES, CLOCKS_BYTES = 4_000, 3_000


class Mark(Struct, frozen=True, omit_defaults=True):
    """Where a fold may begin: the offset, and what stood there. An empty model is the default one.

    `before` is the model that was in force before `model`; `refused` are the offsets, from `next` on, of the controls
    whose model could not be used, so that a fold which begins here comes to the same end.
    """

    next: int
    clocks: dict[str, int]
    model: str = ""
    pages_version: int = field(default=0, name="pages")
    before: str = ""
    refused: tuple[int, ...] = ()


def clock_bytes(name: str) -> int:
    """What the clock of this name takes in a mark: the name in quotes, a colon, a time and a comma."""
    return len(name) + 17


def encode_mark(mark: Mark) -> str:
    """A mark as the metadata of a committed offset.

    A fold keeps no more clocks than fit; only where names need more bytes than letters are the oldest left out.
    """
    encoded = msgspec.json.encode(mark)
    imports = [name for name in mark.clocks if name != LIVE_CLOCK]
    while len(encoded) > MARK_BYTES and imports:
        del imports[: len(imports) // 4 + 1]
        kept = {name: now for name, now in mark.clocks.items() if name == LIVE_CLOCK or name in imports}
        encoded = msgspec.json.encode(msgspec.structs.replace(mark, clocks=kept))
    return encoded.decode()


def decode_mark(metadata: str) -> Mark | None:
    """The mark of a committed offset's metadata; None where there is none to read."""
    try:
        return msgspec.json.decode(metadata, type=Mark)
    except msgspec.DecodeError:
        return None
