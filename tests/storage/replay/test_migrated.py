"""Databases of the version before signals, with data in them: migrated, read, replayed, equal to what is stored now."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from ingest import events
from ingest.events import Control, Event
from storage.admin.reads import AdminReads, ResolvedFilter
from storage.database import migrate
from storage.database.columns import SESSION_COLUMNS, TIMELINE_COLUMNS
from storage.database.engine import engine_of
from storage.query.intents import ListedSignals
from storage.write import clickhouse_sink as analytics
from tests.support.dumps import BEFORE_SIGNALS, load_clickhouse, load_relational
from tests.support.replays import Shop
from tests.support.services import new_database
from tests.support.sinks import clickhouse_front

#: Steps that the dump's databases have had.
OLD_STEPS = {"sqlite": 5, "mariadb": 5, "clickhouse": 4}
SIGNALS = {column.name for column in TIMELINE_COLUMNS if column.field == "signals"}
LISTED = {column.name for column in SESSION_COLUMNS if column.field == "signals"}

#: Columns of experiments and interventions, which have their defaults in rows of before.
LATER = {"experiments", "holdout", "interventions"}
#: What events of that version say nothing of.
UNTOLD = {"device_class", "previous_sessions", "previous_purchases", "days_since_previous_session"}


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def old(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    """An engine and a ClickHouse client of a database with an old schema and an old version's rows."""
    folder = tmp_path_factory.mktemp("old")
    with contextlib.ExitStack() as held:
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'db'}"
            client = analytics.embedded_client(str(folder / "chdb"), "opecom")
        else:
            url = held.enter_context(new_database(request.getfixturevalue("mariadb").url))
            port = held.enter_context(clickhouse_front(folder / "server"))
            client = analytics.server_client("127.0.0.1", port, "default", "", "opecom", make=True)
        held.callback(client.close)
        engine = engine_of(url)
        held.callback(engine.dispose)
        load_relational(engine, BEFORE_SIGNALS)
        load_clickhouse(client, BEFORE_SIGNALS)
        yield engine, client


def migrated(engine: Any, client: Any) -> dict[str, list[int]]:
    """Bring both to the newest schema; the steps that ran, by kind."""
    kind = migrate.relational_kind(engine)
    runs = {kind: migrate.relational_run(engine), "clickhouse": migrate.clickhouse_run(client)}
    return {kind: [step.version for step in migrate.migrate(kind, run)] for kind, run in runs.items()}


def log_records(client: Any) -> list[list[Event | Control]]:
    """The log that the dump's `events` keep, by partition."""
    rows = client.query("SELECT partition, key, raw FROM events FINAL ORDER BY partition, offset").result_rows
    parts: dict[int, list[Event | Control]] = {}
    for partition, key, raw in rows:
        parts.setdefault(partition, []).append(events.decode(key and key.encode(), raw.encode()))
    return [parts[number] for number in sorted(parts)]


def timeline(client: Any) -> list[dict[str, Any]]:
    return sorted(client.query("SELECT * FROM scored_sessions FINAL").named_results(), key=repr)


def sessions(engine: Any) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM sessions ORDER BY site, session_id, opened_at")).mappings()
        return [dict(row) for row in rows]


def without(rows: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    # What a replay writes says so in these two.
    names = {*names, "version", "backfill"}
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def test_an_old_database_keeps_its_rows_and_knows_no_signals(old: tuple[Any, Any]) -> None:
    engine, client = old
    before = sessions(engine), timeline(client)
    assert (len(before[0]), len(before[1])) == (4, 21)
    kind = migrate.relational_kind(engine)
    for name, steps in migrated(engine, client).items():
        assert steps == list(range(OLD_STEPS[name] + 1, migrate.steps(name)[-1].version + 1))
    migrate.check(kind, migrate.relational_run(engine))
    assert without(sessions(engine), LISTED | LATER) == without(before[0], set())
    assert without(timeline(client), SIGNALS | LATER) == without(before[1], set())
    reads = AdminReads(engine, client)
    listed = reads.sessions(ResolvedFilter(), "opened_at", True, 10, 0).sessions
    assert [row.cart_value for row in listed] == [None] * 4
    assert reads.intent("s-cas").signals is None
    assert {update.signals for update in reads.timeline("s-cas").updates} == {None}
    totals = reads.statistics(ResolvedFilter(), "day").totals
    assert (totals.with_revenue, totals.revenue_by_currency) == (1, {"EUR": 25.5})


async def test_an_old_database_replayed_equals_a_new_one(old: tuple[Any, Any]) -> None:
    engine, client = old
    before = sessions(engine), timeline(client)
    migrated(engine, client)
    shop = Shop(engine, client, log_records(client))
    found = await shop.replay(source="clickhouse", diff=True, into="nothing")
    # All that is new is signals: what was stored agrees with today's code in everything else.
    assert set(found.tables["sessions"].columns) == LISTED - UNTOLD
    assert set(found.tables["scored_sessions"].columns) == SIGNALS - UNTOLD
    assert (found.tables["page_views"].changed, found.voided) == (0, 0)
    await shop.replay(source="clickhouse")
    after = sessions(engine), timeline(client)
    assert without(after[0], LISTED | LATER) == without(before[0], set())
    assert without(after[1], SIGNALS | LATER) == without(before[1], set())
    whole = shop.rows()
    signals = AdminReads(engine, client).intent("s-bob").signals
    assert signals == ListedSignals(cart_quantity=1.0, cart_value=None, checkout_step=0, previous_sessions=None)
    again = await shop.replay(source="clickhouse", diff=True, into="nothing")
    assert {name: table.changed for name, table in again.tables.items()} == dict.fromkeys(again.tables, 0)
    shop.lose()
    shop.live()
    assert shop.rows() == whole
