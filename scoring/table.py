"""Sessions as rows of a table, in the columns of UCI's file or of the API; and tables of their scores."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from scoring.predict import BatchPrediction
from scoring.prediction import FIELD_OF, FIELDS, FieldError, PredictionRequest, read_cells

#: What a spreadsheet would run.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: Reasons of a row.
REASONS = tuple(f"reason_{place}" for place in (1, 2, 3))
SCORE = ("probability", "label", "unknown")


class TableError(ValueError):
    """A table that cannot be used; one line with row and column, row 1 being the first below the header."""


def places(header: Sequence[str]) -> dict[str, int]:
    """Where each field is; raises TableError where a column is missing or there twice."""
    found: dict[str, int] = {}
    for place, column in enumerate(header):
        name = column.strip().removeprefix("\ufeff")
        field = FIELD_OF.get(name, name)
        if field in found and field in FIELDS:
            raise TableError(f"the header has {name} twice")
        found[field] = place
    missing = [column for column, field in FIELD_OF.items() if field not in found]
    if missing:
        raise TableError(f"the header lacks {', '.join(missing)}")
    return {field: found[field] for field in FIELDS}


def requests(
    rows: Iterable[Sequence[Any]], where: Mapping[str, int], width: int, first: int = 1
) -> Iterator[PredictionRequest]:
    """The sessions of rows whose fields are where `where` says; raises TableError."""
    for number, cells in enumerate(rows, first):
        if len(cells) != width:
            raise TableError(f"row {number} has {len(cells)} columns, the header {width}")
        try:
            yield read_cells({field: cells[place] for field, place in where.items()})
        except FieldError as error:
            raise TableError(f"row {number}, {error}") from None


def read_csv(lines: Iterable[str]) -> Iterator[PredictionRequest]:
    """The sessions of a CSV table with a header; raises TableError."""
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
        yield from requests((cells for cells in reader if cells), places(header), len(header))
    except csv.Error as error:
        raise TableError(f"line {reader.line_num} is not CSV: {error}") from None


def table_cells(scored: BatchPrediction) -> list[Any]:
    """The cells of SCORE, and of REASONS where they were asked for."""
    reasons = scored.reasons
    spoken = [] if reasons is msgspec.UNSET else [each.text for each in reasons] + [""] * (len(REASONS) - len(reasons))
    return [scored.probability, scored.label, " ".join(scored.unknown), *spoken]


def cell(value: Any) -> Any:
    """A cell of CSV; a text that a spreadsheet would run as a formula gets a quote before it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str) and value.startswith(_FORMULA) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
