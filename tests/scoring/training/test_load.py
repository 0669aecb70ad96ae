"""A file of sessions is read whole or refused with the place."""

from pathlib import Path

import numpy as np
import pytest

from scoring.features import NAMES
from scoring.training.load import DataError, load
from tests.support.rows import sessions, write_csv

HEADER = ",".join([*NAMES, "Revenue"])
GOOD = "0,0,0,0,2,64,0,0.1,0,0,Feb,2,2,1,2,Returning_Visitor,FALSE,TRUE"


def with_cell(column: str, value: str) -> str:
    cells = GOOD.split(",")
    cells[HEADER.split(",").index(column)] = value
    return ",".join(cells)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    given = sessions(50)
    read = load(write_csv(tmp_path / "s.csv", given))
    np.testing.assert_array_equal(read.rows, given.rows)
    np.testing.assert_array_equal(read.bought, given.bought)
    assert len(read.sha256) == 64


@pytest.mark.parametrize(
    "text", [HEADER + "\r\n" + GOOD + "\r\n", "\ufeff" + HEADER + "\n" + GOOD], ids=["CRLF", "BOM"]
)
def test_other_line_ends_and_a_byte_order_mark(tmp_path: Path, text: str) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(text.encode())
    assert load(file).rows.tolist() == [[0, 0, 0, 0, 2, 64, 0, 0.1, 0, 0, 2, 2, 2, 1, 2, 2, 0]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (with_cell("Month", "Jun"), "row 2, column Month: 'Jun' is not one of Jan, Feb"),
        (with_cell("VisitorType", ""), "row 2, column VisitorType: ''"),
        (with_cell("Weekend", "true"), "row 2, column Weekend: 'true' is not one of TRUE, FALSE"),
        (with_cell("Revenue", "1"), "row 2, column Revenue"),
        (with_cell("Administrative", "1.5"), "row 2, column Administrative: '1.5' is not a whole number"),
        (with_cell("PageValues", ""), "row 2, column PageValues: '' is not a number"),
        (with_cell("PageValues", "nan"), "row 2, column PageValues: nan is not between 0 and 1e"),
        (with_cell("ProductRelated_Duration", "-1"), "row 2, column ProductRelated_Duration: -1 is not between"),
        (with_cell("BounceRates", "20"), "row 2, column BounceRates: 20 is not between 0 and 1"),
        (GOOD + ",1", "row 2: 19 values, not 18"),
        ("", "row 2: 0 values, not 18"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    file = tmp_path / "s.csv"
    file.write_text(f"{HEADER}\n{GOOD}\n{line}\n{GOOD}\n")
    with pytest.raises(DataError) as caught:
        load(file)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "first line must be Administrative", id="empty"),
        pytest.param(HEADER.encode(), "no sessions", id="a header alone"),
        pytest.param(HEADER.replace("Month", "month").encode(), "first line must be", id="another header"),
        pytest.param(b"\xff\xfe\x00", "UTF-8", id="no text"),
    ],
)
def test_a_file_that_is_no_such_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "s.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--data"):
        load(tmp_path / "none.csv")
