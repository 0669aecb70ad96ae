"""Rows of an export, as ClickHouse makes them: what was known at each update, when, and what came of the session."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from msgspec.structs import asdict, replace
from sqlalchemy import Engine, delete

from scoring.contracts import SESSION
from storage.database.tables import orders, sessions
from storage.feature_store import rows
from storage.feature_store.days import DAY_MS, FeatureDay
from storage.feature_store.rows import FeatureRows
from storage.http.errors import ReadError
from stream.scored import Cause, Counts, VerifiedOrder, version_of
from tests.support.events import NOON, event_id
from tests.support.scored import FEATURES, SIGNALS, scored
from tests.support.sinks import CLICKHOUSES, sql
from tests.support.stored_visits import StoredVisits

HOUR = 3_600_000
DAY = NOON - NOON % DAY_MS


@pytest.fixture(scope="module", params=CLICKHOUSES)
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Engine]]:
    folder = tmp_path_factory.mktemp("databases")
    with CLICKHOUSES[request.param](folder / "clickhouse") as client, sql(f"sqlite:///{folder / 'sqlite'}") as engine:
        yield client, engine


@pytest.fixture
def client(databases: tuple[Any, Engine]) -> Any:
    client, engine = databases
    for table in ("scored_sessions", "events"):
        client.command(f"TRUNCATE TABLE {table}")
    with engine.begin() as connection:
        for kept in (sessions, orders):
            connection.execute(delete(kept))
    return client


@pytest.fixture
def visits(client: Any, databases: tuple[Any, Engine]) -> StoredVisits:
    return StoredVisits(client, databases[1])


@pytest.fixture
def stored(databases: tuple[Any, Engine]) -> FeatureRows:
    return FeatureRows(*databases)


def rows_of(stored: FeatureRows, site: str = "default", *part: int) -> list[dict[str, Any]]:
    raw = stored.arrow(site, DAY, DAY + DAY_MS, *part)
    return list(pa.ipc.open_stream(raw).read_all().to_pylist())


def millis(row: dict[str, Any], name: str) -> float:
    return float(row[name].timestamp() * 1000)


def test_a_row_has_the_contract_with_unknown_as_null_and_when_it_was_known(
    visits: StoredVisits, stored: FeatureRows
) -> None:
    visits.visit("s1", 1)
    visits.visit("s2", 1, opened_at=NOON + 1, signals=replace(SIGNALS, has_page_statistics=True))
    visits.visit("s3", 1, opened_at=NOON + 2, signals=None)
    one, two, three = rows_of(stored)
    known = asdict(FEATURES) | asdict(replace(SIGNALS, events=1, page_views=1))
    rates = ("BounceRates", "ExitRates", "PageValues")
    assert {name: one[name] for name in SESSION.names} == {name: known[name] for name in SESSION.names} | dict.fromkeys(
        rates
    )
    assert [two[name] for name in rates] == [known[name] for name in rates]
    assert {three[name] for name in SESSION.names[17:]} == {None}
    assert (one["site"], one["session_id"], one["log"], one["partition"]) == ("default", "s1", "log", 0)
    assert (one["offset"], one["event_number"], one["event_type"]) == (2, 1, "page_view")
    assert millis(one, "opened_at") == NOON
    assert millis(one, "event_timestamp") == NOON + 1_000
    assert millis(one, "occurred_at") == NOON + 900
    assert (one["probability"], one["model_version"]) == (0.01, "first")


def test_it_was_known_when_the_log_had_it_and_by_the_clock_where_the_log_is_gone(
    visits: StoredVisits, stored: FeatureRows, client: Any
) -> None:
    visits.visit("s1", 2)
    columns = ["log", "partition", "offset", "appended_at", "kind", "raw"]
    client.insert("events", [["log", 0, 3, NOON + 2_345, "event", ""]], column_names=columns)
    assert [millis(row, "created_timestamp") for row in rows_of(stored)] == [NOON + 1_000, NOON + 2_345]


def test_rows_of_one_millisecond_follow_each_other(visits: StoredVisits, stored: FeatureRows) -> None:
    visits.visit("s1", 3, updated_at=NOON)
    visits.visit("s2", 2, opened_at=NOON + 1)
    times = [row["event_timestamp"].timestamp() * 1_000_000 for row in rows_of(stored)]
    assert [round(at - NOON * 1000) for at in times] == [0, 1, 2, 1_001_000, 2_001_000]


def test_the_label_is_an_order_afterwards_and_there_is_none_from_it_on(
    visits: StoredVisits, stored: FeatureRows
) -> None:
    visits.visit("buyer", 3, buys_at=2)
    visits.visit("other", 1, opened_at=NOON + 1)
    found = [(row["session_id"], row["bought_before"], row["bought_afterwards"]) for row in rows_of(stored)]
    assert found == [
        ("buyer", False, True), ("buyer", True, None), ("buyer", True, None), ("other", False, False),
    ]  # fmt: skip


def test_an_order_that_comes_again_counts_in_the_session_that_had_it_first(
    visits: StoredVisits, stored: FeatureRows
) -> None:
    order = VerifiedOrder("A1", NOON, 10.0)
    visits.visit("first", 2, buys_at=2, orders=(order,))
    visits.visit("again", 2, buys_at=2, orders=(replace(order, at=NOON + 5),), opened_at=NOON + 1)
    assert [row["bought_afterwards"] for row in rows_of(stored)] == [True, None, False, False]


def test_open_sessions_programs_other_sites_and_other_days_are_left_out(
    visits: StoredVisits, stored: FeatureRows
) -> None:
    visits.visit("own", 2)
    visits.visit("open", 2, is_closed=False)
    visits.visit("bot", 2, bot=True)
    visits.visit("other", 2, site="other")
    visits.visit("run", 2, site="default~k3f9")
    visits.visit("early", 2, opened_at=DAY - 1)
    visits.visit("late", 2, opened_at=DAY + DAY_MS)
    assert {row["session_id"] for row in rows_of(stored)} == {"own"}
    assert {row["session_id"] for row in rows_of(stored, "default~k3f9")} == {"run"}


def test_parts_are_all_of_the_rows_and_too_many_rows_are_refused(
    visits: StoredVisits, stored: FeatureRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        visits.visit(f"s{number}", 2, opened_at=NOON + number)
    whole = rows_of(stored)
    parts = [rows_of(stored, "default", part, 3) for part in range(3)]
    assert all(parts)
    assert sorted((row for part in parts for row in part), key=lambda row: row["offset"]) == whole
    monkeypatch.setattr(rows, "_ROWS", rows._ROWS.replace(f"= {rows.MOST_ROWS}", "= 30"))
    with pytest.raises(ReadError, match="more than 100,000 rows: take fewer hours") as raised:
        rows_of(stored)
    assert raised.value.code == "too_large"


def day_of(stored: FeatureRows) -> FeatureDay:
    (found,) = stored.days("default", DAY, DAY + DAY_MS).days
    return found


def test_days_count_sessions_and_rows_by_hour(visits: StoredVisits, stored: FeatureRows) -> None:
    visits.visit("one", 2)
    visits.visit("two", 3, opened_at=NOON + 5 * HOUR, is_closed=False)
    visits.visit("next", 1, opened_at=DAY + DAY_MS)
    visits.visit("far", 1, opened_at=DAY + 40 * DAY_MS)
    found = stored.days("default", None, DAY + 50 * DAY_MS)
    assert [(each.day, each.sessions, each.open_sessions) for each in found.days] == [
        ("2025-01-01", 2, 1), ("2025-01-02", 1, 0),
    ]  # fmt: skip
    assert [(each.begin, each.updates) for each in found.days[0].hours] == [(NOON, 2), (NOON + 5 * HOUR, 3)]
    assert found.next == DAY + 31 * DAY_MS
    last = stored.days("default", found.next, DAY + 50 * DAY_MS)
    assert ([each.day for each in last.days], last.next) == (["2025-02-10"], None)
    nothing = stored.days("none", None, NOON)
    assert (nothing.days, nothing.next) == ([], None)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        pytest.param({}, False, id="a backfill that finds nothing"),
        pytest.param({"probability": 0.5}, True, id="a score"),
        pytest.param({"signals": replace(SIGNALS, events=1, page_views=1, cart_value=None)}, True, id="a feature"),
    ],
)
def test_a_fingerprint_changes_with_what_rows_are_made_of(
    visits: StoredVisits, stored: FeatureRows, changed: dict[str, Any], differs: bool
) -> None:
    visits.visit("s1", 1)
    before = day_of(stored).fingerprint
    same = {
        "session_id": "s1", "event": Cause(2, event_id(2), "page_view"), "counts": Counts(1, 1, 0, 0, 0),
        "occurred_at": NOON + 900, "updated_at": NOON + 1_000, "probability": 0.01,
        "signals": replace(SIGNALS, events=1, page_views=1), "version": version_of(2, False, 7),
    }  # fmt: skip
    visits.store(scored(2, **(same | changed)))
    assert (day_of(stored).fingerprint != before) == differs


def test_a_fingerprint_changes_with_an_order_that_another_session_had_first(
    visits: StoredVisits, stored: FeatureRows
) -> None:
    order = VerifiedOrder("A1", NOON, 10.0)
    visits.visit("s1", 1, buys_at=1, orders=(order,))
    before = day_of(stored).fingerprint
    visits.visit("early", 1, buys_at=1, orders=(replace(order, at=NOON - 5),), opened_at=DAY - HOUR)
    assert day_of(stored).fingerprint != before
