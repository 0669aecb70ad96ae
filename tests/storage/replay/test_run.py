"""A replay over real databases: what it finds, replaces, voids, restores and leaves alone, and how it goes on."""

import csv
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

import stream.fold.mark
import stream.fold.partition
from ingest.events import Event, Tick, UseModel, UsePages
from scoring.manifest import Manifest
from scoring.model import ConstantModel
from storage.database.errors import DatabaseUnavailableError
from storage.replay.errors import BusyError, JournalAwayError, ReplayError
from storage.replay.journal import Checkpoint, Journal, unfinished
from storage.replay.stored_log import StoredLog
from storage.replay.stored_sessions import StoredSessions
from storage.write import clickhouse_sink as analytics
from stream.fold.clock import IDLE
from stream.fold.pages import PageRow, PagesMarker
from stream.replay import EARLIER
from stream.required import RequiredVersions
from tests.support.events import NOON, event
from tests.support.followed import LazyPages
from tests.support.replays import LOG, Shop, Watching, placed
from tests.support.services import MariaDb, new_database
from tests.support.weeks import HOUR, MINUTE, a_week


@pytest.fixture
def shop(databases: tuple[Any, Any]) -> Shop:
    """A week, told live."""
    shop = Shop(*databases, placed(a_week()))
    shop.live()
    return shop


def named(version: str, probability: float) -> ConstantModel:
    model = ConstantModel(probability)
    manifest = {name: getattr(model.manifest, name) for name in Manifest.__struct_fields__} | {"version": version}
    model.manifest = Manifest(**manifest)
    return model


def planted(shop: Shop, statement: str) -> None:
    with shop.engine.begin() as connection:
        changed = connection.execute(text(statement.replace(":", r"\:")))
        assert changed.rowcount == 1


async def test_what_was_reported_live_is_what_a_replay_finds(shop: Shop) -> None:
    before = shop.rows()
    for source in ("kafka", "clickhouse"):
        account = await shop.replay(source=source, diff=True)
        assert account.changed == account.voided == account.refused == 0
        for table in account.tables.values():
            assert (table.changed, table.added, table.gone) == (0, 0, 0)
        assert {name: table.compared for name, table in account.tables.items()} == {
            name: len(rows) for name, rows in before.items()
        }
        assert shop.rows() == before
    assert account.events == sum(map(len, shop.said))


@pytest.mark.parametrize("dry", [True, False], ids=["dry run", "into the databases"])
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("sessions", "page_values", "page_values + 0.00001"),
        ("sessions", "probability", "0.26"),
        ("sessions", "revenue", "1 - revenue"),
        ("sessions", "reasons", '\'[{"feature":"Month","value":1,"contribution":0.1}]\''),
        ("page_views", "duration_seconds", "duration_seconds + 0.001"),
        ("page_views", "page_url", "'/other'"),
    ],
)
async def test_exactly_one_planted_change_is_found(shop: Shop, table: str, column: str, value: str, dry: bool) -> None:
    before = shop.rows()
    key = "site, session_id, opened_at" + (", event_id" if table == "page_views" else "")
    least = f"(SELECT {key} FROM (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1) AS one)"  # noqa: S608
    planted(shop, f"UPDATE {table} SET {column} = {value} WHERE ({key}) = {least}")  # noqa: S608
    account = await shop.replay(diff=True, into="nothing" if dry else "databases")
    found = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
    assert found.pop(table) == (1, 0, 0)
    assert set(found.values()) == {(0, 0, 0)}
    assert account.tables[table].columns == {column: 1}
    if not dry:
        assert shop.rows() == before


async def test_a_planted_change_of_the_timeline_is_found_and_put_right(shop: Shop) -> None:
    before = shop.rows()
    column = "SELECT * REPLACE (probability + 0.1 AS probability, 1 AS backfill) FROM scored_sessions LIMIT 1"
    shop.client.command(f"INSERT INTO scored_sessions {column}")
    account = await shop.replay(diff=True)
    assert account.tables["scored_sessions"].columns == {"probability": 1}
    assert account.changed == 0
    assert shop.rows() == before


