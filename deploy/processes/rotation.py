"""A log file that never grows beyond a bound: when it is full it becomes `.1`, and a new one begins."""

import contextlib
from collections import deque
from io import FileIO
from pathlib import Path


class BoundedLog:
    """Holds at most twice `limit` bytes on disk, and the last lines in memory."""

    def __init__(self, path: Path, limit: int = 5_000_000) -> None:
        self.path = path
        self._limit = limit
        self._file: FileIO = path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._last: deque[str] = deque(maxlen=50)

    def write(self, line: bytes) -> None:
        """Adds one line, with its newline; a disk that is full costs the line and stops nobody."""
        text = line.decode(errors="replace").strip()
        if text:
            self._last.append(text)
        with contextlib.suppress(OSError):
            self._append(line)

    def _append(self, line: bytes) -> None:
        if self._size + len(line) > self._limit and self._size:
            self._file.close()
            self.path.rename(self.path.with_name(self.path.name + ".1"))
            self._file = self.path.open("ab", buffering=0)
            self._size = 0
        self._file.write(line)
        self._size += len(line)

    def last_words(self) -> str:
        """The last line written since this log was opened."""
        return self._last[-1] if self._last else "it said nothing"

    def close(self) -> None:
        self._file.close()
