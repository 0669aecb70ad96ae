"""An export writes the days that changed, whole or not at all, the same bytes each time, a slice at a time."""

import os
import random
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from deploy.errors import SetupError
from deploy.feature_store.export import ALL_CLOSED, SETTLED, ExportAccount, RowSlice, export, slices
from deploy.feature_store.folder import day_file, days_in, part_of, sites_in
from deploy.feature_store.parquet import COLUMNS
from storage.feature_store.days import DAY_MS, HOUR_MS, OpeningHour
from tests.support.events import NOON
from tests.support.feature_source import ListFeatureSource, SourceRow

DAY = NOON - NOON % DAY_MS
FIRST, SECOND, THIRD = "2025-01-01", "2025-01-02", "2025-01-03"
LATER = DAY + 30 * DAY_MS


def three_days() -> list[SourceRow]:
    chance = random.Random(5)
    openings = sorted(chance.randrange(DAY, DAY + 3 * DAY_MS) for _ in range(90))
    return [SourceRow(f"s{number // 2}", openings[number - number % 2], number) for number in range(90)]


def run(
    source: ListFeatureSource, folder: Path, now: int = LATER, since: int | None = None, until: int = LATER
) -> ExportAccount:
    return export(source, folder, "shop", since, until, now)


def content(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*.parquet"))}


def test_each_day_is_a_file_with_the_rows_of_its_sessions(tmp_path: Path) -> None:
    source = ListFeatureSource(three_days())
    account = run(source, tmp_path)
    assert (account.written, account.rows) == ([FIRST, SECOND, THIRD], 90)
    assert list(content(tmp_path)) == [f"rows/shop/{day}.parquet" for day in (FIRST, SECOND, THIRD)]
    assert (sites_in(tmp_path), days_in(tmp_path, "shop")) == (["shop"], [FIRST, SECOND, THIRD])
    table = pq.read_table(tmp_path / "rows")
    assert table.column_names == list(COLUMNS)
    assert sorted(table["offset"].to_pylist()) == list(range(90))
    second = pq.read_table(day_file(tmp_path, "shop", SECOND))
    assert {at.date().isoformat() for at in second["opened_at"].to_pylist()} == {SECOND}


def test_days_that_are_there_and_unchanged_are_not_written_again(tmp_path: Path) -> None:
    source = ListFeatureSource(three_days())
    run(source, tmp_path)
    before = {file: file.stat().st_ino for file in tmp_path.rglob("*.parquet")}
    source.slices.clear()
    again = run(source, tmp_path)
    assert (again.written, again.unchanged, source.slices) == ([], 3, [])
    source.list[-1].probability = 0.9
    changed = run(source, tmp_path)
    assert (changed.written, changed.unchanged) == ([THIRD], 2)
    after = {file: file.stat().st_ino for file in tmp_path.rglob("*.parquet")}
    assert {file.stem for file in before if before[file] != after[file]} == {THIRD}
    assert 0.9 in pq.read_table(day_file(tmp_path, "shop", THIRD))["probability"].to_pylist()


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name, most_days in (("one", 31), ("other", 1)):
        run(ListFeatureSource(three_days(), most_days), tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "other")


def test_a_day_of_which_nothing_is_left_goes_and_others_stay(tmp_path: Path) -> None:
    source = ListFeatureSource(three_days())
    run(source, tmp_path)
    source.list = [row for row in source.list if row.opened_at >= DAY + DAY_MS]
    assert run(source, tmp_path, since=DAY + DAY_MS).removed == []
    assert run(source, tmp_path, since=DAY).removed == [FIRST]
    assert days_in(tmp_path, "shop") == [SECOND, THIRD]


def test_a_store_without_the_site_removes_nothing(tmp_path: Path) -> None:
    run(ListFeatureSource(three_days()), tmp_path)
    for since in (None, DAY):
        with pytest.raises(SetupError, match="nothing is stored of site shop"):
            run(ListFeatureSource([]), tmp_path, since=since)
    assert len(content(tmp_path)) == 3


@pytest.mark.parametrize(
    ("is_closed", "now", "written"),
    [
        pytest.param(True, DAY + DAY_MS + SETTLED - 1, [], id="not over for long"),
        pytest.param(True, DAY + DAY_MS + SETTLED, [FIRST], id="over and closed"),
        pytest.param(False, DAY + DAY_MS + ALL_CLOSED - 1, [], id="a session is open"),
        pytest.param(False, DAY + DAY_MS + ALL_CLOSED, [FIRST], id="one that never closes is left out"),
    ],
)
def test_a_day_is_written_once_its_sessions_are_closed(
    is_closed: bool, now: int, written: list[str], tmp_path: Path
) -> None:
    source = ListFeatureSource([SourceRow("s1", NOON, 1), SourceRow("s2", NOON, 2, is_closed=is_closed)])
    account = run(source, tmp_path, now)
    assert account.written == written
    assert account.waiting == ([] if written else [FIRST])
    assert account.rows == len(written) * (1 + is_closed)


def test_only_whole_days_of_the_window_are_written(tmp_path: Path) -> None:
    account = run(ListFeatureSource(three_days()), tmp_path, since=DAY + DAY_MS + 5, until=DAY + 3 * DAY_MS - 1)
    assert account.written == [SECOND]


HOURS = [OpeningHour(DAY + hour * HOUR_MS, updates) for hour, updates in ((1, 40), (2, 30), (5, 250), (9, 10))]


def test_slices_are_whole_hours_and_parts_of_those_that_are_too_many() -> None:
    end = DAY + DAY_MS
    assert list(slices(FIRST, HOURS, 1_000)) == [RowSlice(DAY, end)]
    six = DAY + 6 * HOUR_MS
    parts = [RowSlice(DAY + 5 * HOUR_MS, six, part, 3) for part in range(3)]
    assert list(slices(FIRST, HOURS, 100)) == [RowSlice(DAY, DAY + 5 * HOUR_MS), *parts, RowSlice(six, end)]
    assert list(slices(FIRST, HOURS[:3], 100))[1:] == parts


@pytest.mark.parametrize("at", range(6))
def test_killed_at_any_slice_it_goes_on_to_the_same_bytes(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.feature_store.export.slices", lambda day, hours: slices(day, hours, 15))
    whole = ListFeatureSource(three_days())
    run(whole, tmp_path / "whole")
    assert len(whole.slices) >= 6
    killed = os.fork()
    if not killed:
        source = ListFeatureSource(three_days())
        source.before_slice = lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == at else None
        run(source, tmp_path / "killed")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(killed, 0)[1]) == signal.SIGKILL
    kept = content(tmp_path / "killed")
    assert kept.items() <= content(tmp_path / "whole").items()
    going_on = run(ListFeatureSource(three_days()), tmp_path / "killed")
    assert going_on.unchanged == len(kept)
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert not list((tmp_path / "killed").rglob(".2*"))


def test_a_file_that_is_damaged_is_written_again(tmp_path: Path) -> None:
    source = ListFeatureSource(three_days())
    run(source, tmp_path)
    whole = content(tmp_path)
    day_file(tmp_path, "shop", FIRST).write_bytes(b"PAR1 and no more")
    assert run(source, tmp_path).written == [FIRST]
    assert content(tmp_path) == whole


def test_one_export_at_a_time_writes_to_a_folder(tmp_path: Path) -> None:
    source = ListFeatureSource(three_days())
    source.before_slice = lambda _: run(source, tmp_path)
    with pytest.raises(SetupError, match="another export writes to"):
        run(source, tmp_path)


def test_a_folder_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match=r"cannot write to .*/file: "):
        run(ListFeatureSource(three_days()), tmp_path / "file")


def test_what_an_earlier_run_left_is_no_file_of_a_folder_of_parquet(tmp_path: Path) -> None:
    run(ListFeatureSource(three_days()), tmp_path)
    part_of(day_file(tmp_path, "shop", FIRST)).write_bytes(b"half")
    assert pq.read_table(tmp_path / "rows").num_rows == 90
