"""The rows in SQL: any order and any duplication of blocks gives what lists give; columns say what they should."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Double,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    inspect,
    select,
)

from storage.database.errors import DatabaseUnavailableError
from storage.database.tables import metadata, page_views, sessions
from storage.webhooks.tables import webhooks
from storage.write.relational_sink import close_orphans, literals_of
from storage.write.sink import ListSink
from stream.scored import CategoryNames, Reason, ScoredSession
from tests.support.events import NOON
from tests.support.scored import FEATURES, scored, view
from tests.support.sinks import KeptInLists, KeptInSql, block, sql

DATABASES = ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)]


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    with sql(url) as made:
        yield made


@st.composite
def update(draw: st.DrawFn) -> ScoredSession:
    """An update of one of a few sessions; all of one version are the same, as the log's are."""
    offset, closed = draw(st.integers(0, 12)), draw(st.booleans())
    views = tuple(view(offset % number, seconds=float(offset)) for number in (2, 3))
    return scored(offset, closed, session_id=f"s{offset % 3}", probability=offset / 16 + closed / 32, views=views)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(history=st.lists(update(), min_size=1, max_size=15), data=st.data())
def test_any_order_and_duplication_of_blocks_gives_the_same_rows(
    engine: Engine, history: list[ScoredSession], data: st.DataObject
) -> None:
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    once = KeptInLists()
    once.sink.write(block(*history))
    shuffled = data.draw(st.permutations([*history, *data.draw(st.lists(st.sampled_from(history), max_size=10))]))
    size = data.draw(st.integers(1, 6))
    kept = KeptInSql(engine)
    for start in range(0, len(shuffled), size):
        kept.sink.write(block(*shuffled[start : start + size]))
    assert kept.sessions() == once.sessions()
    assert kept.views() == once.views()


def test_the_report_s_columns_state_what_the_session_is(engine: Engine) -> None:
    KeptInSql(engine).sink.write(block(scored(5, views=(view(1, type=None, path="/"),))))
    with engine.connect() as connection:
        row = connection.execute(select(sessions)).mappings().one()
        seen = connection.execute(select(page_views)).mappings().one()
    assert (row["administrative_count"], row["product_related_duration"]) == (1, FEATURES.ProductRelated_Duration)
    assert (row["month"], row["is_weekend"], row["visitor_type"]) == ("Feb", True, "Returning_Visitor")
    assert (row["operating_system"], row["operating_system_code"]) == ("Windows", 2)
    assert (row["region"], row["region_name"], row["traffic_type"]) == (1, "DE", 4)
    assert (row["revenue"], row["status"], row["ended_at"]) == (False, "open", None)
    assert row["started_at"] == datetime(2025, 1, 1, 12)
    assert row["last_event_at"] == datetime(2025, 1, 1, 12, 0, 1)
    assert (row["log"], row["event_count"], row["pages_version"]) == ("log", 5, 7)
    assert (seen["page_type"], seen["page_url"], seen["duration_seconds"]) == (None, "/", 20.5)
    assert (seen["is_bounce"], seen["is_exit"], seen["viewed_at"]) == (False, True, datetime(2025, 1, 1, 12))


def test_numbers_come_back_to_the_last_bit(engine: Engine) -> None:
    numbers = [0.1 + 0.2, 1e-300, 1 / 3, 5e-324, 123456789.123456789]
    kept = KeptInSql(engine)
    kept.sink.write(block(*(scored(n, session_id=f"s{n}", probability=p) for n, p in enumerate(numbers))))
    assert sorted(probability for _, probability in kept.sessions().values()) == sorted(numbers)


def test_a_session_that_has_ended_states_when(engine: Engine) -> None:
    sink = KeptInSql(engine).sink
    sink.write(block(scored(5, status="ended", last_event_at=NOON + 1_234)))
    with engine.connect() as connection:
        assert connection.execute(select(sessions.c.ended_at)).scalar() == datetime(2025, 1, 1, 12, 0, 1, 234_000)


def test_an_id_with_a_quote_is_escaped_beside_plain_ones(engine: Engine) -> None:
    kept = KeptInSql(engine)
    names = ["plain", "it's", "b\\", "x', 'y", "100%s"]
    kept.sink.write(block(*(scored(n, session_id=name, visitor_id=name) for n, name in enumerate(names))))
    with engine.connect() as connection:
        rows = connection.execute(select(sessions.c.session_id, sessions.c.visitor_id)).all()
    assert sorted(rows) == sorted((name, name) for name in names)


