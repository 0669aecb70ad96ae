"""Rows as they are sent: cut anywhere, they are the same rows; what breaks off inside one is found."""

import numpy as np
import pytest

from scoring.learning.rows import LearningRows, joined
from storage.learning.source import ROW, decoded_parts
from tests.support.learning import drawn_rows


def encoded(rows: LearningRows) -> bytes:
    table = np.empty(len(rows), ROW)
    for name, values in (("session", rows.session), ("opened_at", rows.opened_at), ("events", rows.events)):
        table[name] = values
    table["bought"], table["live"], table["features"] = rows.bought, rows.live, rows.rows
    return table.tobytes()


@pytest.mark.parametrize("size", [1, ROW.itemsize - 1, ROW.itemsize, 1_000, 10**9])
def test_rows_come_back_wherever_they_are_cut(size: int) -> None:
    rows = drawn_rows(12)
    raw = encoded(rows)
    parts = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert joined(decoded_parts(parts)).sha256() == rows.sha256()


def test_no_rows_are_no_blocks() -> None:
    assert list(decoded_parts([b""])) == []


def test_an_answer_that_breaks_off_inside_a_row_is_found() -> None:
    with pytest.raises(ValueError, match=r"the rows end 180 bytes into one of 181"):
        list(decoded_parts([encoded(drawn_rows(3))[:-1]]))
