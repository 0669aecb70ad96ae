"""How far a spool is drained, in a file that a kill of the process leaves whole.

It is not synced: after a power loss an older position may hold, and the log gets some records
twice, which count once.
"""

import os
import zlib
from pathlib import Path

import msgspec
from msgspec import Struct

#: The file's name in the folder of its spool.
POSITION = "position"
#: The checksum as hexadecimal digits, and a blank.
_CRC_BYTES = 9


class DrainPosition(Struct, frozen=True):
    """What this life of the log has acknowledged: each record below number `next`, at `offsets` at most."""

    generation: str = ""
    next: int = 0
    offsets: dict[int, int] = {}


_decoder = msgspec.json.Decoder(DrainPosition)


class PositionFile:
    """The position of the spool in one folder."""

    def __init__(self, path: Path) -> None:
        """Make the file where it is missing; raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def read(self) -> DrainPosition:
        """What was written last; the start where nothing whole is there."""
        return decode_position(os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0))

    def write(self, position: DrainPosition) -> None:
        """Keep the position; raises OSError."""
        text = msgspec.json.encode(position)
        os.pwrite(self._descriptor, b"".join((_crc(text), text, b"\n")), 0)

    def close(self) -> None:
        os.close(self._descriptor)


def decode_position(data: bytes) -> DrainPosition:
    """What the bytes of such a file say; the start where they are not whole, as while another process writes them."""
    line = data.partition(b"\n")[0]
    crc, text = line[:_CRC_BYTES], line[_CRC_BYTES:]
    if crc != _crc(text):
        return DrainPosition()
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return DrainPosition()


def _crc(text: bytes) -> bytes:
    return b"%08x " % zlib.crc32(text)
