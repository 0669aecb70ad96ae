"""Retention: the order of its steps, one run at a time, and what a run did.

Blocking. Whatever is killed leaves a state from which the next run goes on: each step finds by itself what is left.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from storage.database.engine import reached, truncate_log
from storage.database.locks import exclusive
from storage.database.tables import log_positions
from storage.replay.errors import BusyError
from storage.replay.journal import Journal
from storage.retention import analytics, files, relational
from storage.retention.answers import RetentionRun
from storage.retention.errors import RetentionBusyError
from storage.retention.journal import RetentionJournal
from storage.retention.limits import DAY_MS, Cutoffs
from storage.write.clickhouse_sink import command

log = logging.getLogger(__name__)

#: How far back pages are counted (storage/pages/refresh.py), before their sessions go, ms.
COUNTED_MS = 31 * DAY_MS


class RetentionJob:
    """Both databases, and the folder of files that replays have written; `client` is a clickhouse_connect client that
    serves threads. `count_pages` brings the counts of pages up to date since a moment (ms UTC)."""

    def __init__(
        self, engine: Engine, client: Any, replays: Path, count_pages: Callable[[int], object] = lambda _: None
    ) -> None:
        self.journal = RetentionJournal(engine)
        self._engine = engine
        self._client = client
        self._replays = replays
        self._count_pages = count_pages
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let the run of another thread end after its step; the next run goes on."""
        self._stopping.set()

    def preview(self, cutoffs: Cutoffs, now: int) -> dict[str, int]:
        """How many rows of each table, and of files, a run would remove now. Raises DatabaseUnavailableError."""
        found = relational.count_expired(self._engine, cutoffs)
        for name, count in analytics.count_expired(self._client, cutoffs, now).items():
            found[name_of(name)] = count
        return found | {files.NAME: files.count_expired(self._replays, cutoffs)}

    def run(self, cutoffs: Cutoffs, now: int) -> RetentionRun:
        """Remove everything before these moments; `now` in ms UTC.

        1 note it · 2 count pages up to date, and note up to which day the counts are kept as they are · 3 the
        relational database: sessions with all their rows, piece by piece, and what else is kept of sessions that are
        gone · 4 ClickHouse: what pages are counted from, updates, dead letters, and of the log the events, whose values
        become empty and then null; old counts · 5 rows of files that replays wrote · 6 empty SQLite's log of changes,
        and note that it is done. What a crash leaves, the next run finishes.

        Raises RetentionBusyError, DatabaseUnavailableError, and OSError of the files.
        """
        with self._held():
            started, removed = self.journal.begin(cutoffs, now), dict[str, int]()
            self._keep_counts(cutoffs, now)
            for name, count in self._steps(cutoffs, now):
                if count:
                    removed[name] = removed.get(name, 0) + count
                    self.journal.note(started, removed)
                if self._stopping.is_set():
                    return self.journal.newest(1)[0]
            truncate_log(self._engine)
            self.journal.note(started, removed, is_done=True)
            run = self.journal.newest(1)[0]
        log.info("retention: %s", removed or "nothing was old enough")
        return run

    def _steps(self, cutoffs: Cutoffs, now: int) -> Iterator[tuple[str, int]]:
        yield from relational.remove_expired(self._engine, cutoffs)
        for name, count in analytics.remove_expired(self._client, cutoffs, now):
            yield name_of(name), count
        yield files.NAME, files.remove_expired(self._replays, cutoffs)

    def _keep_counts(self, cutoffs: Cutoffs, now: int) -> None:
        if cutoffs.rows:
            self._count_pages(now - COUNTED_MS)
            given = {"sites": list(cutoffs.rows), "days": [at // DAY_MS for at in cutoffs.rows.values()]}
            command(self._client, _KEEP, given)

    @contextlib.contextmanager
    def _held(self) -> Generator[None, None, None]:
        """The lock of retention, and against replays those of all logs; all die with their holder."""
        busy = RetentionBusyError("retention runs already: `opecom retention show` says how far it is")
        with contextlib.ExitStack() as held:
            with reached():
                held.enter_context(exclusive(self._engine, "retention", busy))
            for name in self._logs():
                try:
                    held.enter_context(Journal(self._engine, name).held())
                except BusyError:
                    raise RetentionBusyError(
                        "a replay runs, which may hold rows that are to go: wait for it (`opecom replay --list`)"
                    ) from None
            yield

    def _logs(self) -> list[str]:
        with reached(), self._engine.connect() as connection:
            names = sorted(str(name) for (name,) in connection.execute(select(log_positions.c.log).distinct()))
        # The locks of SQLite are one.
        return names[:1] if self._engine.dialect.name == "sqlite" else names


def name_of(table: str) -> str:
    """A table of ClickHouse, in what a run removed."""
    return f"clickhouse.{table}"


_KEEP = (
    "INSERT INTO page_tally_kept SELECT each.1, each.2 FROM "
    "(SELECT arrayJoin(arrayZip({sites:Array(String)}, {days:Array(UInt32)})) AS each)"
)