#: Pieces of SQL, of drivers' placeholders and of what databases cut, fold or stop at, between any characters.
hostile = st.lists(
    st.sampled_from(
        ["'", "''", '"', "\\", "\\'", "\0", "\n", "\r\n", "\x1a", "%", "%s", "%(a)s", ":name", "?", ";", "--", "/*"]
    )
    | st.sampled_from(["NULL", "); DROP TABLE sessions; --", "{}", "`", "ключ", "🛒", "é", "e\u0301", "\u200b", " "])
    | st.characters(codec="utf-8"),
    min_size=1,
    max_size=4,
).map("".join)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(texts=st.lists(hostile.filter(lambda text: len(text) <= 64), min_size=5, max_size=5))
def test_hostile_text_comes_back_as_it_was_written(engine: Engine, texts: list[str]) -> None:
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    session_id, visitor_id, browser, path, value = texts
    update = scored(
        1,
        session_id=session_id,
        visitor_id=visitor_id,
        origin=CategoryNames(browser, "Windows", "DE", "search"),
        views=(view(1, path=path), view(2, type=None, path=path)),
        reasons=(Reason("Month", value, 0.5),),
    )
    # Twice, for the update's half of the statement, and beside a plain row.
    for _ in range(2):
        KeptInSql(engine).sink.write(block(update, scored(2, session_id="plain", opened_at=NOON + 1)))
    with engine.connect() as connection:
        t, v = sessions.c, page_views.c
        row = connection.execute(select(t.session_id, t.visitor_id, t.browser, t.reasons).where(t.opened_at == NOON))
        seen = connection.execute(select(v.session_id, v.page_url, v.page_type).where(v.opened_at == NOON))
        assert row.all() == [(session_id, visitor_id, browser, msgspec.json.encode(update.reasons).decode())]
        assert sorted(seen.all(), key=str) == sorted(
            [(session_id, path, "ProductRelated"), (session_id, path, None)], key=str
        )


def test_orphans_of_an_earlier_log_are_closed_as_they_stand(engine: Engine) -> None:
    kept = KeptInSql(engine)
    kept.sink.write(
        block(scored(1), scored(2, session_id="s2", status="ended"), scored(3, True, session_id="s3"), log="a")
    )
    kept.sink.write(block(scored(1, session_id="s4"), log="b"))
    before = kept.sessions()
    assert close_orphans(engine, "b") == 2
    assert kept.sessions() == before
    with engine.connect() as connection:
        rows = dict(connection.execute(select(sessions.c.session_id, sessions.c.status)).all())
        assert connection.execute(select(sessions.c.ended_at).where(sessions.c.session_id == "s1")).scalar() is not None
    assert rows == {"s1": "closed", "s2": "closed", "s3": "closed", "s4": "open"}
    assert close_orphans(engine, "b") == 0


def test_a_block_larger_than_one_statement_is_written_whole(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.write.relational_sink.MAX_STATEMENT", 2_000)
    kept = KeptInSql(engine)
    kept.sink.write(block(*(scored(n, session_id=f"s{n}") for n in range(50))))
    assert len(kept.sessions()) == 50


def test_a_server_that_is_away_is_unavailable(tmp_path: Path) -> None:
    with sql(f"sqlite:///{tmp_path / 'db'}") as engine:
        kept = KeptInSql(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE sessions")
        with pytest.raises(DatabaseUnavailableError, match="no such table"):
            kept.sink.write(block(scored(1)))


def test_migrations_make_the_tables_that_the_program_names(engine: Engine) -> None:
    found = inspect(engine)
    assert webhooks in metadata.sorted_tables
    for table in metadata.sorted_tables:
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        # By name, as a column that was added later stands last in a database that was there before.
        assert {name: (column["nullable"], _kind(column["type"])) for name, column in columns.items()} == {
            column.name: (column.nullable, _kind(column.type)) for column in table.columns
        }
        assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key.columns]
        assert not found.get_unique_constraints(table.name)


def _kind(column: Any) -> str:
    """What a column takes: text, times, numbers with a fraction, or whole numbers, which truths are in MariaDB."""
    kinds = {
        String: "text",
        DateTime: "time",
        Float: "fraction",
        Integer: "whole",
        Boolean: "whole",
    }
    return next(name for kind, name in kinds.items() if isinstance(column, kind))


def test_the_list_sink_is_the_model_of_the_log_rule() -> None:
    sink = ListSink()
    sink.write(block(scored(9), log="a"))
    sink.write(block(scored(1), log="b"))
    assert [log for log, _ in sink.sessions.values()] == ["b"]


def test_every_type_of_column_may_be_null() -> None:
    types = {"text": String(9), "count": Integer(), "share": Double(), "at": DateTime()}
    table = Table("t", MetaData(), *(Column(name, of, nullable=True) for name, of in types.items()))
    literals = literals_of(table)
    assert literals((None, None, None, None)) == "(NULL,NULL,NULL,NULL)"
    assert literals(("it's", 3, 0.1, "2025-01-01")) == "('it\\'s',3,0.1,'2025-01-01')"
