"""Reads a page export of Google Analytics (CSV), so that a shop does not begin with pages worth nothing. Pure.

Universal Analytics and GA4 name their columns differently, in the language of whoever exports, and put comment lines
(#) above the header and totals, or a second table, below the rows; all of that is understood, as are numbers of other
countries (scoring/number_format.py). A wrong cell is named by row and column.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from scoring.csv_text import first_line, separator_of
from scoring.number_format import Evidence, FormatError, NumberFormat, format_of_locale
from storage.errors import StorageError
from storage.pages.ga_headers import HEADERS, TOTALS
from stream.fold.pages import PageRow

LONGEST_PATH = 500
#: No page of a real shop comes near it, and sums of it stay finite.
LARGEST = 1e12


class PagesExportError(StorageError, ValueError):
    """The file is not such an export; the message says where."""


class _Page(NamedTuple):
    views: float
    bounce_rate: float
    exit_rate: float
    page_value: float


def read(
    lines: Iterable[str],
    site: str,
    path_of: Callable[[str], str],
    locale: str = "",
    columns: Mapping[str, str] | None = None,
) -> list[PageRow]:
    """The statistics in an export; `path_of` makes of a page what the site's events call it.

    Several rows of one page (of other query parameters) become one, weighted by their views. `locale` says how numbers
    are written, which else all of them decide; `columns` names columns by their kind (a key of HEADERS), where the
    header has a name that no export has. Raises PagesExportError.
    """
    header, rows = _rows(list(lines), columns or {})
    numbers = _number_format(header, rows, locale)
    pages: dict[str, list[_Page]] = {}
    for row, cells in rows:
        page = _cell(cells, header["page"])
        # The line of totals names no page.
        if page.startswith("/") or "." in page.partition("/")[0]:
            pages.setdefault(path_of(page)[:LONGEST_PATH], []).append(_page(cells, header, row, numbers))
        elif page and not page.lower().startswith(TOTALS):
            raise PagesExportError(f"row {row}, column page: {page[:80]!r} is no path of a page")
    if not pages:
        raise PagesExportError("the file has no rows: export the report of pages as CSV")
    return [_together(site, path, found) for path, found in pages.items()]


def _rows(lines: Sequence[str], given: Mapping[str, str]) -> tuple[dict[str, int], list[tuple[int, list[str]]]]:
    """Where each column is, and the rows with their numbers; what follows an empty line is another table."""
    # A comment counts as an empty line, so that rows have the numbers that they have in the file.
    plain = ["\n" if line.lstrip("\ufeff").startswith("#") else line for line in lines]
    known = {_normal(name) for name in given.values()}.union(*HEADERS.values())
    separator = separator_of(first_line(plain), lambda cell: _normal(cell) in known)
    reader = csv.reader(plain, delimiter=separator, strict=True)
    header: dict[str, int] | None = None
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                if header is not None:
                    break
            elif header is None:
                header = _columns(cells, reader.line_num, given)
            else:
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise PagesExportError(f"row {reader.line_num}: {error}: this is not CSV") from None
    return header or {"page": 0}, rows


def _columns(header: list[str], row: int, given: Mapping[str, str]) -> dict[str, int]:
    names = [_normal(cell) for cell in header]
    found = {}
    for kind, known in HEADERS.items():
        wanted = (_normal(given[kind]),) if kind in given else known
        places = [names.index(name) for name in wanted if name in names]
        if places:
            found[kind] = places[0]
        elif kind in given:
            raise PagesExportError(f"row {row} has no column {given[kind][:80]!r}, which --column {kind}= names")
        elif kind == "page":
            raise PagesExportError(
                f"row {row} has no column 'page' or 'page path', or its name in a language that is known: export the "
                "report of pages, or name the column with --column page=NAME"
            )
    if not found.keys() & {"bounce", "exit", "value"}:
        raise PagesExportError(
            f"row {row} has no column 'bounce rate', '% exit' or 'page value', or its name in a language that is "
            "known: add one to the report, or name it with --column bounce=NAME, exit=NAME or value=NAME"
        )
    return found


def _normal(name: str) -> str:
    """A column's name without what differs between exports: capitals, kinds of spaces and apostrophes."""
    return re.sub(r"\s+", " ", name.strip().strip("\ufeff").lower().replace("\u2019", "'")).strip()


def _number_format(header: Mapping[str, int], rows: Sequence[tuple[int, list[str]]], locale: str) -> NumberFormat:
    evidence = Evidence()
    try:
        if locale:
            return format_of_locale(locale)
        for row, cells in rows:
            for kind in header.keys() & _MOST.keys():
                evidence.add(_cell(cells, header[kind]), row, kind, is_whole=kind == "views", most=_MOST[kind])
        return evidence.format("--locale")
    except FormatError as error:
        raise PagesExportError(str(error)) from None


#: The greatest number of each column, where there is one.
_MOST: Mapping[str, float | None] = {"views": None, "bounce": 1.0, "exit": 1.0, "value": None}


def _page(cells: list[str], columns: Mapping[str, int], row: int, numbers: NumberFormat) -> _Page:
    def number(column: str, otherwise: float) -> float:
        if column not in columns:
            return otherwise
        text = _cell(cells, columns[column])
        # Exports leave what is 0 empty, or put a dash.
        if text in ("", "-", "–", "—"):
            return 0.0
        try:
            value, is_percent = numbers.read(text)
        except FormatError as error:
            raise PagesExportError(f"row {row}, column {column}: {error}") from None
        share = value / 100 if is_percent else value
        most = _MOST[column]
        if share < 0 or (most is not None and share > most):
            wrong = "is negative" if most is None else "is no rate from 0 to 100 %"
            raise PagesExportError(f"row {row}, column {column}: {text[:40]!r} {wrong}")
        if share > LARGEST:
            raise PagesExportError(f"row {row}, column {column}: {text[:40]!r} is more than {LARGEST:,.0f}")
        return share

    return _Page(number("views", 1.0), number("bounce", 0.0), number("exit", 0.0), number("value", 0.0))


def _cell(cells: list[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def _together(site: str, path: str, pages: list[_Page]) -> PageRow:
    weight = sum(page.views for page in pages)
    shares = [page.views / weight if weight else 1 / len(pages) for page in pages]
    bounce, leave, value = (
        sum(share * getattr(page, name) for share, page in zip(shares, pages, strict=True))
        for name in ("bounce_rate", "exit_rate", "page_value")
    )
    return PageRow("", site, path, min(bounce, 1.0), min(leave, 1.0), value)
