"""Scores a file of sessions, CSV or Parquet, into another: chunk by chunk, whole or not at all."""

import contextlib
import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from scoring.contracts import Contract
from scoring.csv_text import EncodingError, encoding_of, undecodable
from scoring.model import Model, contract_of
from scoring.number_format import NumberFormat
from scoring.predict import predict_many
from scoring.prediction import FIELD_OF, KINDS, PredictionRequest
from scoring.reasons import STRONGEST
from scoring.table import (
    REASONS,
    SCORE,
    Columns,
    TableError,
    cell,
    columns_of,
    number_format,
    requests,
    separator,
    table_cells,
    with_unknown_rates,
)

#: Rows that are in memory at a time.
CHUNK = 2_048
FORMATS = (".csv", ".parquet")

Row = Sequence[Any]
#: Hears which share of the file is done, 0 to 1.
Moved = Callable[[float], None]


class FileFormat(NamedTuple):
    """How a CSV file is read, where it does not show that itself: a locale for its numbers, an encoding."""

    locale: str = ""
    encoding: str = ""


AS_SHOWN = FileFormat()


class ScoredFile(NamedTuple):
    """How many rows there were, and the columns of signals that the model does not have."""

    rows: int
    unused: tuple[str, ...]


class _Source(NamedTuple):
    """A file's header and what it names, its rows in chunks with the share that is read, and its columns' Arrow types
    if it has any.

    numbers: how its texts write numbers; None where it has types.
    """

    header: Sequence[str]
    columns: Columns
    chunks: Iterator[tuple[list[Row], float]]
    kinds: dict[str, Any]
    numbers: NumberFormat | None = None


class _Target(Protocol):
    def write(self, rows: Sequence[Row]) -> None: ...

    def close(self) -> None: ...


def check(file: Path, option: str) -> None:
    """Raise TableError for a file that is neither CSV nor Parquet, or where Parquet cannot be read."""
    if file.suffix not in FORMATS:
        raise TableError(f"{option} {file.name}: name a file that ends in .csv or .parquet")
    if file.suffix == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError:
            raise TableError(
                f"{option} {file.name}: Parquet needs pyarrow, which is not installed: install op-ecom[parquet], or "
                "name a .csv file"
            ) from None


def score_file(
    model: Model,
    source: Path,
    target: Path,
    with_reasons: bool,
    moved: Moved = lambda _: None,
    given_format: FileFormat = AS_SHOWN,
) -> ScoredFile:
    """Write every row of `source` with its score to `target`.

    Raises TableError with row and column, and OSError; then `target` is as it was.
    """
    check(source, "--input")
    check(target, "--output")
    made = target.with_name(f".{target.name}.{os.getpid()}.part")
    added = (*SCORE, *(REASONS if with_reasons else ()))
    rows = 0
    with contextlib.ExitStack() as held:
        held.callback(made.unlink, missing_ok=True)
        given = held.enter_context(_opened(source, given_format, contract_of(model)))
        columns = given.columns
        kept = [place for place, column in enumerate(given.header) if column not in (*SCORE, *REASONS)]
        header = [*(given.header[place] for place in kept), *added]
        out = held.enter_context(_writing(made, target.suffix, header, given))
        for chunk, share in given.chunks:
            requested = list(requests(chunk, columns, rows + 1, given.numbers))
            as_live = [with_unknown_rates(*each, columns) for each in zip(requested, chunk, strict=True)]
            scored = predict_many(model, as_live, STRONGEST if with_reasons else 0)
            typed = {place: name for name, place in columns.fields.items()} if target.suffix == ".parquet" else {}
            out.write(
                [
                    [*_kept(row, request, kept, typed), *table_cells(answer)]
                    for row, request, answer in zip(chunk, requested, scored, strict=True)
                ]
            )
            rows += len(chunk)
            moved(share)
        out.close()
        made.replace(target)
    return ScoredFile(rows, columns.unused)


def _kept(row: Row, request: PredictionRequest, kept: Sequence[int], typed: dict[int, str]) -> list[Any]:
    """The row's own cells; features as what they are, where the format has types."""
    return [getattr(request, typed[place]) if place in typed else row[place] for place in kept]


