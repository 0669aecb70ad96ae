"""Sessions as rows of a table, in the columns of UCI's file or of the API; and tables of their scores.

Signals are read for models that know them: to others they are columns like any other, and are passed over.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from scoring.contracts import UCI, Contract
from scoring.csv_text import first_line, separator_of
from scoring.errors import ScoringError
from scoring.number_format import Evidence, FormatError, NumberFormat, format_of_locale, numeral
from scoring.predict import BatchPrediction
from scoring.prediction import (
    FIELD_OF,
    MOST,
    NULLABLE,
    NUMBERS,
    RATE_FIELDS,
    SESSION_FIELDS,
    SHARES,
    WHOLE,
    FieldError,
    PredictionRequest,
    read_cells,
)
from scoring.prediction_rows import require_known

#: What a spreadsheet would run, in full width too, as some Asian editions do.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: Reasons of a row.
REASONS = tuple(f"reason_{place}" for place in (1, 2, 3))
SCORE = ("probability", "label", "unknown")
#: What spreadsheets of other languages write for true and false.
_TRUTHS = {
    **dict.fromkeys(("wahr", "vrai", "verdadero", "vero", "waar", "verdadeiro", "prawda"), True),
    **dict.fromkeys(("falsch", "faux", "falso", "onwaar", "fałsz"), False),
}
#: Texts that need no reading, by the decimal mark: most of a table.
_PLAIN = {
    ".": re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?").fullmatch,
    ",": re.compile(r"-?\d+").fullmatch,
}
_COLUMNS = frozenset((*FIELD_OF, *SESSION_FIELDS))
#: The column of a training set that says whether a site had page statistics: without them it has zeros for the rates.
_STATISTICS = "has_page_statistics"
_UNKNOWN_RATES = dict.fromkeys(RATE_FIELDS)


class TableError(ScoringError, ValueError):
    """A table that cannot be used; one line with row and column, row 1 being the first below the header."""


class Columns(NamedTuple):
    """Where each field is that the model's contract has, and the names of the signals that it does not have.

    statistics: where a row says whether its site had page statistics; None: no column does, or the contract cannot
    tell unknown from 0.
    """

    made_for: Contract
    width: int
    fields: Mapping[str, int]
    unused: tuple[str, ...]
    statistics: int | None


class SessionTable(NamedTuple):
    """The sessions of a table, and the columns of signals that the model does not have."""

    sessions: list[PredictionRequest]
    unused: tuple[str, ...]


def columns_of(header: Sequence[str], made_for: Contract = UCI) -> Columns:
    """The columns of a header; raises TableError where one is missing or there twice."""
    fields = SESSION_FIELDS[: len(made_for.names)]
    found: dict[str, int] = {}
    for place, column in enumerate(header):
        name = column.strip().removeprefix("\ufeff")
        field = FIELD_OF.get(name, name)
        if field in found and field in fields:
            raise TableError(f"the header has {name} twice")
        found[field] = place
    missing = [column for column, field in FIELD_OF.items() if field not in found]
    if missing:
        raise TableError(f"the header lacks {', '.join(missing)}")
    return Columns(
        made_for,
        len(header),
        {field: found[field] for field in fields if field in found},
        tuple([field for field in SESSION_FIELDS if field in found and field not in fields]),
        None if made_for is UCI else found.get(_STATISTICS),
    )


def requests(
    rows: Iterable[Sequence[Any]], columns: Columns, first: int = 1, numbers: NumberFormat | None = None
) -> Iterator[PredictionRequest]:
    """The sessions of rows; raises TableError.

    numbers: how texts write them; None where the cells have types of their own.
    """
    nullable = NULLABLE.intersection(columns.fields)
    for number, cells in enumerate(rows, first):
        if len(cells) != columns.width:
            raise TableError(f"row {number} has {len(cells)} columns, the header {columns.width}")
        try:
            given = {field: cells[place] for field, place in columns.fields.items()}
            given |= {field: None for field in nullable if _is_empty(given[field])}
            request = read_cells(given if numbers is None else _plain(given, numbers))
            require_known([request], columns.made_for)
            yield request
        except (FieldError, FormatError) as error:
            raise TableError(f"row {number}, {error}") from None


def number_format(rows: Iterable[Sequence[str]], columns: Columns, locale: str, option: str) -> NumberFormat:
    """How the rows write numbers: by the locale (`option` gives one), else by all of them; raises TableError."""
    evidence = Evidence()
    try:
        if locale:
            return format_of_locale(locale)
        fields = columns.fields
        measures = [(fields[field], field, field in WHOLE, MOST.get(field)) for field in NUMBERS if field in fields]
        for number, cells in enumerate(rows, 1):
            for place, field, is_whole, most in measures:
                if place < len(cells):
                    evidence.add(cells[place], number, field, is_whole, most)
        return evidence.format(option)
    except FormatError as error:
        raise TableError(str(error)) from None


def separator(header: str) -> str:
    """What parts the columns, by the header's line."""
    return separator_of(header, lambda name: name.strip().strip("\ufeff") in _COLUMNS)


def read_csv(text: str, made_for: Contract, locale: str, option: str) -> SessionTable:
    """The sessions of a CSV table with a header, for models of the contract; raises TableError.

    option: what gives a locale.
    """
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=separator(first_line(lines)), strict=True)
    try:
        columns = columns_of(next(reader, []), made_for)
        rows = [cells for cells in reader if cells]
    except csv.Error as error:
        raise TableError(f"line {reader.line_num} is not CSV: {error}") from None
    read = requests(rows, columns, numbers=number_format(rows, columns, locale, option))
    return SessionTable(
        [with_unknown_rates(request, cells, columns) for request, cells in zip(read, rows, strict=True)], columns.unused
    )


def with_unknown_rates(request: PredictionRequest, cells: Sequence[Any], columns: Columns) -> PredictionRequest:
    """The session as live scoring has it: its rates are unknown where its site had no page statistics."""
    if columns.statistics is None:
        return request
    text = str(cells[columns.statistics]).strip().lower()
    has_none = text == "0" or _truth(text) is False
    return msgspec.structs.replace(request, **_UNKNOWN_RATES) if has_none else request


def _is_empty(cell: Any) -> bool:
    return cell.__class__ is str and not cell.strip()


def _truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text, _TRUTHS.get(text))


def _plain(cells: Mapping[str, Any], numbers: NumberFormat) -> dict[str, Any]:
    """The cells as programs write them; raises FormatError that names the field."""
    plain = dict(cells)
    for field in NUMBERS:
        text = cells.get(field)
        # What holds no digit, nan and inf among them, is refused with the field's own words.
        if text is not None and not _PLAIN[numbers.decimal](text) and any(map(str.isdigit, text)):
            plain[field] = _digits(field, text, numbers)
    truth = cells["weekend"].strip().lower()
    if truth in _TRUTHS:
        plain["weekend"] = _TRUTHS[truth]
    return plain


def _digits(field: str, text: str, numbers: NumberFormat) -> str:
    found = numeral(text)
    digits = None if found is None else numbers.plain(found.digits)
    if found is None or digits is None or (found.is_percent and field not in SHARES):
        raise FormatError(f"{field}: {text.strip()[:40]!r} is no number with {numbers.name}")
    return repr(float(digits) / 100) if found.is_percent else digits


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
