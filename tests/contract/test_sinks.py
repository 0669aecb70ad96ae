"""What every sink does with blocks that come twice, in any order and from another log."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.events import Tick, encode, key_of
from scoring.features import Features
from storage.database import migrate
from storage.database.errors import RowsRefusedError
from storage.write.block import block_of
from stream.scored import DeadLetter, version_of
from tests.support.events import NOON, event
from tests.support.scored import FEATURES, scored, view
from tests.support.services import ClickHouse
from tests.support.sinks import (
    Kept,
    KeptInClickHouse,
    KeptInLists,
    KeptInSql,
    block,
    clickhouse,
    clickhouse_by_server,
    dead_block,
    record,
    sql,
)

S1 = ("default", "s1", NOON)


@pytest.fixture(scope="module")
def chdb_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with clickhouse(tmp_path_factory.mktemp("chdb")) as client:
        yield client


@pytest.fixture(scope="module")
def front_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with clickhouse_by_server(tmp_path_factory.mktemp("front")) as client:
        yield client


@pytest.fixture(scope="module")
def clickhouse_client(clickhouse_server: ClickHouse) -> Iterator[Any]:
    database = f"opecom_{uuid.uuid4().hex[:12]}"
    client = clickhouse_server.client(database)
    migrate.migrate("clickhouse", migrate.clickhouse_run(client))
    yield client
    client.command(f"DROP DATABASE {database}")
    client.close()


MARIADB = pytest.param("mariadb", marks=pytest.mark.mariadb)
CLICKHOUSE = pytest.param("clickhouse", marks=pytest.mark.clickhouse)


@pytest.fixture(params=["list", "sqlite", MARIADB, "chdb", "front", CLICKHOUSE])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "list":
        yield KeptInLists()
    elif request.param in ("chdb", "front", "clickhouse"):
        client = request.getfixturevalue(f"{request.param}_client")
        for table in ("events", "scored_sessions", "dead_letters"):
            client.command(f"TRUNCATE TABLE {table}")
        yield KeptInClickHouse(client)
    else:
        url = f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
        with sql(url) as engine:
            yield KeptInSql(engine)


def test_the_newest_version_of_a_session_is_kept(kept: Kept) -> None:
    kept.sink.write(block(scored(1, probability=0.1), scored(2, probability=0.2)))
    kept.sink.write(block(scored(3, probability=0.3)))
    assert kept.sessions() == {S1: (version_of(3, False), 0.3)}


def test_an_older_version_never_overwrites_a_newer_one(kept: Kept) -> None:
    kept.sink.write(block(scored(3, probability=0.3), scored(2, probability=0.2)))
    kept.sink.write(block(scored(1, probability=0.1)))
    assert kept.sessions() == {S1: (version_of(3, False), 0.3)}


def test_a_block_may_come_twice(kept: Kept) -> None:
    for _ in range(2):
        kept.sink.write(block(scored(1), scored(2, session_id="s2", probability=0.5)))
    assert kept.sessions() == {S1: (version_of(1, False), 0.4321), ("default", "s2", NOON): (version_of(2, False), 0.5)}


def test_closing_comes_after_the_update_of_the_same_offset(kept: Kept) -> None:
    kept.sink.write(block(scored(5, closed=True, probability=0.9)))
    kept.sink.write(block(scored(5, probability=0.1)))
    assert kept.sessions() == {S1: (version_of(5, True), 0.9)}


def test_an_id_used_again_is_another_session(kept: Kept) -> None:
    kept.sink.write(block(scored(1), scored(9, opened_at=NOON + 9)))
    assert set(kept.sessions()) == {S1, ("default", "s1", NOON + 9)}


def test_ids_differ_by_case_and_by_trailing_blanks(kept: Kept) -> None:
    names = ("abc", "ABC", "abc ", "äbc")
    kept.sink.write(block(*(scored(n, session_id=name) for n, name in enumerate(names))))
    assert {session_id for _, session_id, _ in kept.sessions()} == set(names)


@pytest.mark.parametrize("text", ["'); DROP TABLE sessions; --", "a\\", "\\'", '"', "%s%d", "''", "ключ", "\x00", "🛒"])
def test_no_text_is_read_as_sql(kept: Kept, text: str) -> None:
    kept.sink.write(block(scored(1, session_id=text, views=(view(path=text),)), scored(2, visitor_id="'")))
    kept.sink.write(block(scored(3, session_id=text)))
    assert set(kept.sessions()) == {("default", text, NOON), S1}


def test_an_empty_block_writes_nothing(kept: Kept) -> None:
    kept.sink.write(block())
    assert kept.sessions() == {}


def test_the_newest_state_of_a_page_view_is_kept(kept: Kept) -> None:
    kept.sink.write(block(scored(2, views=(view(1, seconds=30.25), view(2)))))
    kept.sink.write(block(scored(1, views=(view(1, seconds=1.0), view(3)))))
    views = kept.views()
    if views is None:
        return
    new, old = version_of(2, False), version_of(1, False)
    ids = {number: view(number).event_id for number in (1, 2, 3)}
    assert views == {(S1, ids[1]): (new, 30.25), (S1, ids[2]): (new, 20.5), (S1, ids[3]): (old, 20.5)}


def test_another_log_takes_the_row_over_whatever_its_offsets(kept: Kept) -> None:
    kept.sink.write(block(scored(100, probability=0.1), log="old"))
    kept.sink.write(block(scored(1, probability=0.2), log="new"))
    kept.sink.write(block(scored(0, probability=0.3), log="new"))
    timeline = kept.timeline()
    if timeline is None:
        assert kept.sessions() == {S1: (version_of(1, False), 0.2)}
    else:
        assert timeline == {(S1, "old", 100, False): 0.1, (S1, "new", 1, False): 0.2, (S1, "new", 0, False): 0.3}


def test_the_timeline_has_every_update_once_and_backfills_replace(kept: Kept) -> None:
    kept.sink.write(block(scored(1, probability=0.1), scored(2, probability=0.2), scored(2, closed=True)))
    kept.sink.write(
        block(scored(2, probability=0.2), scored(2, version=version_of(2, False, replay_number=1), probability=0.7))
    )
    kept.sink.write(block(scored(2, probability=0.2)))
    timeline = kept.timeline()
    if timeline is not None:
        assert timeline == {(S1, "log", 1, False): 0.1, (S1, "log", 2, False): 0.7, (S1, "log", 2, True): 0.4321}


def test_every_record_of_the_log_is_kept_with_its_bytes(kept: Kept) -> None:
    seen = event(1)
    values = {
        0: (key_of(seen.site, seen.session_id), encode(seen), "event"),
        1: (None, encode(Tick("live", NOON)), "control"),
        2: (b"k", b"\xff\x00 no JSON", "undecodable"),
        3: (b"k", b"", "undecodable"),
    }
    for _ in range(2):
        records = [record("events", offset, raw, key) for offset, (key, raw, _) in values.items()]
        kept.sink.write(block_of("log", records)[0])
    held = kept.events()
    if held is not None:
        assert held == {("log", 0, offset): (kind, raw) for offset, (_, raw, kind) in values.items()}


def test_dead_letters_of_two_topics_do_not_meet(kept: Kept) -> None:
    late = DeadLetter(log="log", partition=0, offset=7, reason="late", detail="", key=None, raw=b"\xfe")
    failed = DeadLetter(
        log="log", topic="scored-sessions", partition=0, offset=7, reason="failed", detail="x", key=b"\xff", raw=b"{}"
    )
    for _ in range(2):
        kept.sink.write(dead_block(late, failed))
    held = kept.dead()
    if held is not None:
        assert held == {("log", "events", 0, 7): ("late", b"\xfe"), ("log", "scored-sessions", 0, 7): ("failed", b"{}")}


@pytest.mark.parametrize("kept", ["sqlite", MARIADB, "chdb", "front", CLICKHOUSE], indirect=True)
def test_a_block_with_a_value_that_no_column_takes_is_refused_whole(kept: Kept) -> None:
    whole = {name: getattr(FEATURES, name) for name in FEATURES.__struct_fields__}
    huge = scored(2, session_id="s2", features=Features(**(whole | {"Administrative": 2**63})))
    with pytest.raises(RowsRefusedError):
        kept.sink.write(block(scored(1), huge))
    assert kept.sessions() == {}
    kept.sink.write(block(scored(1)))
    assert set(kept.sessions()) == {S1}


def test_a_block_that_travels_in_pieces_arrives_whole(kept: Kept) -> None:
    kept.sink.write(block(*(scored(number, session_id=f"s{number % 500}") for number in range(9_000))))
    assert len(kept.sessions()) == 500
    timeline = kept.timeline()
    assert timeline is None or len(timeline) == 9_000
