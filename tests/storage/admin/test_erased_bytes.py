"""What erased visitors leave on the disk: nothing beneath a null, nothing in a file of either database."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.events import Page, Purchase
from storage.admin import forget
from storage.admin.forget import Visitor, VisitorDatabases
from storage.admin.journal import ErasureJournal
from storage.database import migrate
from tests.support.events import NOON, event
from tests.support.raw_files import part_files, sqlite_files, store_plain
from tests.support.replays import ANALYTICS_TABLES, PARTITIONS, Shop, placed
from tests.support.sinks import clickhouse, sql

VISITOR = Visitor("default", "erased-visitor")
#: What names the visitor: ids, a path that only it has seen, and an amount as ClickHouse keeps it.
AMOUNT = 8_237.515625
SECRETS = {
    "visitor": b"erased-visitor",
    "session": b"erased-session",
    "key": b"default/erased-session",
    "path": b"/erased/path",
    "amount": struct.pack("<d", AMOUNT),
    "written amount": b"8237.515625",
    "late": b"erased-late",
}
KEPT = b"other-visitor"


@pytest.fixture(params=["compact", "wide"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """Both databases of the embedded profile with two visitors, in files that are not compressed."""
    with clickhouse(tmp_path / "chdb") as client, sql(f"sqlite:///{tmp_path / 'db.sqlite'}") as engine:
        for table in ANALYTICS_TABLES:
            store_plain(client, table, wide=request.param == "wide")
        shop = Shop(engine, client, placed(_visits()))
        shop.live()
        yield shop


def _visits() -> list[Any]:
    given: list[dict[str, Any]] = []
    for name in ("erased", "other"):
        who = {"visitor_id": f"{name}-visitor", "session_id": f"{name}-session"}
        page = Page(f"/{name}/path", "ProductRelated")
        amount = AMOUNT if name == "erased" else 10.0
        given += [who | {"page": page}, who | {"type": "purchase", "purchase": Purchase(amount, "o1", "EUR")}]
        given += [who | {"session_id": f"{name}-late", "page": page, "occurred_at": NOON - 86_400_000}]
    events = []
    for number, each in enumerate(given):
        at = NOON + number * 1_000
        events.append(event(number, each.pop("occurred_at", at), received_at=at, **each))
    return events


def _beneath(client: Any) -> dict[str, list[Any]]:
    """What lies beneath the nulls of each Nullable column of every table."""
    columns = client.query(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND position(type, 'Nullable') > 0"
    ).result_rows
    found = {}
    for table, name in columns:
        rows = client.query(
            f"SELECT toString(assumeNotNull({name})) AS value FROM {table} WHERE {name} IS NULL "  # noqa: S608
            f"AND assumeNotNull({name}) != defaultValueOfArgumentType(assumeNotNull({name}))"
        ).result_rows
        if rows:
            found[f"{table}.{name}"] = [value for (value,) in rows]
    return found


def _found(client: Any) -> set[str]:
    return {name for _, data in part_files(client) for name, secret in SECRETS.items() if secret in data}


def test_the_files_can_be_searched(shop: Shop) -> None:
    """Before the erasure each secret is found, so what is not found later is not there."""
    assert _found(shop.client) == set(SECRETS)
    assert b"erased-visitor" in sqlite_files(shop.engine)


def test_nothing_is_beneath_a_null_or_in_a_file(shop: Shop) -> None:
    journal = ErasureJournal(shop.engine)
    digest = journal.begin(VISITOR)
    deleted = VisitorDatabases(shop.engine, shop.client).forget(VISITOR, [])
    journal.end(digest, deleted)
    assert deleted.events == 3
    assert _beneath(shop.client) == {}
    assert _found(shop.client) == set()
    assert any(KEPT in data for _, data in part_files(shop.client))
    left = sqlite_files(shop.engine)
    assert KEPT in left
    for name in ("visitor", "session", "path"):
        assert SECRETS[name] not in left, name
    columns = "site, session_id, visitor_id, event_id, occurred_at, received_at, page_type, path, amount, key"
    rows = shop.client.query(f"SELECT {columns} FROM events WHERE kind = 'control'").result_rows  # noqa: S608
    assert rows == [(None,) * 10] * 3


async def test_a_tick_is_read_without_a_key_between_the_two_steps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are empty before they are null; whoever reads the log then finds the same ticks, and a new try ends it."""
    holdings = VisitorDatabases(shop.engine, shop.client)
    with monkeypatch.context() as patched:
        patched.setattr(forget, "_EMPTIED", forget._EMPTIED._replace(condition="0"))
        holdings.forget(VISITOR, [])
    empty = shop.client.query("SELECT count() FROM events WHERE kind = 'control' AND session_id = ''").result_rows
    assert empty == [(3,)]
    stored = shop.world().stored
    records = []
    for partition in range(PARTITIONS):
        _, end, _ = stored.extent(partition)
        records += [each async for piece in stored.read(partition, 0, end) for each in piece]
    assert sorted(record.key is None for record in records) == [False] * 3 + [True] * 3
    assert holdings.forget(VISITOR, []).events == 0
    assert shop.client.query("SELECT count() FROM events WHERE session_id = ''").result_rows == [(0,)]


def test_the_migration_repairs_what_was_erased_before(shop: Shop) -> None:
    """As the program did it until schema 2: columns set to NULL, which kept all values."""
    client = shop.client
    columns = ["site", "session_id", "visitor_id", "event_id", "occurred_at", "received_at", "page_type", "path"]
    columns += ["amount", "key"]
    client.command(
        "ALTER TABLE events UPDATE raw = '', kind = if(type = 'page_view', 'control', 'undecodable'), "
        f"type = if(type = 'page_view', 'tick', NULL), {', '.join(f'{name} = NULL' for name in columns)} "
        "WHERE visitor_id = 'erased-visitor' SETTINGS mutations_sync = 1"
    )
    low_cardinality = {"site", "page_type"}  # of their dictionaries nothing is left beneath a null
    assert {f"events.{name}" for name in columns if name not in low_cardinality} <= set(_beneath(client))
    before = client.query("SELECT * FROM events ORDER BY partition, offset").result_rows
    client.command("ALTER TABLE schema_version DELETE WHERE version >= 3 SETTINGS mutations_sync = 1")
    step, *_ = migrate.migrate("clickhouse", migrate.clickhouse_run(client))
    assert step.name == "erased_values"
    # The step leaves the work to ClickHouse; a further change waits for all that came before it.
    client.command("ALTER TABLE events UPDATE raw = raw WHERE 0 SETTINGS mutations_sync = 1")
    assert {name for name in _beneath(client) if name.startswith("events.")} == set()
    assert client.query("SELECT * FROM events ORDER BY partition, offset").result_rows == before
    data = b"".join(data for _, data in part_files(client))
    assert SECRETS["key"] not in data
    assert KEPT in data
