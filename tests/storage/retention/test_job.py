"""Retention over a shop of ten days: what is old is gone, what remains is as it was, and a replay of it agrees."""

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ingest.events import encode, key_of
from storage.database.errors import DatabaseUnavailableError
from storage.database.locks import exclusive
from storage.pages.tally import Tallies
from storage.replay.journal import Journal
from storage.retention import analytics, job, relational
from storage.retention.errors import RetentionBusyError
from storage.retention.job import RetentionJob
from storage.retention.limits import DAY_MS, Cutoffs, SiteRetention, cutoffs
from storage.webhooks import bands
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import by_site
from storage.write.block import block_of, read
from storage.write.clickhouse_sink import AnalyticsSink
from stream.fold.path_patterns import PathPatterns
from tests.support.aging import FIRST, SITE, day_of, days, visitor
from tests.support.events import event
from tests.support.replays import LOG, Shop, contents, placed
from tests.support.scored import scored
from tests.support.webhooks import kept as deliveries_kept
from tests.support.webhooks import webhook

DAYS = 10
#: The morning after the last day; of it and the three days before rows are kept.
NOW = (FIRST + DAYS) * DAY_MS + 8 * 3_600_000
LIMIT = {SITE: SiteRetention(4)}
#: The first day of which everything is kept: day 7, counted from 0.
FIRST_KEPT = DAYS - 3


