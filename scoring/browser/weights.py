"""The file of a program's tensors, format 1: a header, a table and the numbers, little-endian throughout.

    bytes 0 to 3    OEMW
    4 to 5, 6 to 7  the number of the format; how many tensors
    8 to 11         CRC-32 (zlib's) of all that follows
    12 bytes each   of a tensor: its kind (uint32), rows and columns (uint32 each)
    then            the numbers of each tensor, row by row, each tensor filled up to a multiple of 4 bytes

Kind 0 is float32, kind 1 float16 (IEEE 754 binary16). Kind 2 is int8 by row: first a float32 scale for each row, then
the whole numbers, -127 to 127, which times their row's scale are the values.
"""

import struct
import zlib
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scoring.browser.program import FORMAT, BrowserExportError

WeightsKind = Literal["float16", "int8"]

MAGIC = b"OEMW"
_HEADER, _ENTRY = struct.Struct("<4sHHI"), struct.Struct("<III")
_KINDS = ("float32", "float16", "int8")
#: The greatest number of float16.
_MOST_FLOAT16 = 65_504.0
_MOST_INT8 = 127

Tensor = NDArray[np.float32]


def encode(tensors: Iterable[Tensor], matrices: frozenset[int], kind: WeightsKind) -> bytes:
    """The file; the tensors numbered in `matrices` are of the kind, all others float32.

    A matrix whose numbers are too great for float16 stays float32.
    """
    table, numbers, count = b"", b"", 0
    for place, tensor in enumerate(tensors):
        own = kind if place in matrices else "float32"
        if own == "float16" and np.abs(tensor).max() > _MOST_FLOAT16:
            own = "float32"
        table += _ENTRY.pack(_KINDS.index(own), *tensor.shape)
        numbers += _padded(_numbers(tensor, own))
        count += 1
    body = table + numbers
    return _HEADER.pack(MAGIC, FORMAT, count, zlib.crc32(body)) + body


def decode(file: bytes) -> tuple[Tensor, ...]:
    """The tensors as the runtime reads them; raises BrowserExportError for a file that is torn or of another format."""
    if len(file) < _HEADER.size or file[:4] != MAGIC:
        raise BrowserExportError("it is no file of weights: export the model again")
    _, format_, count, checksum = _HEADER.unpack_from(file)
    if format_ != FORMAT:
        raise BrowserExportError(f"its weights are of format {format_}, not {FORMAT}: export the model again")
    if zlib.crc32(file[_HEADER.size :]) != checksum:
        raise BrowserExportError("its weights are not those that were written (CRC-32): export the model again")
    tensors, place = [], _HEADER.size + count * _ENTRY.size
    for number in range(count):
        kind, rows, columns = _ENTRY.unpack_from(file, _HEADER.size + number * _ENTRY.size)
        tensor, size = _tensor(file, place, _KINDS[kind], rows, columns)
        tensors.append(tensor)
        place += -(-size // 4) * 4
    return tuple(tensors)


def _numbers(tensor: Tensor, kind: str) -> bytes:
    if kind == "float32":
        return tensor.astype("<f4").tobytes()
    if kind == "float16":
        return tensor.astype("<f2").tobytes()
    scales = (np.abs(tensor).max(axis=1) / _MOST_INT8).astype("<f4")
    whole = np.clip(np.rint(tensor / np.where(scales > 0, scales, 1)[:, None]), -_MOST_INT8, _MOST_INT8)
    file: bytes = scales.tobytes() + whole.astype(np.int8).tobytes()
    return file


def _tensor(file: bytes, place: int, kind: str, rows: int, columns: int) -> tuple[Tensor, int]:
    """A tensor, and how many bytes it takes."""
    count = rows * columns
    if kind != "int8":
        width = 4 if kind == "float32" else 2
        found = np.frombuffer(file, f"<f{width}", count, place).astype(np.float32)
        return found.reshape(rows, columns), width * count
    scales = np.frombuffer(file, "<f4", rows, place).astype(np.float32)
    whole = np.frombuffer(file, np.int8, count, place + 4 * rows).astype(np.float32)
    return whole.reshape(rows, columns) * scales[:, None], 4 * rows + count


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
