"""A visitor taken out of both databases: nothing of it is left, everything of others is, and a replay agrees."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.events import Tick, encode, key_of
from scoring.features import NAMES
from storage.admin.forget import Deleted, Visitor, VisitorDatabases
from storage.admin.visitor import VisitorReads
from storage.webhooks import bands
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import by_site
from storage.write.block import block_of, read
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.erased import redact
from stream.fold.erasures import ErasureRecord, session_digest, visitor_digest
from stream.fold.erasures import encode as encode_erasure
from tests.support.events import NOON, event
from tests.support.replays import LOG, Shop, contents, placed
from tests.support.scored import scored
from tests.support.visits import GONE, visits
from tests.support.webhooks import kept as deliveries_kept
from tests.support.webhooks import webhook

VISITOR = Visitor("default", GONE)
SHARED = [("default", "s4"), ("default", "s6")]


@pytest.fixture
def shop(databases: tuple[Any, Any]) -> Shop:
    """What live workers and the writer made of the visits, and somebody's record that is none."""
    shop = Shop(*databases, placed(visits()))
    shop.live()
    raw = f'{{"site":"default","visitor_id":"{GONE}","nothing":1}}'.encode()
    strange = read("events", partition=9, offset=7, timestamp=5, key=b"default/x", value=raw)
    AnalyticsSink(shop.client).write(block_of(LOG, [strange])[0])
    return shop


def learn(shop: Shop) -> None:
    """The erasures as the topic has them when an erasure is done."""
    digests = [visitor_digest("default", GONE), *(session_digest(*key) for key in SHARED)]
    for offset, digest in enumerate(digests):
        shop.erasures.take(offset, encode_erasure(ErasureRecord(digest, 0, True)))


def everything(shop: Shop) -> str:
    """All that both databases hold, as text."""
    mutations = shop.client.query("SELECT command FROM system.mutations").result_rows
    tables = ("sessions", "page_views", "orders", "refunds", "backfills", "backfill_partitions")
    return "\n".join((contents(shop, tables), *map(repr, mutations)))


def log_rows(shop: Shop) -> list[Any]:
    columns = shop.client.query("SELECT * FROM events FINAL WHERE partition < 9 ORDER BY partition, offset")
    return list(columns.result_rows)


def test_the_sessions_of_a_visitor_and_those_it_shares(shop: Shop) -> None:
    holdings = VisitorDatabases(shop.engine, shop.client)
    found = {session_id for _, session_id in holdings.keys(VISITOR)}
    assert found == {f"s{number}" for number in range(0, 14, 2)} | {f"late{n}" for n in range(0, 14, 4)} | {"open1"}
    assert holdings.shared(VISITOR) == SHARED
    assert holdings.keys(Visitor("default", "nobody")) == []
    assert holdings.keys(Visitor("other", GONE)) == []


def test_nothing_is_left_and_others_are_untouched(shop: Shop) -> None:
    holdings = VisitorDatabases(shop.engine, shop.client)
    before, events_before = shop.rows(), log_rows(shop)
    deleted = holdings.forget(VISITOR, SHARED)
    assert deleted == Deleted(sessions=8, page_views=7 * 4 + 1, updates=7 * 5 + 1, dead_letters=4, events=8 * 4 + 2)

    left = everything(shop)
    for secret in (GONE, "'s4'", "'s6'", "open1", "default/s0"):
        assert secret not in left, secret
    after = shop.rows()
    for table, rows in before.items():
        theirs = [row for row in rows if any(f"'s{n}'" in str(row) for n in range(1, 14, 2)) or "'open2'" in str(row)]
        assert after[table] == theirs, table
    events_after = log_rows(shop)
    assert [row[:4] for row in events_after] == [row[:4] for row in events_before]
    assert holdings.forget(VISITOR, SHARED) == Deleted()


async def test_the_log_is_what_a_writer_would_have_made_that_knew(shop: Shop) -> None:
    odd = event(900, session_id="odd", visitor_id=GONE, event_id="not-a-uuid-not-a-uuid-not-a-uuid-not")
    replayed = event(901, site="uci~r", session_id="r", visitor_id=GONE, clock="replayed")
    more = [
        read("events", partition=1, offset=500 + n, timestamp=9, key=key_of(e.site, e.session_id), value=encode(e))
        for n, e in enumerate((odd, replayed))
    ]
    AnalyticsSink(shop.client).write(block_of(LOG, more)[0])
    VisitorDatabases(shop.engine, shop.client).forget(VISITOR, SHARED)
    VisitorDatabases(shop.engine, shop.client).forget(Visitor("uci", GONE), [])
    found = log_rows(shop)

    learn(shop)
    shop.erasures.take(9, encode_erasure(ErasureRecord(visitor_digest("uci", GONE), 0, True)))
    shop.client.command("TRUNCATE TABLE events")
    records = [
        read("events", partition=number, offset=r.offset, timestamp=0, key=r.key, value=r.value)
        for number, part in enumerate(shop.source.partitions)
        for r in part
    ]
    AnalyticsSink(shop.client).write(block_of(LOG, [*records, *more], lambda r: redact(r, shop.erasures))[0])
    assert found == log_rows(shop)
    assert found[-1][found[-1].index("control") + 5] == "tick"
    assert encode(Tick("uci~r", replayed.received_at)).decode() in str(found[-1])


