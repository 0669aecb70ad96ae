"""Reads a page export of Google Analytics (CSV), so that a shop does not begin with pages worth nothing. Pure.

Universal Analytics and GA4 name their columns differently and put comment lines (#) above the header and totals, or a
second table, below the rows; all of that is understood. A wrong cell is named by row and column.
"""

import csv
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from stream.fold.pages import PageRow

#: Names of each column in exports, lower case.
PAGE = ("page", "page path", "page path and screen class", "page path + query string", "landing page")
VIEWS = ("pageviews", "views", "page views", "screen page views")
BOUNCE = ("bounce rate",)
EXIT = ("% exit", "exit rate", "exit %")
VALUE = ("page value", "page value (revenue)", "value per view")

LONGEST_PATH = 500


class PagesExportError(ValueError):
    """The file is not such an export; the message says where."""


class _Page(NamedTuple):
    views: float
    bounce_rate: float
    exit_rate: float
    page_value: float


def read(lines: Iterable[str], site: str, path_of: Callable[[str], str]) -> list[PageRow]:
    """The statistics in an export; `path_of` makes of a page what the site's events call it.

    Several rows of one page (of other query parameters) become one, weighted by their views. Raises PagesExportError.
    """
    pages: dict[str, list[_Page]] = {}
    for page, found in _rows(lines):
        pages.setdefault(path_of(page)[:LONGEST_PATH], []).append(found)
    if not pages:
        raise PagesExportError("the file has no rows: export the report of pages as CSV")
    return [_together(site, path, found) for path, found in pages.items()]


def _rows(lines: Iterable[str]) -> Iterator[tuple[str, _Page]]:
    # A comment counts as an empty line, so that rows have the numbers that they have in the file.
    reader = csv.reader(("\n" if line.startswith("#") else line for line in lines), strict=True)
    columns: dict[str, int] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                if columns is not None:
                    # What follows the rows is another table.
                    return
                continue
            if columns is None:
                columns = _columns(cells, reader.line_num)
                continue
            page = _cell(cells, columns["page"])
            # The line of totals names no page.
            if page.startswith("/") or "." in page.partition("/")[0]:
                yield page, _page(cells, columns, reader.line_num)
            elif page and not page.lower().startswith(("total", "grand total", "(other)", "(not set)")):
                raise PagesExportError(f"row {reader.line_num}, column {PAGE[0]}: {page[:80]!r} is no path of a page")
    except csv.Error as error:
        raise PagesExportError(f"row {reader.line_num}: {error}: this is not CSV") from None


def _columns(header: list[str], row: int) -> dict[str, int]:
    names = [cell.strip().lower().lstrip("\ufeff") for cell in header]
    found = {}
    for column, known in {"page": PAGE, "bounce": BOUNCE, "exit": EXIT, "value": VALUE, "views": VIEWS}.items():
        places = [names.index(name) for name in known if name in names]
        if places:
            found[column] = places[0]
        elif column == "page":
            raise PagesExportError(
                f"row {row} has no column {' or '.join(map(repr, PAGE[:2]))}: export the report of pages"
            )
    if not found.keys() & {"bounce", "exit", "value"}:
        raise PagesExportError(
            f"row {row} has no column 'bounce rate', '% exit' or 'page value': add one to the report"
        )
    return found


def _page(cells: list[str], columns: dict[str, int], row: int) -> _Page:
    def number(column: str, otherwise: float, rate: bool) -> float:
        if column not in columns:
            return otherwise
        text = _cell(cells, columns[column])
        value = _number(text)
        if value is None:
            raise PagesExportError(f"row {row}, column {column}: {text[:40]!r} is no number")
        share = value / 100 if rate and text.endswith("%") else value
        if share < 0 or (rate and share > 1):
            wrong = "is no rate from 0 to 100 %" if rate else "is negative"
            raise PagesExportError(f"row {row}, column {column}: {text[:40]!r} {wrong}")
        return share

    return _Page(
        number("views", 1.0, False), number("bounce", 0.0, True), number("exit", 0.0, True), number("value", 0.0, False)
    )


def _cell(cells: list[str], place: int) -> str:
    return cells[place].strip() if place < len(cells) else ""


def _number(text: str) -> float | None:
    """A number as exports write it: with thousands, a currency, a percent sign; nothing and <0.01 % are 0."""
    plain = text.strip().removesuffix("%").strip("<>$€£¥ \u00a0").replace(",", "").replace("\u00a0", "")
    if not plain or plain == "-":
        return 0.0
    try:
        return float(plain)
    except ValueError:
        return None


def _together(site: str, path: str, pages: list[_Page]) -> PageRow:
    weight = sum(page.views for page in pages)
    shares = [page.views / weight if weight else 1 / len(pages) for page in pages]
    bounce, leave, value = (
        sum(share * getattr(page, name) for share, page in zip(shares, pages, strict=True))
        for name in ("bounce_rate", "exit_rate", "page_value")
    )
    return PageRow("", site, path, min(bounce, 1.0), min(leave, 1.0), value)
