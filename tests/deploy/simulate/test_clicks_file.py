"""Reading the click file: whole sessions, and every fault as one line that says where it is."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from deploy.cli.failures import lines
from deploy.simulate.clicks_file import MOST_CLICKS, ClickSession, read
from deploy.simulate.errors import SimulationDataError
from tests.support.clicks import HEADER, click, clicks_file, packed

GOOD = click(1, 1)


def test_reads_sessions_with_their_clicks_in_the_order_of_the_file(tmp_path: Path) -> None:
    file = packed(tmp_path / "c.gz", [click(1, 1), click(2, 1, "2008;4;2", "B4", 9), click(1, 2), click(1, 5)])
    assert read(file) == [
        ClickSession(1, date(2008, 4, 1), 29, ("/products/2/2/A13", "/products/3/3/A13", "/products/2/1/A13")),
        ClickSession(2, date(2008, 4, 2), 9, ("/products/2/2/B4",)),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"], ids=["lf", "crlf", "blank lines"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "with a byte order mark"])
def test_reads_the_file_unpacked_as_uci_gives_it(tmp_path: Path, end: str, mark: str) -> None:
    file = tmp_path / "clicks.csv"
    file.write_bytes((mark + end.join((HEADER, GOOD, click(1, 2), ""))).encode())
    assert [len(session.paths) for session in read(file)] == [2]


@pytest.mark.parametrize(
    ("changed", "line", "column"),
    [
        pytest.param(click(1, 2).replace("2008;4", "2008;four"), 3, "month", id="word for a number"),
        pytest.param(click(1, 2).replace("2008", "-2008"), 3, "year", id="negative number"),
        pytest.param(click(1, 2).replace("2008", "20O8"), 3, "year", id="letter in a number"),
        pytest.param(click(1, 2).replace("2008", "²⁰⁰⁸"), 3, "year", id="digits of another kind"),
        pytest.param(click(1, 2, "2008;13;1"), 3, "month", id="month that is none"),
        pytest.param(click(1, 2, "2008;2;30"), 3, "day", id="day that the month has not"),
        pytest.param(click(1, 2, country=10_001), 3, "country", id="country beyond the contract"),
        pytest.param(click(0, 2), 3, "session ID", id="session 0"),
        pytest.param(click(1, 2, model="A/../1"), 3, "page 2 (clothing model)", id="product that is no code"),
        pytest.param(click(1, 2).replace("29", ""), 3, "country", id="empty value"),
        pytest.param(click(1, 1), 3, "order", id="order that stands still"),
        pytest.param(click(1, 2, "2008;4;2"), 3, "day", id="session of two days"),
        pytest.param(click(1, 2, country=9), 3, "country", id="session of two countries"),
        pytest.param(click(1, 2).rpartition(";")[0], 3, "page", id="line too short"),
        pytest.param(click(1, 2) + ";1", 3, "page", id="line too long"),
        pytest.param(click(1, 2).replace(";", ","), 3, "month", id="another separator in one line"),
    ],
)
def test_a_fault_is_one_line_that_names_file_line_and_column(
    tmp_path: Path, changed: str, line: int, column: str
) -> None:
    file = packed(tmp_path / "clicks.csv.gz", [GOOD, changed, click(1, 3)])
    with pytest.raises(SimulationDataError) as refused:
        read(file)
    (said,) = lines(refused.value) or []
    assert said.startswith(f"{file}, line {line}, column {column}: ")


def test_an_order_that_falls_names_the_line_in_a_file_whose_sessions_are_mixed(tmp_path: Path) -> None:
    file = packed(tmp_path / "c.gz", [click(1, 1), click(2, 1), click(1, 4), click(2, 2), click(1, 3)])
    with pytest.raises(SimulationDataError, match=r"line 6, column order: 3 comes after 4 in session 1, and must grow"):
        read(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(f"{HEADER}\n{GOOD}\n".encode(), r"c\.csv\.gz, line 1: not gzip", id="not gzip"),
        pytest.param(b"", "line 1: the file is empty", id="no byte at all"),
        pytest.param(gzip.compress(b""), r"c\.csv\.gz, line 1: there is no column year", id="nothing packed"),
        pytest.param(gzip.compress(HEADER.encode()), "line 2: there is no click", id="a header alone"),
        pytest.param(
            gzip.compress(f"{HEADER}\n{GOOD}\n".encode())[:-20],
            "from line 2 on, the gzip data is damaged",
            id="cut off",
        ),
        pytest.param(
            gzip.compress(f"{HEADER}\n{GOOD}\n".replace(";", ",").encode()),
            "line 1, column 'year,month.*': columns must be separated by ';'",
            id="another separator",
        ),
        pytest.param(
            gzip.compress(f"{HEADER}\n{GOOD}\n".replace(";session ID", ";session").encode()),
            r"c\.csv\.gz, line 1: there is no column session ID",
            id="no such column",
        ),
        pytest.param(gzip.compress(f"{HEADER}\n{GOOD}\n".encode() + b"\xff;1\n"), "line 3: not text", id="no text"),
        pytest.param(gzip.compress(f'{HEADER}\n"{GOOD}\n'.encode()), "line 2: unexpected end", id="open quote"),
    ],
)
def test_another_file_is_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "c.csv.gz"
    file.write_bytes(content)
    with pytest.raises(SimulationDataError, match=says) as refused:
        read(file)
    assert len(lines(refused.value) or []) == 1


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SimulationDataError, match=r"cannot read .*none\.gz: No such file"):
        read(tmp_path / "none.gz")


def test_a_session_has_as_many_clicks_as_its_day_has_room_for(tmp_path: Path) -> None:
    many = [click(1, order) for order in range(1, MOST_CLICKS + 2)]
    assert len(read(packed(tmp_path / "c.gz", many[:-1]))[0].paths) == MOST_CLICKS
    with pytest.raises(SimulationDataError, match=rf"line {MOST_CLICKS + 2}, column order: session 1 has more than"):
        read(packed(tmp_path / "c.gz", many))


def test_the_real_file_has_its_published_figures() -> None:
    sessions = read(clicks_file())
    assert len(sessions) == 24_026
    assert sum(len(session.paths) for session in sessions) == 165_474
    assert sum(len(session.paths) == 1 for session in sessions) == 5_042
    assert len({session.day for session in sessions}) == 135
