"""Rows of a file, whatever it is: JSON Lines, a table with a header, or Parquet; packed by gzip or not.

What a file is shows in its first bytes, not in its name.
"""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import msgspec

from deploy.imports import parquet
from deploy.imports.delimited import TableFormat, read_table
from deploy.imports.errors import ImportFileError, RowRefusedError

#: A line that is longer is no event.
LONGEST_LINE = 1_000_000
_GZIP, _PARQUET, _HEAD = b"\x1f\x8b", b"PAR1", 65_536


class SourceRow(NamedTuple):
    """A row: its number (of the line in texts), and its values or why it has none."""

    number: int
    values: dict[str, Any] | RowRefusedError


class SourceFile:
    """A file of history: what kind it is, its rows, and how many of its bytes have been read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.size = path.stat().st_size
            with path.open("rb") as raw:
                head = raw.read(4)
                self.is_packed = head.startswith(_GZIP)
            with self._opened() as content:
                self.head = content.read(_HEAD)
        except (OSError, EOFError, zlib.error) as error:
            raise ImportFileError(f"cannot read {path}: {error}") from None
        self.is_parquet = head == _PARQUET
        text = self.head.lstrip(b"\xef\xbb\xbf \t\r\n")
        self.is_json = text.startswith(b"{")
        if text.startswith(b"["):
            raise ImportFileError(f"{path} is one JSON array: write one event per line, as `jq -c '.[]'` does")
        self._raw: IO[bytes] | None = None

    @property
    def place(self) -> str:
        """What its rows are numbered by."""
        return "row" if self.is_parquet else "line"

    @property
    def bytes_read(self) -> int:
        """How far the file is read, of `size`."""
        raw = self._raw
        return raw.tell() if raw is not None and not raw.closed else 0

    def rows(self, table: TableFormat) -> Iterator[SourceRow]:
        """The rows in order; raises ImportFileError where the file itself is broken."""
        if self.is_parquet:
            for number, values in enumerate(parquet.rows(self.path), 1):
                yield SourceRow(number, values)
            return
        try:
            with self._opened() as content:
                reader: Callable[[], Iterator[tuple[int, Any]]] = (
                    (lambda: _json_lines(content)) if self.is_json else (lambda: read_table(content, self, table))
                )
                for number, found in reader():
                    yield SourceRow(number, found)
        except (OSError, EOFError, zlib.error) as error:
            raise ImportFileError(f"cannot read {self.path} to its end: {error}") from None

    def _opened(self) -> IO[bytes]:
        raw = self.path.open("rb")
        self._raw = raw
        return cast(IO[bytes], _PackedFile(raw)) if self.is_packed else raw

    def __str__(self) -> str:
        return str(self.path)


class _PackedFile(gzip.GzipFile):
    """A gzip file that closes the file beneath it, too."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__(fileobj=cast(io.BufferedReader, raw), mode="rb")
        self._beneath = raw

    def close(self) -> None:
        super().close()
        self._beneath.close()


def _json_lines(content: IO[bytes]) -> Iterator[tuple[int, dict[str, Any] | RowRefusedError]]:
    number = 0
    while line := content.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            while (rest := content.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            yield number, RowRefusedError(f"a line of more than {LONGEST_LINE:,} bytes")
            continue
        text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if text:
            yield number, _json_object(text)


def _json_object(text: bytes) -> dict[str, Any] | RowRefusedError:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return RowRefusedError(f"no JSON: {str(error)[:150]}")
    return found if isinstance(found, dict) else RowRefusedError("no JSON object")
