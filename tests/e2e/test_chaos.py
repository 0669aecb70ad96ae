"""Every part of the services profile killed at random, and both databases away for a while, while events flow."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.chaos.evidence import ServerDatabases
from deploy.chaos.ledger import Ledger
from deploy.chaos.recomputed import Recomputed, Tables, differences, recompute, stored
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import wait_until
from deploy.settings.model import Settings
from deploy.wiring.storage import migrate_all
from tests.support.killed import Parts
from tests.support.services import Broker, MariaDb
from tests.support.stack import Stack, services_stack
from tests.support.switched import Switched, clickhouse_front, switched_mariadb
from tests.support.truth import check_truth

RATE, BATCH = 600, 50


@dataclass
class Shop:
    """What is killed and what is switched off."""

    stack: Stack
    settings: Settings
    databases: tuple[Switched, Switched]


@pytest.fixture
def shop(kafka: Broker, mariadb: MariaDb, tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as held:
        front = held.enter_context(clickhouse_front(tmp_path / "clickhouse"))
        relational = held.enter_context(switched_mariadb(tmp_path / "mariadb", mariadb))
        stack = services_stack(
            tmp_path,
            kafka,
            relational.url,
            front.port,
            OPECOM_INGEST__ADDRESS_RATE_PER_SECOND="1000000",
            OPECOM_INGEST__KEY_RATE_PER_SECOND="1000000",
        )
        settings = stack.settings
        asyncio.run(topics.ensure(kafka_clients(settings.kafka), topics.wanted(settings.kafka)))
        migrate_all(settings)
        yield Shop(stack, settings, (relational, front))


def disturb(shop: Shop, parts: Parts, times: int) -> Counter[str]:
    """Kill a part now and then, at any moment of its work; of three kills two meet a database that is away.

    Returns how often each was away.

    One thread, as Linux lets what a thread has started die with that thread.
    """
    chance, away = random.Random(23), Counter[str]()
    for number, name in enumerate(parts.order(times, chance)):
        database = shop.databases[number // 3 % 2]
        if number % 3 == 1:
            database.stop()
            away[type(database).__name__] += 1
        time.sleep(chance.uniform(0.3, 3.0))
        parts.kill(name)
        if number % 3 == 2:
            time.sleep(chance.uniform(0.3, 2.0))
            database.start()
    return away


def endure(shop: Shop, folder: Path, times: int) -> str:
    """So many kills while a client keeps its ledger; then everything must be in its place. Returns the figures."""
    parts = Parts(shop.stack, folder)
    ledger = Ledger(shop.stack.ingest.url, folder / "accepted", RATE, BATCH)
    try:
        parts.start()
        ledger.start()
        away = disturb(shop, parts, times)
        ledger.wait_for(2 * RATE)
        accepted = ledger.stop()
        parts.settle()
        began = time.monotonic()
        whole = caught_up(shop.settings)
        seconds = time.monotonic() - began
        said = asyncio.run(check_truth(shop.settings, accepted))
        check_databases(shop.settings, accepted, whole)
    finally:
        parts.end()
    figures = {"killed": parts.kills, "ended by themselves": parts.ended, "away": away}
    told = [f"{what}: {', '.join(f'{name} {count}' for name, count in each.items())}" for what, each in figures.items()]
    return f"{'; '.join(told)}; {ledger.resent} batches sent again; caught up in {seconds:.1f} s; {said}"


def caught_up(settings: Settings, seconds: float = 120) -> Recomputed:
    """What the databases must hold, once they have as much of it."""
    whole = asyncio.run(recompute(settings))

    def counts() -> tuple[int, ...]:
        with ServerDatabases(settings) as (engine, client):
            query = "SELECT (SELECT count() FROM events FINAL), (SELECT count() FROM scored_sessions FINAL)"
            found = client.query(query).result_rows[0]
            return (*found, sum(row["event_count"] for row in stored(engine, None)["sessions"].values()))

    rows = whole.tables
    wanted = (whole.records, len(rows["scored_sessions"]), sum(r["event_count"] for r in rows["sessions"].values()))
    assert wait_until(lambda: counts() == wanted, seconds), f"{counts()} of {wanted} are in the databases"
    return whole


def check_databases(settings: Settings, accepted: set[str], whole: Recomputed) -> None:
    """Both hold what the log says, and each accepted event is in exactly one session, once, or in the dead letters."""
    with ServerDatabases(settings) as (engine, client):
        found: Tables = stored(engine, client)
        letters = "SELECT partition, offset, reason FROM dead_letters FINAL"
        dead = {(partition, offset): reason for partition, offset, reason in client.query(letters).result_rows}
        logged = client.query("SELECT event_id, partition, offset FROM events FINAL WHERE kind = 'event'").result_rows
    assert not differences(whole.tables, found)
    assert dead == whole.dead
    places: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for event_id, partition, offset in logged:
        places[event_id].add((partition, offset))
    assert accepted <= places.keys()
    homes: dict[str, list[Any]] = defaultdict(list)
    for key, row in found["scored_sessions"].items():
        if row["event_id"] is not None:
            homes[row["event_id"]].append(key[:3])
    lost = [name for name in accepted if len(homes[name]) != 1 and not places[name] <= dead.keys()]
    assert not lost, f"{len(lost)} accepted events are not once in one session: {lost[:3]}"
    counted = Counter(identity for identities in homes.values() for identity in identities)
    assert counted == {key: row["event_count"] for key, row in found["sessions"].items()}


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.parametrize(
    "times", [pytest.param(6, id="6 times"), pytest.param(60, id="60 times", marks=pytest.mark.long)]
)
def test_every_part_killed_and_both_databases_away(
    shop: Shop, tmp_path: Path, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    said = endure(shop, tmp_path, times)
    with capsys.disabled():
        print(f"\n{said}")
