"""A check folds the log again: stored features are those of the log, and what was planted is found and named."""

import random
import zlib
from typing import Any

import pytest

from ingest.events import Control, Event, Tick, UsePages
from scoring.features import NAMES
from storage.replay.feature_compare import COLUMNS
from storage.replay.feature_differences import FeatureCheckReport, FeatureDifference
from tests.support.events import NOON
from tests.support.replays import Shop, placed
from tests.support.shop_statistics import FIRST, SECOND, statistics
from tests.support.shop_visits import HOUR, shop_visits


def a_day() -> list[Event | Control]:
    """Visits while page statistics change, appended out of the order in which they were received: so the events of one
    session move the clock by which others open.
    """
    records: list[Event | Control] = []
    for seed, version in enumerate((FIRST, SECOND), 1):
        chance = random.Random(seed)
        visits = shop_visits(seed, NOON + seed * 3 * HOUR, 40)
        visits.sort(key=lambda each: each.received_at + chance.randrange(5 * 60_000))
        records += [UsePages(version), *visits]
    return [*records, Tick("live", NOON + 30 * HOUR)]


async def check(shop: Shop, **request: Any) -> FeatureCheckReport:
    found = (await shop.replay(into="check", **request)).check
    assert found is not None
    return found


@pytest.fixture
def shop(databases: tuple[Any, Any]) -> Shop:
    """A day whose page statistics change, as live workers and the writer stored it."""
    made = Shop(*databases, placed(a_day()), statistics=statistics())
    made.live()
    return made


def counted(shop: Shop, condition: str = "1") -> tuple[int, int]:
    """Sessions and updates that are stored."""
    query = "SELECT uniqExact(session_id, opened_at), count() FROM scored_sessions FINAL WHERE NOT closed AND "
    ((sessions, updates),) = shop.client.query(query + condition).result_rows
    return int(sessions), int(updates)


async def test_nothing_differs_of_what_the_log_has(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.replay.feature_check.BATCH", 100)
    found = await check(shop)
    assert (found.sessions, found.updates) == counted(shop)
    assert found.updates > 500
    assert (found.different, found.differences, found.one_in, found.earlier_sessions) == (0, [], 1, 0)
    assert (await check(shop, site="default")).updates == found.updates
    assert (await check(shop, site="other")).updates == 0


async def test_a_sample_is_of_sessions_by_a_hash_with_a_seed(shop: Shop) -> None:
    whole, _ = counted(shop)
    for seed in (0, 7):
        found = await check(shop, sample=whole // 4, seed=seed)
        assert found.one_in in (4, 5)
        names = {row[0] for row in shop.client.query("SELECT DISTINCT session_id FROM scored_sessions").result_rows}
        chosen = [name for name in names if zlib.crc32(f"{seed}:default/{name}".encode()) % found.one_in == 0]
        assert 0 < len(chosen) < whole / 2
        assert (found.sessions, found.updates) == counted(shop, f"session_id IN {tuple(chosen)}")
        assert found.different == 0


def plant(shop: Shop, where: str, **changed: str) -> None:
    """Store the rows of a condition once more, as a backfill would, with other values (SQL)."""
    replaced = ", ".join(f"{value} AS {name}" for name, value in changed.items())
    # In a query of its own, as ClickHouse takes the new values for those of the condition.
    found = f"SELECT * FROM scored_sessions FINAL WHERE {where}"  # noqa: S608
    made = f"SELECT * REPLACE (backfill + 9 AS backfill, {replaced}) FROM ({found})"  # noqa: S608
    shop.client.command(f"INSERT INTO scored_sessions {made}")


async def test_what_was_planted_is_found_and_named(shop: Shop) -> None:
    session, opened, partition, offset, adds = shop.client.query(
        "SELECT session_id, toUnixTimestamp64Milli(opened_at), partition, offset, cart_adds FROM scored_sessions FINAL "
        "WHERE NOT closed AND cart_adds > 0 ORDER BY offset LIMIT 1"
    ).result_rows[0]
    one = f"NOT closed AND session_id = '{session}' AND partition = {partition} AND offset = {offset}"
    plant(shop, one, cart_adds=f"{adds + 1}", VisitorType="'Other'")
    found = await check(shop)
    place = ("default", session, opened, partition, offset)
    assert found.different == 2
    by_name = {each.feature: each for each in found.differences}
    assert by_name["cart_adds"] == FeatureDifference(*place, "cart_adds", adds + 1, adds)
    assert by_name["VisitorType"].stored == "Other"
    assert (await check(shop, sample=1 << 30)).different == 2


async def test_updates_that_only_one_of_both_has_are_named(shop: Shop) -> None:
    ((session, offset),) = shop.client.query(
        "SELECT session_id, offset FROM scored_sessions FINAL WHERE NOT closed ORDER BY partition, offset LIMIT 1"
    ).result_rows
    one = f"NOT closed AND session_id = '{session}' AND offset = {offset}"
    plant(shop, one, session_id="'nobody'")
    plant(shop, one, void="true")
    found = await check(shop)
    assert {(each.session_id, each.offset, each.is_stored, each.is_computed) for each in found.differences} == {
        (session, offset, False, True), ("nobody", offset, True, False),
    }  # fmt: skip


async def test_rows_of_before_there_were_signals_differ_in_what_they_have_alone(shop: Shop) -> None:
    nothing = dict.fromkeys(COLUMNS[len(NAMES) :], "NULL")
    plant(shop, "NOT closed AND offset < 10", **nothing)
    assert (await check(shop)).different == 0
    plant(shop, "NOT closed AND offset < 10", **nothing, ProductRelated="ProductRelated + 1")
    found = await check(shop)
    assert found.different == len({(each.session_id, each.offset) for each in found.differences}) > 0
    assert {each.feature for each in found.differences} == {"ProductRelated"}


async def test_sessions_of_earlier_logs_are_counted_and_not_compared(shop: Shop) -> None:
    before = counted(shop)
    shop.client.command(
        "INSERT INTO scored_sessions SELECT * REPLACE ('before' AS log, 99 AS cart_adds) FROM scored_sessions "
        "WHERE offset < 20 AND NOT closed"
    )
    sessions, _ = counted(shop, "log = 'before'")
    found = await check(shop)
    assert ((found.sessions, found.updates), found.earlier_sessions, found.different) == (before, sessions, 0)
    assert found.earlier_sessions > 0
