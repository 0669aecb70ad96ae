"""What retention removed, run by run, in the relational database. Blocking; raises DatabaseUnavailableError."""

import time
from collections.abc import Mapping

import msgspec
from sqlalchemy import Engine, select

from storage.database.engine import reached
from storage.retention.answers import RetentionRun
from storage.retention.limits import Cutoffs
from storage.retention.tables import retention_runs

#: Runs that are kept.
MOST_RUNS = 400


class RetentionJournal:
    """The table `retention_runs`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def newest(self, limit: int = MOST_RUNS) -> list[RetentionRun]:
        """The newest first."""
        query = select(retention_runs).order_by(retention_runs.c.started_at.desc()).limit(limit)
        with reached(), self._engine.connect() as connection:
            return [
                RetentionRun(
                    int(row.started_at),
                    int(row.moved_at),
                    row.state,
                    msgspec.json.decode(row.cutoffs, type=Cutoffs),
                    msgspec.json.decode(row.removed, type=dict[str, int]),
                )
                for row in connection.execute(query)
            ]

    def begin(self, cutoffs: Cutoffs, now: int) -> int:
        """Note a run, and return its beginning, by which it is called."""
        t = retention_runs.c
        with reached(), self._engine.begin() as connection:
            last = connection.execute(select(t.started_at).order_by(t.started_at.desc()).limit(1)).scalar()
            started = max(now, (last or 0) + 1)
            row = {"started_at": started, "moved_at": now, "state": "running", "removed": "{}"}
            connection.execute(retention_runs.insert(), row | {"cutoffs": msgspec.json.encode(cutoffs).decode()})
            kept = select(t.started_at).order_by(t.started_at.desc()).limit(1).offset(MOST_RUNS - 1)
            if (oldest := connection.execute(kept).scalar()) is not None:
                connection.execute(retention_runs.delete().where(t.started_at < oldest))
        return started

    def note(self, started: int, removed: Mapping[str, int], *, is_done: bool = False) -> None:
        """Keep what the run has removed so far; with `is_done` that it is over."""
        values = {
            "moved_at": int(time.time() * 1000),
            "removed": msgspec.json.encode(dict(removed)).decode(),
            "state": "done" if is_done else "running",
        }
        with reached(), self._engine.begin() as connection:
            connection.execute(retention_runs.update().where(retention_runs.c.started_at == started).values(values))
