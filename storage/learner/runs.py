"""The table `learning_runs`: what the learner did for each site; and what there is to learn from, by site. Blocking."""

import contextlib
from collections.abc import Generator

import msgspec
from sqlalchemy import Engine, Row, case, func, select

from ingest.events import base_site
from scoring.learner.run import LearnerRun, SiteCounts
from storage.database.engine import reached
from storage.database.locks import exclusive
from storage.database.tables import learning_runs, sessions
from storage.errors import StorageError

#: Runs of a site that are kept; those before are forgotten when a new one begins.
MOST_RUNS = 200
_NAMES = {each: "version_before" if each == "before" else each for each in LearnerRun.__struct_fields__}
_COLUMNS = [learning_runs.c[name] for name in _NAMES.values()]


class LearnerBusyError(StorageError):
    """Another learner works on these databases."""


class LearnerRuns:
    """A RunStore of scoring/learner; raises DatabaseUnavailableError."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def runs(self, site: str) -> list[LearnerRun]:
        """The runs of a site, the oldest first."""
        query = select(*_COLUMNS).where(learning_runs.c.site == site).order_by(learning_runs.c.number)
        with reached(), self.engine.connect() as connection:
            return [_run(row) for row in connection.execute(query)]

    def newest(self) -> list[LearnerRun]:
        """The runs of all sites by name, the newest of each first."""
        query = select(*_COLUMNS).order_by(learning_runs.c.site, learning_runs.c.number.desc())
        with reached(), self.engine.connect() as connection:
            return [_run(row) for row in connection.execute(query)]

    def put(self, run: LearnerRun) -> None:
        """Keep a run in the place of that of its site and number, in one transaction."""
        t = learning_runs.c
        values = {name: getattr(run, field) for field, name in _NAMES.items()}
        values["reasons"] = msgspec.json.encode(run.reasons).decode()
        is_it = (t.site == run.site) & (t.number == run.number)
        with reached(), self.engine.begin() as connection:
            connection.execute(learning_runs.delete().where(is_it))
            connection.execute(learning_runs.insert(), values)
            is_old = (t.site == run.site) & (t.number <= run.number - MOST_RUNS)
            connection.execute(learning_runs.delete().where(is_old & (t.step != "watching")))


def site_counts(engine: Engine, since: int, until: int) -> list[SiteCounts]:
    """Closed sessions of people of every live site that opened in [since, until), ms UTC, by name.

    Raises DatabaseUnavailableError.
    """
    t = sessions.c
    query = (
        select(t.site, func.count(), func.sum(case((t.revenue, 1), else_=0)), func.min(t.opened_at))
        .where(t.opened_at >= since, t.opened_at < until, t.status == "closed", t.bot.is_(False))
        .group_by(t.site)
        .order_by(t.site)
    )
    with reached(), engine.connect() as connection:
        rows = connection.execute(query).fetchall()
    return [SiteCounts(row[0], int(row[1]), int(row[2]), int(row[3])) for row in rows if base_site(row[0]) == row[0]]


@contextlib.contextmanager
def held(engine: Engine) -> Generator[None, None, None]:
    """Hold the learner's lock, of which the database (of SQLite: the file system) lets go when its holder dies.

    Raises LearnerBusyError where another learner holds it, DatabaseUnavailableError.
    """
    where = "data folder" if engine.dialect.name == "sqlite" else "database"
    busy = LearnerBusyError(f"another learner works on this {where}")
    with contextlib.ExitStack() as stack:
        with reached():
            stack.enter_context(exclusive(engine, "learner", busy))
        yield


def _run(row: Row[tuple[object, ...]]) -> LearnerRun:
    values = dict(zip(_NAMES, row, strict=True))
    return msgspec.convert(values | {"reasons": msgspec.json.decode(str(values["reasons"]))}, LearnerRun)