@contextlib.contextmanager
def _opened(file: Path, given: FileFormat, made_for: Contract) -> Iterator[_Source]:
    if file.suffix == ".parquet":
        with file.open("rb") as raw:
            yield _parquet(raw, made_for)
        return
    try:
        with file.open("rb") as raw:
            encoding = encoding_of(raw.read(4_096), given.encoding)
    except EncodingError as error:
        raise TableError(str(error)) from None
    with file.open(newline="", encoding=encoding) as text:
        columns, numbers = _looked_through(text, encoding, given.locale, made_for)
    with file.open(newline="", encoding=encoding) as text:
        yield _csv(text, encoding, columns, numbers)


def _looked_through(
    text: io.TextIOWrapper, encoding: str, locale: str, made_for: Contract
) -> tuple[Columns, NumberFormat]:
    """By a first way through the whole file, as its last number may decide for its first."""
    reader = _reader(text, encoding)
    columns = columns_of(_read(reader, encoding, lambda: next(reader, [])), made_for)
    rows = iter(lambda: _read(reader, encoding, lambda: next(reader, None)), None)
    return columns, number_format((row for row in rows if row), columns, locale, "--locale")


def _csv(text: io.TextIOWrapper, encoding: str, columns: Columns, numbers: NumberFormat) -> _Source:
    size = os.fstat(text.fileno()).st_size or 1
    reader = _reader(text, encoding)

    def chunks() -> Iterator[tuple[list[Row], float]]:
        rows = (row for row in reader if row)
        while chunk := _read(reader, encoding, lambda: list(islice(rows, CHUNK))):
            yield chunk, os.lseek(text.fileno(), 0, os.SEEK_CUR) / size

    return _Source(_read(reader, encoding, lambda: next(reader, [])), columns, chunks(), {}, numbers)


def _reader(text: io.TextIOWrapper, encoding: str) -> Any:
    """The file's rows, from its beginning; raises TableError."""
    try:
        mark = separator(text.readline())
    except UnicodeError:
        raise TableError(undecodable("its beginning", encoding, "--encoding")) from None
    text.seek(0)
    return csv.reader(text, delimiter=mark, strict=True)


def _read(reader: Any, encoding: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except csv.Error as error:
        raise TableError(f"line {reader.line_num} is not CSV: {error}") from None
    except UnicodeError:
        raise TableError(undecodable(f"after line {reader.line_num}", encoding, "--encoding")) from None


def _parquet(raw: io.BufferedReader, made_for: Contract) -> _Source:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(raw)
    except pa.ArrowInvalid as error:
        raise TableError(f"it is not Parquet: {str(error).splitlines()[0]}") from None
    header, total = opened.schema_arrow.names, opened.metadata.num_rows or 1

    def chunks() -> Iterator[tuple[list[Row], float]]:
        done = 0
        for batch in opened.iter_batches(CHUNK):
            columns = [column.to_pylist() for column in batch.columns]
            done += batch.num_rows
            yield [list(row) for row in zip(*columns, strict=True)], done / total

    columns = columns_of(header, made_for)
    return _Source(header, columns, chunks(), dict(zip(header, opened.schema_arrow.types, strict=True)))


@contextlib.contextmanager
def _writing(file: Path, suffix: str, header: Sequence[str], given: _Source) -> Iterator[_Target]:
    target = _ParquetScores(file, header, given) if suffix == ".parquet" else _CsvScores(file, header)
    try:
        yield target
    finally:
        target.close()


class _CsvScores:
    def __init__(self, file: Path, header: Sequence[str]) -> None:
        self._out = file.open("w", newline="", encoding="utf-8")
        self._rows = csv.writer(self._out, lineterminator="\n")
        self.write([header])

    def write(self, rows: Sequence[Row]) -> None:
        self._rows.writerows([cell(value) for value in row] for row in rows)

    def close(self) -> None:
        self._out.close()


class _ParquetScores:
    def __init__(self, file: Path, header: Sequence[str], given: _Source) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._names = list(header)
        own = {"probability": pa.float64()} | dict.fromkeys(("label", "unknown", *REASONS), pa.string())
        self._schema = pa.schema([(name, own.get(name) or _kind(name, given, pa)) for name in header])
        self._array, self._table = pa.array, pa.Table.from_arrays
        self._writer = pq.ParquetWriter(file, self._schema)

    def write(self, rows: Sequence[Row]) -> None:
        columns = list(zip(*rows, strict=True)) or [()] * len(self._names)
        arrays = [self._array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._table(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _kind(name: str, given: _Source, pa: Any) -> Any:
    """A column's Arrow type: a field's own, else that of the input, else text."""
    field = FIELD_OF.get(name, name)
    if field not in given.columns.fields:
        return given.kinds.get(name, pa.string())
    return {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}.get(KINDS[field], pa.string())
