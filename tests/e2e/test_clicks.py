"""Real clicks through the whole embedded system into both databases, and a check that can fail."""

import sqlite3
from pathlib import Path

import pytest

from deploy.simulate.verify.clicks import main as verify
from tests.support.clicks import clicks_file, found_clicks_file, made_up, packed
from tests.support.sinks import clickhouse
from tests.support.stack import Stack, new_stack, up, word_after

SAMPLE = 300
#: Of a site: the records of the log that are events, the sessions that were scored, updates by clicks, and closings.
COUNTS = """SELECT
(SELECT count() FROM events FINAL WHERE site = {site:String} AND kind = 'event'),
(SELECT uniqExact(session_id, opened_at) FROM scored_sessions FINAL WHERE site = {site:String}),
(SELECT countIf(NOT closed) FROM scored_sessions FINAL WHERE site = {site:String}),
(SELECT countIf(closed) FROM scored_sessions FINAL WHERE site = {site:String}),
(SELECT count() FROM dead_letters FINAL)"""


def replay(stack: Stack, *options: str) -> tuple[str, str]:
    """Replay clicks and verify them, while the system runs; what was said, and the site."""
    with up(stack):
        done = stack.opecom("simulate", "clicks", *options, "--verify", seconds=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, word_after("on the site", done.stdout)


def rows(stack: Stack, site: str) -> tuple[int, int]:
    """Sessions and page views of the site in the relational database."""
    with sqlite3.connect(stack.folder / "data" / "opecom.sqlite") as database:
        counted = (
            database.execute(f"SELECT count(*) FROM {table} WHERE site = ?", (site,)).fetchone()[0]  # noqa: S608 - ours
            for table in ("sessions", "page_views")
        )
        sessions, views = counted
    database.close()
    return sessions, views


def updates(stack: Stack, site: str) -> tuple[int, ...]:
    """COUNTS of the site in chDB, whose folder is free only when the system has stopped."""
    with clickhouse(stack.folder / "data" / "chdb") as client:
        (counted,) = client.query(COUNTS, parameters={"site": site}).result_rows
    return tuple(counted)


def test_clicks_come_back_in_both_databases_and_one_changed_value_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = found_clicks_file() or packed(tmp_path / "clicks.csv.gz", made_up(SAMPLE))
    stack = new_stack(tmp_path)
    said, site = replay(stack, "--data", str(file), "--sessions", str(SAMPLE))
    assert "times are invented" in said
    assert "every click of the file came back" in said
    sessions, views = rows(stack, site)
    assert sessions == SAMPLE
    assert f"{views:,} events accepted" in said
    assert updates(stack, site) == (views, SAMPLE, views, SAMPLE, 0)

    database = stack.folder / "data" / "opecom.sqlite"
    check = ["--database", f"sqlite:///{database}", "--site", site, "--data", str(file), "--sessions", str(SAMPLE)]
    assert verify(check) == 0
    with sqlite3.connect(database) as connection:
        changed = connection.execute(
            "UPDATE page_views SET page_url = page_url || '0' WHERE event_id = "
            "(SELECT min(event_id) FROM page_views WHERE site = :site)",
            {"site": site},
        )
        assert changed.rowcount == 1
    connection.close()
    capsys.readouterr()
    assert verify(check) == 1
    told = capsys.readouterr().out
    assert "1 differences:" in told
    assert "page_url" in told


@pytest.mark.long
def test_the_whole_file_comes_back_in_both_databases(tmp_path: Path) -> None:
    stack = new_stack(tmp_path)
    _, site = replay(stack, "--data", str(clicks_file()))
    assert rows(stack, site) == (24_026, 165_474)
    assert updates(stack, site) == (165_474, 24_026, 165_474, 24_026, 0)


def test_a_malformed_file_is_one_line_and_nothing_is_sent(tmp_path: Path) -> None:
    lines = made_up(4)
    file = packed(tmp_path / "clicks.csv.gz", [*lines, lines[-1]])
    done = new_stack(tmp_path).opecom("simulate", "clicks", "--data", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"opecom: {file}, line {len(lines) + 2}, column order: ")
    assert len(done.stderr.splitlines()) == 1


def test_without_a_file_one_line_names_where_to_get_it(tmp_path: Path) -> None:
    done = new_stack(tmp_path).opecom("simulate", "clicks")
    assert done.returncode == 2
    assert "dataset 553" in done.stderr
    assert len(done.stderr.splitlines()) == 1
