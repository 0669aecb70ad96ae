"""What a replay asks the relational tables for is looked up by their keys, never by reading them whole."""

from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from storage.replay.stored_sessions import StoredSessions
from storage.write.relational_sink import RelationalSink
from tests.support.events import NOON
from tests.support.scored import scored, view
from tests.support.sinks import block, sql

IDENTITIES = [("default", f"s{number}", NOON) for number in range(3)]


def test_lookups_and_deletions_search_an_index(tmp_path: Path) -> None:
    with sql(f"sqlite:///{tmp_path / 'db'}") as engine:
        RelationalSink(engine).write(block(*(scored(n, session_id=f"s{n}", views=(view(n),)) for n in range(5))))
        asked: list[tuple[str, Any]] = []

        @event.listens_for(engine, "before_cursor_execute")
        def listen(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
            asked.append((statement, parameters))

        stored = StoredSessions(engine, "log")
        assert set(stored.sessions(IDENTITIES)) == set(IDENTITIES)
        assert set(stored.views(IDENTITIES)) == set(IDENTITIES)
        assert stored.view_counts(IDENTITIES) == dict.fromkeys(IDENTITIES, 1)
        stored.drop_views(dict.fromkeys(IDENTITIES, 1 << 40))
        assert stored.views(IDENTITIES) == {}
        event.remove(engine, "before_cursor_execute", listen)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT count(*) FROM page_views")).scalar() == 2
            for statement, parameters in asked:
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
                assert all(row[3].startswith(("SEARCH", "USE TEMP B-TREE")) for row in plan), (statement, plan)