@pytest.mark.parametrize("source", ["kafka", "clickhouse"])
@pytest.mark.parametrize("late", [False, True], ids=["in time", "with late ones"])
async def test_a_replay_finds_no_difference_and_brings_nothing_back(shop: Shop, source: str, late: bool) -> None:
    VisitorDatabases(shop.engine, shop.client).forget(VISITOR, SHARED)
    learn(shop)
    before = shop.rows()
    if not late:
        for asked in ({"into": "nothing"}, {}):
            account = await shop.replay(source=source, diff=True, **asked)
            found = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
            assert set(found.values()) == {(0, 0, 0)}, found
            assert account.changed == account.voided == 0
        assert shop.rows() == before
    else:
        await shop.replay(source=source, include_late=True)
    assert GONE not in everything(shop)
    assert "open1" not in everything(shop)


async def test_lost_databases_come_back_without_the_visitor(shop: Shop) -> None:
    VisitorDatabases(shop.engine, shop.client).forget(VISITOR, SHARED)
    learn(shop)
    before, log_before = shop.rows(), log_rows(shop)
    shop.lose()
    await shop.replay()
    assert shop.rows() == before
    # The time of appending is not in the log of the tests.
    assert [row[:3] + row[4:] for row in log_rows(shop)] == [row[:3] + row[4:] for row in log_before]
    assert GONE not in everything(shop)


async def test_files_have_nothing_of_the_visitor(shop: Shop, tmp_path: Path) -> None:
    learn(shop)
    await shop.replay(into="file", target=str(tmp_path / "scores.jsonl"))
    await shop.replay(into="features", target=str(tmp_path / "set.csv"))
    for name in ("scores.jsonl", "set.csv"):
        said = (tmp_path / name).read_text()
        assert "s3" in said
        assert GONE not in said
        assert '"s4"' not in said
        assert ",s4," not in said


async def test_what_a_replay_has_voided_is_deleted_too(shop: Shop) -> None:
    """A replay that knows of the erasure, and runs before the rows are deleted, finds them and voids them."""
    learn(shop)
    account = await shop.replay()
    assert account.voided > 0
    VisitorDatabases(shop.engine, shop.client).forget(VISITOR, SHARED)
    assert (await shop.replay(diff=True)).voided == 0
    left = everything(shop)
    for secret in (GONE, "'s4'", "'s6'", "'s2'"):
        assert secret not in left, secret


def test_a_document_of_all_that_is_held(shop: Shop) -> None:
    reads = VisitorReads(shop.engine, shop.client, VisitorDatabases(shop.engine, shop.client))
    pieces = reads.document(VISITOR)
    assert pieces is not None
    said = json.loads(b"".join(pieces))
    assert (said["site"], said["visitor_id"]) == ("default", GONE)
    sessions = {each["session_id"]: each for each in said["sessions"]}
    assert len(sessions) == 7 + 4 + 1
    whole = sessions["s2"]
    assert [len(whole[name]) for name in ("openings", "page_views", "updates", "events")] == [1, 4, 5, 4]
    assert whole["openings"][0]["visitor_id"] == whole["events"][0]["visitor_id"] == GONE
    assert set(NAMES) <= set(whole["updates"][0])
    assert len(said["dead_letters"]) == 4 + 0
    assert reads.document(Visitor("default", "nobody")) is None
    VisitorDatabases(shop.engine, shop.client).forget(VISITOR, SHARED)
    assert reads.document(VISITOR) is None


def test_what_webhooks_have_sent(shop: Shop) -> None:
    updates = [
        scored(1, session_id="s2", visitor_id=GONE, band="high"),
        scored(2, session_id="s4", visitor_id="other", band="high"),
        scored(3, session_id="s1", visitor_id="other", band="high"),
    ]
    step = ReadBatch(PartitionPosition(), 4, NOON, updates)
    bands.move(shop.engine, "log", {0: step}, by_site([webhook()]), NOON)
    holdings = VisitorDatabases(shop.engine, shop.client)
    pieces = VisitorReads(shop.engine, shop.client, holdings).document(VISITOR)
    assert pieces is not None
    (sent,) = json.loads(b"".join(pieces))["deliveries"]
    assert (sent["body"]["data"]["session_id"], sent["body"]["data"]["visitor_id"]) == ("s2", GONE)
    assert holdings.forget(VISITOR, SHARED).deliveries == 2
    assert [each.session_id for each in deliveries_kept(shop.engine).values()] == ["s1"]
