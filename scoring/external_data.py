"""Finds tensors of an ONNX file that lie in other files. Pure: reads protobuf's wire format and nothing else.

onnxruntime would read such a file from wherever the graph says, relative to the folder that the program runs in; and
a version's checksum covers its graph alone. Field numbers: onnx.proto3 of ONNX 1.23.
"""

from collections.abc import Iterator, Mapping

from scoring.errors import ScoringError

#: What each message holds of the others, by field number: the way to every tensor.
_CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_NAME, _EXTERNAL_DATA, _DATA_LOCATION = 8, 13, 14
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5


class WireError(ScoringError, ValueError):
    """The bytes are no protobuf message."""


def external_tensors(graph: bytes) -> list[str]:
    """The names of the tensors whose data the file does not hold itself; raises WireError."""
    try:
        return list(_external(memoryview(graph), "model"))
    except (IndexError, RecursionError) as error:
        raise WireError("it ends within a field, or is nested too deeply") from error


def _external(message: memoryview, kind: str) -> Iterator[str]:
    name, is_external = "", False
    for field, value in _fields(message):
        if isinstance(value, int):
            is_external |= kind == "tensor" and field == _DATA_LOCATION and value != 0
        elif kind == "tensor":
            is_external |= field == _EXTERNAL_DATA
            name = bytes(value).decode(errors="replace") if field == _NAME else name
        elif child := _CHILDREN[kind].get(field):
            yield from _external(value, child)
    if is_external:
        yield name or "without a name"


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one message; numbers of fixed width are passed over, as none of them says where data lies."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        field, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(message, place)
            yield field, value
        elif wire == _LENGTH:
            size, place = _varint(message, place)
            if place + size > len(message):
                raise WireError(f"field {field} is longer than what holds it")
            yield field, message[place : place + size]
            place += size
        elif wire in (_EIGHT_BYTES, _FOUR_BYTES):
            place += 8 if wire == _EIGHT_BYTES else 4
        else:
            raise WireError(f"field {field} has wire type {wire}")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise WireError("a number has more than 64 bits")
