"""One look at all sites: what it reports, what holds up no other site, and what is one line."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy import promote
from deploy.errors import AwayError, SetupError
from deploy.learner import libraries, once, site_work
from deploy.learner.libraries import missing_line
from deploy.learner.site_work import SiteWork
from deploy.settings.model import LearningSettings, Settings
from scoring.learner.errors import StepDelayedError, StepFailedError
from scoring.learner.run import SiteCounts
from scoring.learner.schedule import LearnerSettings, LearningSpan
from storage.database import migrate
from storage.database.engine import engine_of
from storage.database.errors import DatabaseUnavailableError
from storage.learner.runs import LearnerRuns
from tests.support.events import NOON
from tests.support.learners import DAY, LossyShop, learner_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LearnerRuns]:
    engine = engine_of(f"sqlite:///{tmp_path / 'db'}")
    migrate.migrate("sqlite", migrate.relational_run(engine))
    yield LearnerRuns(engine)
    engine.dispose()


class AwayShop(LossyShop):
    """Kafka does not answer."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(lambda _: "new", lambda *_: 0.0)

    def learn(self, site: str, span: LearningSpan) -> str:
        raise StepDelayedError("Kafka is away")


def test_a_site_that_has_to_wait_holds_up_no_other(store: LearnerRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site_work, "SiteWork", AwayShop)
    known = [SiteCounts("large", 10_000, 400, NOON - 60 * DAY), SiteCounts("small", 100, 2, NOON - DAY)]
    monkeypatch.setattr(once, "site_counts", lambda *_: known)
    report = once.look(Settings(), store, NOON)
    assert report.delayed == ["large: Kafka is away"]
    assert report.steps == {"learning": 1, "waiting": 1}
    assert [(each.site, each.step) for each in report.sites] == [("large", "learning"), ("small", "waiting")]
    assert report.sites[0].reason == "Kafka is away"
    assert report.sites[1].reason.startswith("2 of 100 sessions bought, and learning takes 30")


def test_a_site_that_is_not_due_loads_nothing_that_learns(store: LearnerRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "site_counts", lambda *_: [SiteCounts("shop", 10_000, 400, NOON - 60 * DAY)])
    monkeypatch.setattr(site_work, "SiteWork", None)
    store.put(learner_run(started_at=NOON - 3_600_000, since=NOON - 5 * DAY))
    assert once.look(Settings(), store, NOON).steps == {}


def test_settings_of_the_decisions_are_those_of_the_file() -> None:
    settings = Settings(learning=LearningSettings(every_hours=6, promotion="auto", matured_hours=12))
    assert once.settings_of(settings) == LearnerSettings(every_hours=6, promotion="auto", matured_hours=12)
    # What the file leaves out is as the decisions have it.
    assert once.settings_of(Settings()) == LearnerSettings()


def test_without_the_extra_one_line_and_no_failure(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    monkeypatch.setattr(once, "missing_line", lambda: missing_line(("lightgbm", "no_such_library")))
    assert once.once(Settings()) == 0
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("nothing is learned by itself: no_such_library is not installed: `make setup EXTRA=learn`")
    assert missing_line(("os", "sys")) == ""
    assert set(libraries.LIBRARIES) <= {"lightgbm", "onnx", "scipy", "sklearn", "threadpoolctl"}


def test_an_embedded_system_that_does_not_run_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(once, "bound_memory", lambda _: None)
    monkeypatch.setattr("os.nice", lambda _: 0)
    with pytest.raises(AwayError, match=r"nothing runs on data_dir .*: `opecom up`"):
        once.once(Settings(data_dir=tmp_path))


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_memory_is_bounded() -> None:
    program = "from deploy.learner.once import bound_memory; bound_memory(300); bytearray(400_000_000)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "MemoryError"
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != 300_000_000


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        (AwayError("Kafka is away"), StepDelayedError, "Kafka is away"),
        (
            caused(SetupError("the database is away"), DatabaseUnavailableError()),
            StepDelayedError,
            "the database is away",
        ),
        (SetupError("no worker has taken it\nmore"), StepFailedError, "no worker has taken it"),
    ],
)
def test_what_is_away_is_tried_later_and_what_is_refused_is_not(
    error: Exception, kind: type[Exception], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: Any, **__: Any) -> None:
        raise error from error.__cause__

    monkeypatch.setattr(promote, "promote", fails)
    with pytest.raises(kind) as found:
        SiteWork(Settings()).promote("shop", "new")
    assert str(found.value) == line


def test_a_roll_back_on_a_new_log_names_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    promoted = []

    async def remembers_nothing(*_: Any, **__: Any) -> None:
        raise SetupError("no promotion of site shop on this log")

    async def takes(settings: Settings, version: str, *, site: str, **_: Any) -> None:
        promoted.append((version, site))

    monkeypatch.setattr(promote, "roll_back", remembers_nothing)
    monkeypatch.setattr(promote, "promote", takes)
    SiteWork(Settings()).roll_back("shop", "old")
    assert promoted == [("old", "shop")]


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000}))
    with pytest.raises(StepDelayedError, match=r"^the disk of data_dir .* has 1 MB left of 200: make room$"):
        SiteWork(Settings(data_dir=tmp_path)).learn("shop", LearningSpan(0, DAY))
