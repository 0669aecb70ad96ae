"""The e-shop clicks (UCI 553) read from their file: whole sessions, every fault named by line and column.

Knows nothing of events.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import IO, cast

from msgspec import Struct

from deploy.simulate.errors import SimulationDataError

SEPARATOR = ";"
#: The columns that are read; the file has more.
YEAR, MONTH, DAY, ORDER, COUNTRY, SESSION = "year", "month", "day", "order", "country", "session ID"
CATEGORY, MODEL, PAGE = "page 1 (main category)", "page 2 (clothing model)", "page"
COLUMNS = (YEAR, MONTH, DAY, ORDER, COUNTRY, SESSION, CATEGORY, MODEL, PAGE)
#: What a file that is another one should have been.
WANTED = "--data takes the e-shop clicks, UCI 553"
#: The contract's limit of a code, and of the number in a session's id.
MOST_CODE, MOST_NUMBER = 10_000, 10**12
#: Clicks of a session that its day has room for; the real file has 195 at most.
MOST_CLICKS = 300
_GZIP = b"\x1f\x8b"
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)


class ClickSession(Struct, frozen=True):
    """One session: its number in the file, its day, the file's code of its country, and the page of each click."""

    number: int
    day: date
    country: int
    paths: tuple[str, ...]


class _Reading:
    """A session while its clicks are read."""

    __slots__ = ("country", "day", "order", "paths")

    def __init__(self, day: date, country: int) -> None:
        self.day = day
        self.country = country
        self.order = 0
        self.paths: list[str] = []


class _Line:
    """One line of the file; a bad value is a SimulationDataError that names file, line and column."""

    def __init__(self, file: Path, number: int, values: dict[str, str]) -> None:
        self._where = f"{file}, line {number}"
        self._values = values

    def fault(self, column: str, what: str) -> SimulationDataError:
        return SimulationDataError(f"{self._where}, column {column}: {what}")

    def number(self, column: str, least: int, most: int) -> int:
        text = self._values[column]
        if not _DIGITS.fullmatch(text):
            raise self.fault(column, f"{text[:40]!r} is no whole number")
        if not least <= int(text) <= most:
            raise self.fault(column, f"{text} does not lie between {least} and {most}")
        return int(text)

    def word(self, column: str) -> str:
        text = self._values[column]
        if not _WORD.fullmatch(text):
            raise self.fault(column, f"{text[:40]!r} is no code of letters and digits")
        return text

    def day(self) -> date:
        year, month = self.number(YEAR, 1971, 2199), self.number(MONTH, 1, 12)
        day = self.number(DAY, 1, 31)
        try:
            return date(year, month, day)
        except ValueError:
            raise self.fault(DAY, f"the month {year}-{month:02} has no day {day}") from None


def read(file: Path) -> list[ClickSession]:
    """All sessions in the file's order, none unless all are good; raises SimulationDataError."""
    sessions: dict[int, _Reading] = {}
    for line in _lines(file):
        number, day, country = line.number(SESSION, 1, MOST_NUMBER), line.day(), line.number(COUNTRY, 0, MOST_CODE)
        session = sessions.setdefault(number, _Reading(day, country))
        order = line.number(ORDER, 1, MOST_NUMBER)
        if order <= session.order:
            raise line.fault(ORDER, f"{order} comes after {session.order} in session {number}, and must grow")
        if day != session.day:
            raise line.fault(DAY, f"session {number} goes on on {day}, and began on {session.day}")
        if country != session.country:
            raise line.fault(COUNTRY, f"session {number} goes on in {country}, and began in {session.country}")
        if len(session.paths) == MOST_CLICKS:
            raise line.fault(ORDER, f"session {number} has more than {MOST_CLICKS} clicks")
        session.order = order
        session.paths.append(_path(line))
    if not sessions:
        raise SimulationDataError(f"{file}, line 2: there is no click: {WANTED}")
    return [ClickSession(number, each.day, each.country, tuple(each.paths)) for number, each in sessions.items()]


def _path(line: _Line) -> str:
    return f"/products/{line.number(CATEGORY, 0, MOST_CODE)}/{line.number(PAGE, 0, MOST_CODE)}/{line.word(MODEL)}"


def _lines(file: Path) -> Iterator[_Line]:
    """The lines after the header, which has every column that is read; blank ones are passed over."""
    number = 0
    try:
        with _opened(file) as raw:
            reader = csv.reader(_texts(raw), delimiter=SEPARATOR, strict=True)
            header = next(reader, [])
            _check_header(file, header)
            number = reader.line_num
            for values in reader:
                number = reader.line_num
                if len(values) == len(header):
                    yield _Line(file, number, dict(zip(header, values, strict=True)))
                elif values:
                    column = header[min(len(values), len(header) - 1)]
                    raise SimulationDataError(
                        f"{file}, line {number}, column {column}: the line has {len(values)} values for "
                        f"{len(header)} columns"
                    )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SimulationDataError(f"{file}: from line {number + 1} on, the gzip data is damaged: {error}") from error
    except UnicodeDecodeError as error:
        raise SimulationDataError(f"{file}, line {number + 1}: not text in UTF-8: {WANTED}") from error
    except csv.Error as error:
        raise SimulationDataError(f"{file}, line {number + 1}: {error}") from error
    except OSError as error:
        raise SimulationDataError(f"cannot read {file}: {error.strerror or error}") from error


def _opened(file: Path) -> IO[bytes]:
    """The bytes of the file, packed by gzip or, as UCI gives it, not."""
    with file.open("rb") as raw:
        begin = raw.read(2)
    if not begin:
        raise SimulationDataError(f"{file}, line 1: the file is empty: {WANTED}")
    if begin == _GZIP:
        return cast("IO[bytes]", gzip.open(file))
    if file.suffix == ".gz":
        raise SimulationDataError(f"{file}, line 1: not gzip, though its name ends in .gz: {WANTED}")
    return file.open("rb")


def _texts(raw: Iterable[bytes]) -> Iterator[str]:
    """Line by line, so that a line that is no text is known by its number."""
    for place, line in enumerate(raw):
        yield line.decode("utf-8" if place else "utf-8-sig")


def _check_header(file: Path, header: list[str]) -> None:
    where = f"{file}, line 1"
    missing = [name for name in COLUMNS if name not in header]
    if len(header) == 1 and len(missing) == len(COLUMNS):
        raise SimulationDataError(
            f"{where}, column {header[0][:60]!r}: columns must be separated by {SEPARATOR!r}: {WANTED}"
        )
    if missing:
        raise SimulationDataError(f"{where}: there is no column {', '.join(missing)}: {WANTED}")