async def test_another_model_moves_scores_and_nothing_else(shop: Shop) -> None:
    models = {"": ConstantModel(0.25), "m2": named("m2", 0.75)}
    shop.models = models.__getitem__
    before = shop.rows()
    account = await shop.replay(diff=True, model="m2")
    scores = {"probability", "label", "band", "model_version"}
    assert set(account.tables["sessions"].columns) <= scores
    assert set(account.tables["scored_sessions"].columns) <= scores
    assert account.tables["page_views"].changed == 0
    assert account.changed == len(before["sessions"])
    assert account.movement.quantile(0.5) == 0.5
    with shop.engine.connect() as connection:
        relational = connection.execute(text("SELECT session_id, opened_at, probability FROM sessions")).fetchall()
    newest = shop.client.query(
        "SELECT session_id, toUnixTimestamp64Milli(opened_at) AS at, argMax(probability, version) "
        "FROM scored_sessions FINAL WHERE NOT void GROUP BY session_id, at"
    ).result_rows
    assert sorted(map(tuple, relational)) == sorted(map(tuple, newest))
    assert {row[2] for row in relational} == {0.75}
    await shop.replay()
    assert shop.rows() == before


async def test_a_corrected_rule_leaves_no_row_that_the_fold_did_not_make(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for idle in (10 * MINUTE, 3 * HOUR):
        monkeypatch.setattr(stream.fold.partition, "IDLE", idle)
        account = await shop.replay(diff=True)
        assert account.tables["scored_sessions"].gone > 0
        stored = shop.rows()
        fresh = await made_alone(shop)
        assert stored == fresh
        with shop.engine.connect() as connection:
            revenue = connection.execute(text("SELECT sum(amount) FROM sessions WHERE status <> 'void'")).scalar()
        events = [each for part in shop.said for each in part if isinstance(each, Event) and each.purchase]
        assert revenue == sum(each.purchase.amount for each in events if each.purchase)
        again = await shop.replay(diff=True)
        assert again.voided == again.changed == 0
    monkeypatch.setattr(stream.fold.partition, "IDLE", IDLE)
    await shop.replay()
    assert (await shop.replay(diff=True, into="nothing")).voided == 0


async def made_alone(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a replay into databases that hold nothing else; then what was there is there again."""
    kept = shop.rows()
    shop.lose()
    await shop.replay()
    made = shop.rows()
    assert len(kept["sessions"]) == len(made["sessions"])
    return made


@pytest.mark.parametrize(
    "lost", [{}, {"analytics": False}, {"relational": False}], ids=["both", "the relational one", "ClickHouse"]
)
async def test_lost_databases_come_back_row_for_row(databases: tuple[Any, Any], lost: dict[str, bool]) -> None:
    said = a_week()
    late = event(900, NOON - HOUR, received_at=NOON + HOUR, session_id="late")
    open_ = [event(901 + n, said[-1].to + n * 1_000, session_id="open") for n in range(3)]  # type: ignore[union-attr]
    shop = Shop(*databases, placed([late, *said, *open_]))
    shop.live()
    before = shop.rows()
    shop.lose(**lost)
    account = await shop.replay()
    assert account.restored == 1
    assert shop.rows() == before
    count = "SELECT count(), uniqExact(partition, offset) FROM events FINAL"
    assert shop.client.query(count).result_rows == [(sum(map(len, shop.said)),) * 2]
    assert shop.client.query("SELECT count() FROM dead_letters FINAL").result_rows == [(1,)]


async def test_open_sessions_belong_to_the_live_workers(databases: tuple[Any, Any]) -> None:
    models = {"": ConstantModel(0.25), "m2": named("m2", 0.75)}
    said = [event(1), event(2, NOON + 2 * HOUR, session_id="s2"), event(3, NOON + 2 * HOUR + 1, session_id="s2")]
    shop = Shop(*databases, placed(said, 1), models.__getitem__)
    shop.live()
    account = await shop.replay(model="m2", diff=True)
    assert (account.sessions, account.left_open, account.restored) == (1, 1, 0)
    with shop.engine.connect() as connection:
        rows = connection.execute(text("SELECT session_id, status, probability, version FROM sessions")).fetchall()
    assert {row[0]: tuple(row[1:3]) for row in rows} == {"s1": ("closed", 0.75), "s2": ("open", 0.25)}
    timeline = shop.client.query("SELECT session_id, probability FROM scored_sessions FINAL").result_rows
    assert set(timeline) == {("s1", 0.75), ("s2", 0.25)}
    # The live workers go on: their next update is newer than the replay, whatever it told.
    shop.source.partitions[0] += Shop(
        *databases, [[*said, event(4, NOON + 2 * HOUR + 2, session_id="s2")]]
    ).source.partitions[0][3:]  # type: ignore[operator]
    shop.live()
    with shop.engine.connect() as connection:
        rows = connection.execute(text("SELECT session_id, event_count, probability FROM sessions")).fetchall()
    assert {tuple(row) for row in rows} == {("s1", 1, 0.75), ("s2", 3, 0.25)}


async def test_the_workers_mark_is_where_open_sessions_are_looked_for(databases: tuple[Any, Any]) -> None:
    said = placed(a_week()[:-1], 1)
    shop = Shop(*databases, said)
    shop.live()
    whole = await shop.replay(into="nothing")
    state = shop.world().make(0, shop.world().make(0, stream.fold.mark.Mark(0, {})).here())
    for record in shop.source.partitions[0]:
        state.fold(record, None)
        state.mark()
    shop.commits[0] = (state.next, stream.fold.mark.encode_mark(state.recovery_mark()))
    assert state.recovery_mark().next > 0
    marked = await shop.replay(into="nothing")
    assert (marked.left_open, marked.updates) == (whole.left_open, whole.updates)


@pytest.mark.parametrize("source", ["kafka", "clickhouse"])
async def test_a_window_replaces_its_own_sessions_only(shop: Shop, source: str) -> None:
    shop.models = {"": ConstantModel(0.25), "m2": named("m2", 0.75)}.__getitem__
    since, until = NOON + 40 * HOUR, NOON + 70 * HOUR
    account = await shop.replay(source=source, since=since, until=until, model="m2")
    assert 0 < account.events < sum(map(len, shop.said))
    with shop.engine.connect() as connection:
        rows = connection.execute(text("SELECT opened_at, probability FROM sessions")).fetchall()
    assert {row[1] for row in rows if since <= row[0] < until} == {0.75}
    assert {row[1] for row in rows if not since <= row[0] < until} == {0.25}
    assert account.voided == 0
    await shop.replay(source=source, since=since, until=until)
    assert (await shop.replay(diff=True, into="nothing")).changed == 0


async def test_a_window_after_a_promotion_knows_the_model_in_force(databases: tuple[Any, Any]) -> None:
    week = a_week()
    said = [*week[:5], UseModel("m2"), UseModel("m3", "default"), UseModel("m4", "elsewhere"), *week[5:]]
    models = {"": ConstantModel(0.25), **{f"m{number}": named(f"m{number}", number / 8) for number in (2, 3, 4)}}
    shop = Shop(*databases, placed(said), models.__getitem__)
    shop.live()
    account = await shop.replay(since=NOON + 60 * HOUR, diff=True)
    assert account.sessions > 0
    assert account.changed == 0


@pytest.mark.parametrize("into", ["nothing", "features"])
async def test_a_window_after_a_refresh_reads_the_page_statistics_in_force_first(
    databases: tuple[Any, Any], tmp_path: Path, into: Any
) -> None:
    week, rows = a_week(), [PageRow("b", "default", "*", 0.1, 0.2, 7.5), PagesMarker("b", 1)]
    live, again = LazyPages(*rows), LazyPages(*rows)
    await live.reached(RequiredVersions(pages=2))
    shop = Shop(*databases, placed([*week[:5], UsePages(2), *week[5:]]), statistics=live.statistics)
    shop.live()
    shop.statistics, shop.wait_for_versions = again.statistics, again.reached
    file = tmp_path / "set.csv"
    account = await shop.replay(
        since=NOON + 60 * HOUR, into=into, target=str(file) if into == "features" else "", diff=into == "nothing"
    )
    assert account.sessions > 0
    assert account.changed == 0
    if into == "features":
        with file.open(newline="") as lines:
            assert {row["has_page_statistics"] for row in csv.DictReader(lines)} == {"TRUE"}


@pytest.mark.parametrize("source", ["kafka", "clickhouse"])
async def test_a_window_knows_what_an_imported_site_has_passed(databases: tuple[Any, Any], source: str) -> None:
    def history(number: int, at: int) -> Event:
        return event(number, at, site="past", clock="replayed", session_id=f"s{number}")

    sent = [history(number, NOON + number * MINUTE) for number in range(20)]
    later = [event(number, NOON + 72 * HOUR + number, session_id="s99") for number in (50, 51)]
    over = [Tick("past", NOON + 120 * HOUR), Tick("live", NOON + 100 * HOUR)]
    said = [*sent, *over[:1], *later, *sent, history(60, NOON + 96 * HOUR), *over]
    shop = Shop(*databases, placed(said))
    shop.live()
    assert StoredLog(shop.client, LOG).clocks(0, len(shop.said[0])) == {"past": NOON + 120 * HOUR}
    account = await shop.replay(since=NOON + 70 * HOUR, diff=True, source=source)
    assert (account.sessions, account.changed, account.voided) == (1, 0, 0)
    account = await shop.replay(include_late=True, diff=True, source=source)
    assert (account.sessions, account.changed, account.voided) == (21, 0, 0)


@pytest.mark.parametrize("source", ["kafka", "clickhouse"])
async def test_a_model_that_live_workers_refused_is_refused_again(databases: tuple[Any, Any], source: str) -> None:
    week = a_week()
    said = [UseModel("m2"), *week]
    shop = Shop(*databases, placed(said), {"": ConstantModel(0.25)}.__getitem__)
    shop.live(refused={0: "model 'm2' is not there"})
    shop.models = {"": ConstantModel(0.25), "m2": named("m2", 0.75)}.__getitem__
    for since in (0, NOON + 60 * HOUR):
        account = await shop.replay(since=since, source=source, diff=True, into="nothing")
        assert account.sessions > 0
        assert account.changed == 0


async def test_late_events_join_their_sessions_on_request(databases: tuple[Any, Any]) -> None:
    late = event(900, NOON + MINUTE, received_at=NOON + 5 * HOUR)
    said = [event(1), event(2, NOON + 2 * MINUTE), late, Tick("live", NOON + 24 * HOUR)]
    shop = Shop(*databases, placed(said, 1))
    shop.live()
    before = shop.rows()
    account = await shop.replay(include_late=True, diff=True)
    assert account.changed == 1
    assert account.dead == 0
    with shop.engine.connect() as connection:
        assert connection.execute(text("SELECT page_view_count FROM sessions")).fetchall() == [(3,)]
        assert connection.execute(text("SELECT count(*) FROM page_views")).scalar() == 3
    await shop.replay()
    assert shop.rows() == before


async def test_an_interrupted_replay_goes_on_and_ends_alike(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.replay.partition.CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr("storage.replay.stored_timeline.OFFSETS", 10)
    shop.models = {"": ConstantModel(0.25), "m2": named("m2", 0.75)}.__getitem__
    uninterrupted = await shop.replay(model="m2", diff=True)
    whole, number = shop.rows(), Watching()
    await shop.replay()
    chance = random.Random(3)
    interrupted = 0
    while True:
        watcher = Watching(ends_after=chance.randrange(1, 40))
        try:
            account = await shop.replay(watcher, model="m2", diff=True)
        except InterruptedError:
            interrupted += 1
            assert len(unfinished(Journal(shop.engine, LOG).entries())) == 1
        else:
            break
    assert interrupted >= 3
    assert watcher.lines == ["going on with replay 3, which was interrupted"]
    assert shop.rows() == whole
    assert account == uninterrupted
    assert account.events == sum(map(len, shop.said))
    assert account.sessions == len(whole["sessions"])
    assert number.number == 0


@pytest.mark.parametrize("method", ["void", "drop_views"])
async def test_what_was_voided_before_a_crash_is_counted_after_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr("storage.replay.stored_sessions.PAGE", 3)
    monkeypatch.setattr(stream.fold.partition, "IDLE", 3 * HOUR)
    uninterrupted = await shop.replay(diff=True)
    assert uninterrupted.voided > 6
    monkeypatch.setattr(stream.fold.partition, "IDLE", IDLE)
    await shop.replay()
    monkeypatch.setattr(stream.fold.partition, "IDLE", 3 * HOUR)
    left, change = iter(range(2)), getattr(StoredSessions, method)

    def breaks_off(self: StoredSessions, *given: Any) -> None:
        if next(left, None) is None:
            raise InterruptedError
        change(self, *given)

    with monkeypatch.context() as context:
        context.setattr(StoredSessions, method, breaks_off)
        with pytest.raises(InterruptedError):
            await shop.replay(diff=True)
    assert await shop.replay(diff=True) == uninterrupted


async def test_another_replay_does_not_begin_over_an_interrupted_one(shop: Shop) -> None:
    with pytest.raises(InterruptedError):
        await shop.replay(Watching(ends_after=1))
    with pytest.raises(ReplayError, match="replay 1 was interrupted: give its own command again"):
        await shop.replay(site="default")
    await shop.replay(site="default", anew=True)
    states = {entry.number: entry.state for entry in Journal(shop.engine, LOG).entries()}
    assert states == {1: "abandoned", 2: "done"}


async def test_a_replay_started_twice_is_refused(shop: Shop) -> None:
    other = Journal(shop.engine, LOG)
    with other.held(), pytest.raises(BusyError, match="another replay of this log runs"):
        await shop.replay()
    await shop.replay()


@pytest.mark.mariadb
def test_databases_of_one_server_do_not_wait_for_each_other(mariadb: MariaDb) -> None:
    with new_database(mariadb.url) as one, new_database(mariadb.url) as two:
        engines = [create_engine(url) for url in (one, two)]
        with Journal(engines[0], LOG).held(), Journal(engines[1], LOG).held(), pytest.raises(BusyError):
            Journal(engines[1], LOG).held().__enter__()
        for engine in engines:
            engine.dispose()


async def test_a_window_without_events_changes_nothing(shop: Shop) -> None:
    before = shop.rows()
    account = await shop.replay(since=NOON + 10_000 * HOUR, until=NOON + 10_001 * HOUR)
    assert (account.sessions, account.voided) == (0, 0)
    assert shop.rows() == before


async def test_a_model_that_there_is_not_is_refused_before_anything_begins(shop: Shop) -> None:
    shop.models = {"": ConstantModel(0.25)}.__getitem__
    with pytest.raises(ReplayError, match="model 'm9' is not there"):
        await shop.replay(model="m9")
    assert Journal(shop.engine, LOG).entries() == []


async def test_a_log_whose_start_is_gone_is_refused_and_offers_the_other_source(shop: Shop) -> None:
    shop.source.start = 3
    with pytest.raises(ReplayError) as caught:
        await shop.replay()
    assert "begins at offset 3, and what was before it is gone" in str(caught.value)
    assert "--source clickhouse" in str(caught.value)
    earliest = str(caught.value).rpartition("--from ")[2].partition(",")[0]
    assert earliest == "2025-01-02T16:00" or earliest.startswith("2025-01-0")
    assert Journal(shop.engine, LOG).entries() == []
    account = await shop.replay(source="clickhouse", diff=True)
    assert account.changed == 0
    later = max(event.received_at for part in shop.said for event in part[:5] if isinstance(event, Event))
    assert (await shop.replay(since=later + 2 * EARLIER, diff=True)).changed == 0


async def test_a_store_of_events_with_holes_is_refused(shop: Shop) -> None:
    shop.client.command("DELETE FROM events WHERE partition = 0 AND offset = 4")
    with pytest.raises(ReplayError, match=r"ClickHouse lacks 1 of [0-9]+ records of partition 0"):
        await shop.replay(source="clickhouse")


async def test_a_database_that_goes_away_halfway_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.replay.partition.PAUSE", 0.01)
    away = iter([DatabaseUnavailableError("gone"), DatabaseUnavailableError("gone")])
    write = analytics.AnalyticsSink.write

    def fails_twice(self: analytics.AnalyticsSink, block: Any) -> None:
        for error in away:
            raise error
        write(self, block)

    before = shop.rows()
    monkeypatch.setattr(analytics.AnalyticsSink, "write", fails_twice)
    account = await shop.replay(diff=True)
    assert account.changed == 0
    assert shop.rows() == before
    monkeypatch.setattr("storage.replay.partition.PATIENCE", 0.0)
    away = iter([DatabaseUnavailableError("gone")] * 9)
    with pytest.raises(ReplayError, match="the same command goes on where it stopped"):
        await shop.replay()
    away = iter([])
    monkeypatch.setattr("storage.replay.partition.PATIENCE", 60.0)
    await shop.replay()


async def test_a_journal_that_goes_away_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.replay.partition.PAUSE", 0.01)
    away, keep = iter([JournalAwayError("gone")] * 2), Journal.keep

    def fails_twice(self: Journal, number: int, checkpoint: Checkpoint) -> None:
        for error in away:
            raise error
        keep(self, number, checkpoint)

    monkeypatch.setattr(Journal, "keep", fails_twice)
    assert (await shop.replay(diff=True)).changed == 0
    assert list(away) == []


async def test_into_a_file_it_is_there_when_it_is_whole(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "scores.jsonl"
    before = shop.rows()
    with pytest.raises(InterruptedError):
        await shop.replay(Watching(ends_after=20), into="file", target=str(file))
    assert not file.exists()
    await shop.replay(into="file", target=str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(lines) == len(before["scored_sessions"])
    assert [name for name in os.listdir(tmp_path) if name.startswith("scores")] == ["scores.jsonl"]
    assert shop.rows() == before


async def test_a_full_disk_is_a_line_and_no_half_file(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = tmp_path / "scores.jsonl"
    with monkeypatch.context() as context:
        context.setattr("storage.replay.targets.Path.touch", full)
        with pytest.raises(ReplayError, match="No space left on device"):
            await shop.replay(into="file", target=str(file))
    assert not file.exists()
    await shop.replay(into="file", target=str(file))
    assert file.exists()


async def test_into_a_topic_every_update_of_what_is_closed(shop: Shop) -> None:
    await shop.replay(into="topic", target="again")
    told = shop.topic.topics["again"]
    assert len(told) == len(shop.rows()["scored_sessions"])
    assert {record.partition for record in told} == {0, 1}


async def test_a_dry_run_writes_nothing_and_keeps_no_journal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shop.rows()
    monkeypatch.setattr(stream.fold.partition, "IDLE", 3 * HOUR)
    dry = await shop.replay(into="nothing", diff=True)
    assert shop.rows() == before
    assert Journal(shop.engine, LOG).entries() == []
    account = await shop.replay(diff=True)
    for name, table in account.tables.items():
        if name != "page_views":
            assert dry.tables[name] == table
    assert dry.voided == account.voided > 0


async def test_what_can_never_run_leaves_nothing_behind(shop: Shop) -> None:
    for asked in ({"into": "file", "target": "scores\0.jsonl"}, {"model": "m\0"}, {"into": "topic", "target": "a b"}):
        with pytest.raises(ReplayError, match=r"target: |model: "):
            await shop.replay(**asked)
    assert Journal(shop.engine, LOG).entries() == []
    assert (await shop.replay()).changed == 0


async def test_an_interrupted_replay_of_one_site_is_that_sites_affair(shop: Shop) -> None:
    """Neither stops another site's, nor may another site's give it up; one of all sites is not given up by one site."""

    def states() -> dict[int, str]:
        return {each.number: each.state for each in Journal(shop.engine, LOG).entries()}

    with pytest.raises(InterruptedError):
        await shop.replay(Watching(ends_after=1), site="default")
    await shop.replay(site="uci")
    await shop.replay(site="uci", anew=True)
    assert states() == {1: "running", 2: "done", 3: "done"}
    with pytest.raises(ReplayError, match="replay 1 was interrupted"):
        await shop.replay(site="default", include_late=True)
    await shop.replay(site="default")
    with pytest.raises(InterruptedError):
        await shop.replay(Watching(ends_after=1))
    for anew in (False, True):
        with pytest.raises(ReplayError, match="replay 4 of all sites was interrupted: a key of all sites"):
            await shop.replay(site="default", anew=anew, own_only=True)
    await shop.replay(include_late=True, anew=True)
    assert states() == {1: "done", 2: "done", 3: "done", 4: "abandoned", 5: "done"}
