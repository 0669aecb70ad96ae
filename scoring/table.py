"""Sessions as rows of a table, in the columns of UCI's file or of the API; and tables of their scores."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from scoring.csv_text import first_line, separator_of
from scoring.errors import ScoringError
from scoring.number_format import Evidence, FormatError, NumberFormat, format_of_locale, numeral
from scoring.predict import BatchPrediction
from scoring.prediction import FIELD_OF, FIELDS, NUMBERS, SHARES, WHOLE, FieldError, PredictionRequest, read_cells

#: What a spreadsheet would run.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
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
_COLUMNS = frozenset((*FIELD_OF, *FIELDS))


class TableError(ScoringError, ValueError):
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
    rows: Iterable[Sequence[Any]],
    where: Mapping[str, int],
    width: int,
    first: int = 1,
    numbers: NumberFormat | None = None,
) -> Iterator[PredictionRequest]:
    """The sessions of rows whose fields are where `where` says; raises TableError.

    numbers: how texts write them; None where the cells have types of their own.
    """
    for number, cells in enumerate(rows, first):
        if len(cells) != width:
            raise TableError(f"row {number} has {len(cells)} columns, the header {width}")
        try:
            given = {field: cells[place] for field, place in where.items()}
            yield read_cells(given if numbers is None else _plain(given, numbers))
        except (FieldError, FormatError) as error:
            raise TableError(f"row {number}, {error}") from None


def number_format(rows: Iterable[Sequence[str]], where: Mapping[str, int], locale: str, option: str) -> NumberFormat:
    """How the rows write numbers: by the locale (`option` gives one), else by all of them; raises TableError."""
    evidence = Evidence()
    try:
        if locale:
            return format_of_locale(locale)
        measures = [(where[field], field, field in WHOLE, 1.0 if field in SHARES else None) for field in NUMBERS]
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


def read_csv(text: str, locale: str, option: str) -> list[PredictionRequest]:
    """The sessions of a CSV table with a header; raises TableError. option: what gives a locale."""
    lines = text.splitlines(keepends=True)
    reader = csv.reader(lines, delimiter=separator(first_line(lines)), strict=True)
    try:
        header = next(reader, [])
        where = places(header)
        rows = [cells for cells in reader if cells]
    except csv.Error as error:
        raise TableError(f"line {reader.line_num} is not CSV: {error}") from None
    return list(requests(rows, where, len(header), numbers=number_format(rows, where, locale, option)))


def _plain(cells: Mapping[str, Any], numbers: NumberFormat) -> dict[str, Any]:
    """The cells as programs write them; raises FormatError that names the field."""
    plain = dict(cells)
    for field in NUMBERS:
        text = cells[field]
        # What holds no digit, nan and inf among them, is refused with the field's own words.
        if not _PLAIN[numbers.decimal](text) and any(map(str.isdigit, text)):
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
