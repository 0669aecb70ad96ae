"""Reading, refusing, sampling and drawing rows."""

from pathlib import Path

import pytest

from deploy.simulate.dates import Dates
from deploy.simulate.draw import draw
from deploy.simulate.errors import SimulationDataError
from deploy.simulate.fit import fit
from deploy.simulate.pages import Catalogue
from deploy.simulate.rows import COLUMNS, read, sample, views_of, write
from deploy.simulate.uci import UciVisit
from stream.fold.calendar import Calendar

GOOD = "1,2.5,0,0,3,64.0004,0.02,0.1,5.5,0.6,May,2,2,1,2,New_Visitor,FALSE,TRUE"


def file_of(folder: Path, *lines: str, header: str = ",".join(COLUMNS)) -> Path:
    file = folder / "rows.csv"
    file.write_text("\n".join((header, *lines)) + "\n")
    return file


def test_reads_a_row(tmp_path: Path) -> None:
    (row,) = read(file_of(tmp_path, GOOD))
    assert (row.number, row.revenue, row.features.Weekend, row.features.Month) == (1, True, False, "May")
    assert views_of(row.features) == ((1, 2500), (0, 0), (3, 64000))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(GOOD.replace("May", "Mai"), "line 2", id="month that no calendar has"),
        pytest.param(GOOD.replace("TRUE", "perhaps"), "line 2", id="outcome that is neither"),
        pytest.param(GOOD.replace("64.0004", "many"), "line 2", id="text for a number"),
        pytest.param(GOOD.replace("1,2.5,0,0", "1,2.5,0,7"), "none was viewed", id="time without a page"),
        pytest.param(GOOD.replace("64.0004", "5400.1"), "30 minutes", id="views beyond the cap"),
        pytest.param(GOOD.replace("1,2.5", "-1,2.5"), "negative", id="negative count"),
        pytest.param(GOOD.replace("0.02", "1.02"), "rates", id="rate above one"),
        pytest.param(GOOD.replace("1,2.5", "2000,2.5"), "1900", id="more views than a session holds"),
        pytest.param("1,2", "line 2", id="short line"),
    ],
)
def test_refuses_what_no_session_can_be(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(SimulationDataError, match=says):
        read(file_of(tmp_path, line))


@pytest.mark.parametrize(
    ("lines", "header", "says"),
    [
        pytest.param([], ",".join(COLUMNS), "no rows", id="no rows"),
        pytest.param([GOOD], "a,b", "no column", id="another file"),
    ],
)
def test_refuses_another_file(tmp_path: Path, lines: list[str], header: str, says: str) -> None:
    with pytest.raises(SimulationDataError, match=says):
        read(file_of(tmp_path, *lines, header=header))


def test_states_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SimulationDataError, match="cannot read"):
        read(tmp_path / "none.csv")


def test_written_rows_read_the_same(tmp_path: Path) -> None:
    rows = draw(50)
    write(tmp_path / "drawn.csv", rows)
    assert read(tmp_path / "drawn.csv") == rows


@pytest.mark.parametrize("count", [1, 2, 3, 50, 299, 300])
def test_sample_is_as_large_as_requested_and_keeps_the_share_of_buyers(count: int) -> None:
    rows = draw(300)
    chosen = sample(rows, count)
    assert len({row.number for row in chosen}) == count
    assert chosen == sample(rows, count)
    share = sum(row.revenue for row in rows) / len(rows)
    assert abs(sum(row.revenue for row in chosen) - share * count) <= 1


def test_drawn_rows_are_the_same_each_time_and_fit_the_year() -> None:
    rows = draw(500)
    assert rows == draw(500)
    assert len({row.number for row in rows}) == 500
    assert {row.revenue for row in rows} == {True, False}
    dates = Dates(Calendar("UTC", "", ("02-14", "05-09")))
    assert all(UciVisit("uci~drawn", row, dates, Catalogue()).start for row in rows)


def test_drawn_rows_lean_towards_what_buyers_do() -> None:
    rows = draw(4_000)
    mean = {
        bought: sum(row.features.PageValues for row in rows if row.revenue is bought)
        / sum(row.revenue is bought for row in rows)
        for bought in (True, False)
    }
    assert mean[True] > 5 * mean[False]


def test_fit_keeps_shares_and_quantiles() -> None:
    table = fit(draw(400))
    assert [outcome["revenue"] for outcome in table["outcomes"]] == [False, True]
    assert sum(outcome["rows"] for outcome in table["outcomes"]) == table["rows"] == 400
    for outcome in table["outcomes"]:
        assert sum(many for _, many in outcome["days"]) == outcome["rows"]
        assert all(line == sorted(line) for line in outcome["quantiles"])


def test_site_without_the_special_days_is_named(tmp_path: Path) -> None:
    with pytest.raises(SimulationDataError, match="special_days 02-14"):
        UciVisit("uci~x", read(file_of(tmp_path, GOOD))[0], Dates(Calendar("UTC")), Catalogue())
