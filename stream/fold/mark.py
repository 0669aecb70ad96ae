"""A mark: where recovery may begin to fold, kept as the metadata of a committed offset."""

import msgspec
from msgspec import Struct

from ingest.events import (
    LIVE_CLOCK,
)

#: Bytes of a mark: Kafka takes 4,096 of metadata with an offset.
MARK_BYTES = 4_000


class Mark(Struct, frozen=True, omit_defaults=True):
    """Where a fold may begin: the offset, and what stood there. An empty model is the default one.

    `before` is the model that was in force before `model`; `refused` are the offsets, from `next` on, of the controls
    whose model could not be used, so that a fold which begins here comes to the same end.
    """

    next: int
    clocks: dict[str, int]
    model: str = ""
    pages: int = 0
    before: str = ""
    refused: tuple[int, ...] = ()


def encode_mark(mark: Mark) -> str:
    """A mark as the metadata of a committed offset.

    Clocks of the oldest replays are left out until it fits; such a replay, should it still run, has its clock again
    with its next event.
    """
    encoded = msgspec.json.encode(mark)
    replays = [name for name in mark.clocks if name != LIVE_CLOCK]
    while len(encoded) > MARK_BYTES and replays:
        del replays[: len(replays) // 4 + 1]
        kept = {name: now for name, now in mark.clocks.items() if name == LIVE_CLOCK or name in replays}
        encoded = msgspec.json.encode(msgspec.structs.replace(mark, clocks=kept))
    return encoded.decode()


def decode_mark(metadata: str) -> Mark | None:
    """The mark of a committed offset's metadata; None where there is none to read."""
    try:
        return msgspec.json.decode(metadata, type=Mark)
    except msgspec.DecodeError:
        return None