@pytest.fixture
def shop(databases: tuple[Any, Any]) -> Shop:
    """What live workers and the writer made of the days."""
    with databases[0].begin() as connection:
        for table in ("retention_runs", "webhook_deliveries", "webhook_bands"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    databases[1].command("TRUNCATE TABLE page_tally_kept")
    shop = Shop(*databases, placed(days(DAYS)))
    shop.live()
    return shop


def job_of(shop: Shop, folder: Path) -> RetentionJob:
    tallies = Tallies(shop.client)
    return RetentionJob(shop.engine, shop.client, folder, tallies.since)


def everything(shop: Shop) -> str:
    """All that both databases hold, as text."""
    tables = ("sessions", "page_views", "orders", "webhook_deliveries", "webhook_bands", "retention_runs")
    return contents(shop, tables)


def days_in(said: str) -> set[int]:
    """The days of the visitors that are named."""
    return {day_of(each) for each in re.findall(r"visitor-\d{3}-\d", said)}


def stored_log(shop: Shop) -> list[Any]:
    found = shop.client.query("SELECT partition, offset, kind, visitor_id FROM events FINAL ORDER BY partition, offset")
    return list(found.result_rows)


def test_what_is_old_is_gone_and_a_visit_past_the_limit_is_whole(shop: Shop, tmp_path: Path) -> None:
    before, log_before = shop.rows(), stored_log(shop)
    at = cutoffs(LIMIT, NOW)
    expected = job_of(shop, tmp_path).preview(at, NOW)
    run = job_of(shop, tmp_path).run(at, NOW)
    assert run.state == "done"
    assert run.removed == {name: count for name, count in expected.items() if count}
    assert run.removed["sessions"] == 4 * FIRST_KEPT - 1
    assert {"page_views", "orders", "clickhouse.events", "clickhouse.dead_letters"} <= set(run.removed)
    # Of the day before the limit only the visit that went on after midnight is left, with all of its rows.
    said = everything(shop)
    assert days_in(said) == set(range(FIRST_KEPT - 1, DAYS))
    straddling = visitor(FIRST_KEPT - 1, 3)
    assert set(re.findall(rf"visitor-{FIRST_KEPT - 1:03}-\d", said)) == {straddling}
    kept = [row for row in before["sessions"] if day_of(_visitor(row)) >= FIRST_KEPT or _visitor(row) == straddling]
    after = shop.rows()
    assert after["sessions"] == kept
    assert set(after["scored_sessions"]) <= set(before["scored_sessions"])
    assert len([row for row in after["scored_sessions"] if straddling in str(row)]) == len(
        [row for row in before["scored_sessions"] if straddling in str(row)]
    )
    # Each record keeps its place in the log.
    log_after = stored_log(shop)
    assert [row[:2] for row in log_after] == [row[:2] for row in log_before]
    assert {row[2] for old, row in zip(log_before, log_after, strict=True) if old[3] != row[3]} == {"control"}


def _visitor(row: Any) -> str:
    return next(re.findall(r"visitor-\d{3}-\d", each)[0] for each in row if "visitor-" in each)


def test_a_second_run_removes_nothing(shop: Shop, tmp_path: Path) -> None:
    at = cutoffs(LIMIT, NOW)
    job_of(shop, tmp_path).run(at, NOW)
    before = everything(shop)
    assert set(job_of(shop, tmp_path).preview(at, NOW).values()) == {0}
    assert job_of(shop, tmp_path).run(at, NOW).removed == {}
    assert days_in(everything(shop)) == days_in(before)
    assert [each.state for each in job_of(shop, tmp_path).journal.newest()] == ["done", "done"]


async def test_a_replay_of_the_rest_differs_in_nothing(shop: Shop, tmp_path: Path) -> None:
    job_of(shop, tmp_path).run(cutoffs(LIMIT, NOW), NOW)
    before, said = shop.rows(), days_in(everything(shop))
    for asked in ({"into": "nothing"}, {}):
        account = await shop.replay(source="clickhouse", diff=True, **asked)
        found = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
        assert set(found.values()) == {(0, 0, 0)}, found
        assert account.changed == account.voided == account.restored == 0
    assert shop.rows() == before
    assert days_in(everything(shop)) == said


def test_page_statistics_keep_what_they_counted(shop: Shop, tmp_path: Path) -> None:
    since = FIRST * DAY_MS
    expected = Tallies(shop.client).since(since)
    job_of(shop, tmp_path).run(cutoffs(LIMIT, NOW), NOW)
    assert Tallies(shop.client).since(since) == expected
    # Also where everything is counted again, and where the rules change, which the days that are left follow alone.
    again = Tallies(shop.client)
    again.recount(since)
    assert again.since(since) == expected
    by_pattern = Tallies(shop.client, lambda: {SITE: PathPatterns(["/p/*"])}).since(since)
    views = {each.path: each.views for each in by_pattern}
    assert 0 < views["/p/*"] < sum(each.views for each in expected if each.path.startswith("/p/"))
    assert sum(views.values()) == sum(each.views for each in expected)


def test_counts_are_removed_at_their_own_limit(shop: Shop, tmp_path: Path) -> None:
    since = FIRST * DAY_MS
    Tallies(shop.client).since(since)
    run = job_of(shop, tmp_path).run(Cutoffs({}, {SITE: (FIRST + 5) * DAY_MS}), NOW)
    assert set(run.removed) == {"clickhouse.page_tallies", "clickhouse.page_tally_changes"}
    ((first,),) = shop.client.query("SELECT min(start) FROM page_tallies FINAL WHERE span = 'day'").result_rows
    assert first == FIRST + 5
    assert days_in(everything(shop)) == set(range(DAYS))


def test_a_site_without_a_limit_keeps_its_rows(shop: Shop, tmp_path: Path) -> None:
    assert (
        job_of(shop, tmp_path).run(cutoffs({"other": SiteRetention(2), SITE: SiteRetention()}, NOW), NOW).removed == {}
    )
    assert days_in(everything(shop)) == set(range(DAYS))


def test_rows_of_a_site_that_no_setting_names_go_by_the_longest_limit(shop: Shop, tmp_path: Path) -> None:
    strange = read(
        "events", partition=9, offset=7, timestamp=5, key=b"gone-site/x", value=b'{"visitor":"visitor-000-9"}'
    )
    run_of = event(9_999, FIRST * DAY_MS, site=f"{SITE}~run", session_id="r", visitor_id="visitor-000-8")
    imported = read("events", partition=9, offset=8, timestamp=5, key=key_of(run_of.site, "r"), value=encode(run_of))
    AnalyticsSink(shop.client).write(block_of(LOG, [strange, imported])[0])
    at = cutoffs({"other": SiteRetention(4), "third": SiteRetention(2)}, NOW)
    job_of(shop, tmp_path).run(at, NOW)
    assert days_in(everything(shop)) == set(range(FIRST_KEPT - 1, DAYS))


def test_runs_that_are_killed_are_finished_by_the_next(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after its first step, the next after its second ...; the last comes to the end of an undisturbed run."""
    at, runs = cutoffs(LIMIT, NOW), 0

    class KilledError(Exception):
        pass

    def dying(real: Callable[..., Any], after: int) -> Callable[..., Any]:
        def remove(*given: Any) -> Any:
            for each in real(*given):
                yield each
                steps.append(each)
                if len(steps) == after:
                    raise KilledError

        return remove

    while True:
        steps: list[Any] = []
        with monkeypatch.context() as patched:
            for module in (relational, analytics):
                patched.setattr(module, "remove_expired", dying(module.remove_expired, runs + 1))
            try:
                job_of(shop, tmp_path).run(at, NOW)
                break
            except KilledError:
                runs += 1
    assert runs >= len(analytics._CHANGES) + 5
    assert {each.state for each in job_of(shop, tmp_path).journal.newest()} == {"running", "done"}
    assert days_in(everything(shop)) == set(range(FIRST_KEPT - 1, DAYS))
    assert set(job_of(shop, tmp_path).preview(at, NOW).values()) == {0}
    assert shop.client.query("SELECT count() FROM events WHERE session_id = ''").result_rows == [(0,)]


def test_one_run_at_a_time_and_none_beside_a_replay(shop: Shop, tmp_path: Path) -> None:
    at = cutoffs(LIMIT, NOW)
    with (
        exclusive(shop.engine, "retention", AssertionError()),
        pytest.raises(RetentionBusyError, match="opecom retention show"),
    ):
        job_of(shop, tmp_path).run(at, NOW)
    with Journal(shop.engine, LOG).held(), pytest.raises(RetentionBusyError, match="opecom replay --list"):
        job_of(shop, tmp_path).run(at, NOW)
    assert job_of(shop, tmp_path).journal.newest() == []
    assert job_of(shop, tmp_path).run(at, NOW).state == "done"


def test_what_webhooks_keep_goes_with_its_session(shop: Shop, tmp_path: Path) -> None:
    opened = {row[0]: row[1] for row in _sessions(shop)}
    old, new = visitor(1, 1), visitor(DAYS - 1, 1)
    updates = [
        scored(n, site=SITE, session_id=f"x{n}", visitor_id=who, opened_at=opened[who], band="high")
        for n, who in enumerate((old, new))
    ]
    hook = webhook(site=SITE, since=0, bands_since=0)
    bands.move(shop.engine, "log", {0: ReadBatch(PartitionPosition(), 4, NOW, updates)}, by_site([hook]), NOW)
    assert len(deliveries_kept(shop.engine)) == 2
    removed = job_of(shop, tmp_path).run(cutoffs(LIMIT, NOW), NOW).removed
    assert removed["webhook_deliveries"] == removed["webhook_bands"] == 1
    assert old not in everything(shop)
    assert [each.session_id for each in deliveries_kept(shop.engine).values()] == ["x1"]


def _sessions(shop: Shop) -> list[Any]:
    with shop.engine.connect() as connection:
        return list(connection.execute(text("SELECT visitor_id, opened_at FROM sessions")))


async def test_files_of_replays(shop: Shop, tmp_path: Path) -> None:
    folder = tmp_path / "replays"
    folder.mkdir()
    await shop.replay(into="file", target=str(folder / "scores.jsonl"))
    for name in ("set.csv", "set.parquet"):
        await shop.replay(into="features", target=str(folder / name))
    lines = (folder / "scores.jsonl").read_text().splitlines()
    at = cutoffs(LIMIT, NOW)
    expected = job_of(shop, folder).preview(at, NOW)
    removed = job_of(shop, folder).run(at, NOW).removed
    assert removed[job.files.NAME] == expected[job.files.NAME] > 0
    left = (folder / "scores.jsonl").read_text()
    assert days_in(left) == set(range(FIRST_KEPT - 1, DAYS))
    assert left.splitlines() == [line for line in lines if _is_kept(json.loads(line))]
    with (folder / "set.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    parquet = pytest.importorskip("pyarrow.parquet").read_table(folder / "set.parquet").to_pylist()
    assert [int(row["opened_at"]) for row in rows] == [row["opened_at"] for row in parquet]
    assert rows
    limit = (FIRST + FIRST_KEPT) * DAY_MS
    newest = {row["opened_at"]: int(row["occurred_at"]) for row in rows}
    assert min(newest.values()) >= limit > min(map(int, newest))
    (folder / "old.jsonl").write_text("\n".join(lines[:3]) + "\n")
    assert job_of(shop, folder).run(at, NOW).removed == {job.files.NAME: 3}
    assert not (folder / "old.jsonl").exists()


def _is_kept(update: dict[str, Any]) -> bool:
    who = update["visitor_id"]
    return day_of(who) >= FIRST_KEPT or who == visitor(FIRST_KEPT - 1, 3)


def test_a_database_that_is_away_is_an_error_of_its_kind(shop: Shop, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(analytics, "_CHANGES", (analytics._CHANGES[0]._replace(table="no_such_table"),))
    with pytest.raises(DatabaseUnavailableError):
        job_of(shop, tmp_path).run(cutoffs(LIMIT, NOW), NOW)
