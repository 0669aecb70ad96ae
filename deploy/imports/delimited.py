"""Rows of a text table: CSV, or anything else that parts columns; with a header or with columns that are known."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Protocol

from msgspec import Struct

from deploy.imports.errors import ImportFileError, RowRefusedError
from scoring.csv_text import SEPARATORS, EncodingError, cells_of, encoding_of

#: Cells of one row; a nested JSON cell may be long.
LONGEST_CELL = 1_000_000


class TableFormat(Struct, frozen=True):
    """How a text table is written. Empty: as the file shows.

    `columns`: their names where the file has no header; `is_known` says which names a header should have.
    """

    separator: str = ""
    encoding: str = ""
    columns: tuple[str, ...] = ()
    has_quotes: bool = True
    is_known: Callable[[str], bool] = bool


class TableFile(Protocol):
    """What a reader needs to know of the file beside its content."""

    @property
    def head(self) -> bytes: ...


def read_table(
    content: IO[bytes], file: TableFile, table: TableFormat
) -> Iterator[tuple[int, dict[str, Any] | RowRefusedError]]:
    """Line number and cells of each row; raises ImportFileError for an encoding or a header that cannot be used."""
    lines = _lines(content, file, table)
    try:
        reader = _reader(lines, file, table)
        columns = table.columns or _header(file, reader)
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield reader.line_num, RowRefusedError(f"no CSV: {error}")
                continue
            if cells:
                yield reader.line_num, _row(columns, cells)
    finally:
        # Whoever opened the content closes it.
        lines.detach()


def cells_of_header(file: TableFile, table: TableFormat) -> Sequence[str]:
    """The names of the columns; raises ImportFileError."""
    return table.columns or _header(file, _reader(_lines(io.BytesIO(file.head), file, table), file, table))


def _lines(content: IO[bytes], file: TableFile, table: TableFormat) -> io.TextIOWrapper:
    try:
        encoding = encoding_of(file.head, table.encoding)
    except EncodingError as error:
        raise ImportFileError(f"{file}: {error}") from None
    return io.TextIOWrapper(content, encoding, errors="surrogateescape", newline="")


def _reader(lines: io.TextIOWrapper, file: TableFile, table: TableFormat) -> Any:
    separator = table.separator or _separator(file.head.decode(lines.encoding, "replace"), table)
    csv.field_size_limit(LONGEST_CELL)
    if table.has_quotes:
        return csv.reader(lines, delimiter=separator, strict=True)
    return csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)


def _header(file: TableFile, reader: Iterator[list[str]]) -> Sequence[str]:
    try:
        columns = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
    except csv.Error as error:
        raise ImportFileError(f"{file}, line 1 is no header: {error}") from None
    twice = [name for place, name in enumerate(columns) if name in columns[:place]]
    if twice:
        raise ImportFileError(f"{file}: the header has {twice[0][:40]!r} twice")
    if not columns:
        raise ImportFileError(f"{file} is empty")
    return columns


def _row(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any] | RowRefusedError:
    if len(cells) != len(columns):
        return RowRefusedError(f"{len(cells)} columns, expected {len(columns)}")
    return dict(zip(columns, cells, strict=True))


def _separator(head: str, table: TableFormat) -> str:
    """The mark by which most names of the first line are known, else by which it has the most columns."""
    line = head.partition("\n")[0].rstrip("\r").removeprefix("\ufeff")

    def fit(mark: str) -> tuple[int, int]:
        names = cells_of(line, mark)
        return sum(table.is_known(name.strip()) for name in names), len(names)

    return max(SEPARATORS, key=fit)
