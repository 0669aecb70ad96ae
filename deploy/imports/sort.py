"""A merge sort of byte records on disk: memory is bounded whatever there is to sort."""

import heapq
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import IO

#: Bytes of records that are held, and what Python adds to each.
MEMORY, OVERHEAD = 64_000_000, 60
#: Files that are merged at a time.
FAN_IN = 64
_LENGTH = struct.Struct(">I")


class ExternalSort:
    """Takes records in any order and gives them in the order of their bytes; its files lie in `folder`."""

    def __init__(self, folder: Path, memory: int = MEMORY, fan_in: int = FAN_IN) -> None:
        self._folder = folder
        self._memory = memory
        self._fan_in = fan_in
        self._held: list[bytes] = []
        self._size = 0
        self._runs: list[Path] = []
        self._made = 0

    def add(self, record: bytes) -> None:
        """Take one record; raises OSError."""
        self._held.append(record)
        self._size += len(record) + OVERHEAD
        if self._size >= self._memory:
            self._held.sort()
            self._write(iter(self._held))
            self._held, self._size = [], 0

    def records(self) -> Iterator[bytes]:
        """All records in order; raises OSError. The files are removed as they are no longer needed."""
        while len(self._runs) > self._fan_in:
            merged, self._runs = self._runs[: self._fan_in], self._runs[self._fan_in :]
            self._write(heapq.merge(*map(read_frames, merged)))
            _remove(merged)
        self._held.sort()
        yield from heapq.merge(*map(read_frames, self._runs), self._held)
        _remove(self._runs)
        self._runs, self._held = [], []

    def _write(self, records: Iterator[bytes]) -> None:
        path = self._folder / f"run-{self._made}"
        self._made += 1
        with path.open("wb") as file:
            for record in records:
                write_frame(file, record)
        self._runs.append(path)


def write_frame(file: IO[bytes], record: bytes) -> int:
    """Append a record with its length; returns the bytes that both take."""
    return file.write(_LENGTH.pack(len(record))) + file.write(record)


def read_frames(path: Path, start: int = 0) -> Iterator[bytes]:
    """The records of a file that `write_frame` wrote, from byte `start` on."""
    with path.open("rb") as file:
        file.seek(start)
        while head := file.read(_LENGTH.size):
            yield file.read(_LENGTH.unpack(head)[0])


def frame_size(record: bytes) -> int:
    """The bytes that a record takes in a file."""
    return _LENGTH.size + len(record)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
