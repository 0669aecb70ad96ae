"""The learner's runs in both databases, what there is to learn from, and one learner at a time."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, DateTime, Engine, String

from deploy.processes.ports import wait_until
from scoring.learner.run import SiteCounts
from storage.database import migrate
from storage.database.engine import engine_of
from storage.database.tables import sessions
from storage.learner.runs import MOST_RUNS, LearnerBusyError, LearnerRuns, held, site_counts
from tests.support.events import NOON
from tests.support.learners import DAY, SITE, learner_run

HOLDER = """
import sys
from storage.database.engine import engine_of
from storage.learner.runs import held
with held(engine_of(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'db'}" if request.param == "sqlite" else request.getfixturevalue("mariadb_url")
    made = engine_of(url)
    migrate.migrate(migrate.relational_kind(made), migrate.relational_run(made))
    yield made
    made.dispose()


def test_a_run_is_read_as_it_was_kept_and_takes_the_place_of_the_same_one(engine: Engine) -> None:
    runs = LearnerRuns(engine)
    first = learner_run(candidate="new", before="old", reasons=("it is not better", 'a "reason": more'))
    other = learner_run(site="other", step="proposed", promoted_at=NOON, looked_at=NOON + 1, attempts=2)
    for run in (learner_run(), first, learner_run(number=2), other):
        runs.put(run)
    assert runs.runs(SITE) == [first, learner_run(number=2)]
    assert [(run.site, run.number) for run in runs.newest()] == [("other", 1), (SITE, 2), (SITE, 1)]
    assert runs.newest()[0] == other


def test_old_runs_are_forgotten_but_for_those_that_are_watched(engine: Engine) -> None:
    runs = LearnerRuns(engine)
    runs.put(learner_run(step="watching"))
    runs.put(learner_run(number=2))
    runs.put(learner_run(number=MOST_RUNS + 2))
    assert [run.number for run in runs.runs(SITE)] == [1, MOST_RUNS + 2]


def session_row(number: int, **given: Any) -> dict[str, Any]:
    """A closed session of NOON that did not buy; every other column has some value of its type."""
    values: dict[str, Any] = {}
    for column in sessions.columns:
        kinds = ((Boolean, False), (String, "x"), (DateTime, datetime(2026, 11, 2)))
        values[column.name] = next((value for kind, value in kinds if isinstance(column.type, kind)), 0)
    return values | {"site": SITE, "session_id": f"s{number}", "opened_at": NOON, "status": "closed"} | given


def test_closed_sessions_of_people_of_live_sites_are_counted(engine: Engine) -> None:
    rows = [
        session_row(1, revenue=True),
        session_row(2, opened_at=NOON + 5),
        session_row(3, opened_at=NOON - 1),
        session_row(4, opened_at=NOON + DAY),
        session_row(5, status="open"),
        session_row(6, bot=True),
        session_row(7, site=f"{SITE}~2025"),
        session_row(8, site="other"),
    ]
    with engine.begin() as connection:
        connection.execute(sessions.insert(), rows)
    assert site_counts(engine, NOON, NOON + DAY) == [SiteCounts("other", 1, 0, NOON), SiteCounts(SITE, 2, 1, NOON)]


def test_one_learner_at_a_time_and_the_lock_dies_with_its_holder(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    program = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LearnerBusyError, match="another learner works on this"), held(engine):
            pass
        other.kill()
    # MariaDB notices a connection that is gone a moment later.
    assert wait_until(lambda: is_free(engine), 90), "the lock outlives its holder"


def is_free(engine: Engine) -> bool:
    try:
        with held(engine):
            return True
    except LearnerBusyError:
        return False
