"""One look of the learner at every site, in a process that ends: `opecom run learner --once`.

The last line of its output is what it found, as JSON, for the part that started it.
"""

import contextlib
import logging
import os
import resource
import time
from typing import Any, cast

import msgspec
from msgspec import Struct

from deploy.errors import AwayError
from deploy.learner.libraries import missing_line
from deploy.processes.data_folder import as_running, running
from deploy.settings.model import Settings
from deploy.terminal.plain import print_line
from deploy.wiring.relational import explained, relational
from scoring.learner.advance import Learner, LearnerWork
from scoring.learner.errors import StepDelayedError
from scoring.learner.run import LearnerRun
from scoring.learner.schedule import LearnerSettings, all_days
from storage.database import migrate
from storage.database.errors import DatabaseUnavailableError
from storage.learner.runs import LearnerBusyError, LearnerRuns, held, site_counts

log = logging.getLogger(__name__)

#: Live traffic goes before it.
NICE = 10
#: The exit code of a look that should be repeated.
AGAIN = 70


class SiteState(Struct, frozen=True):
    """The newest run of a site."""

    site: str
    step: str
    reason: str


class LookReport(Struct, frozen=True):
    """What a look found: the sites as they are, how many runs came to which step, and what has to wait."""

    sites: list[SiteState]
    steps: dict[str, int]
    delayed: list[str]


def settings_of(settings: Settings) -> LearnerSettings:
    """The settings of the decisions."""
    names = LearnerSettings.__struct_fields__
    return LearnerSettings(**{name: getattr(settings.learning, name) for name in names})


def once(settings: Settings) -> int:
    """Take every site forward; 0, or 70 where something was away. Raises SetupError."""
    if line := missing_line():
        log.warning(line)
        return 0
    bound_memory(settings.learning.memory_mb)
    os.nice(NICE)
    if settings.profile == "embedded" and running(settings.data_dir) is None:
        raise AwayError(
            f"nothing runs on data_dir ({settings.data_dir}), and the learner reads the live log: `opecom up`"
        )
    settings = as_running(settings)
    engine = relational(settings)
    try:
        with explained():
            engine.connect().close()
        migrate.check(migrate.relational_kind(engine), migrate.relational_run(engine))
        with held(engine):
            report = look(settings, LearnerRuns(engine), int(time.time() * 1000))
    except LearnerBusyError as error:
        log.info("%s, which does the work", error)
        return 0
    except (DatabaseUnavailableError, migrate.SchemaError) as error:
        raise AwayError(f"the learner's state cannot be read ({error}): see storage.url, data_dir") from error
    finally:
        engine.dispose()
    print_line(msgspec.json.encode(report).decode())
    return AGAIN if report.delayed else 0


def look(settings: Settings, store: LearnerRuns, now: int) -> LookReport:
    """All sites, one after the other; one that has to wait holds up no other. The caller holds the lock."""
    rules = settings_of(settings)
    before = {(run.site, run.number): run.step for run in store.newest()}
    work = cast(LearnerWork, _WorkOnFirstUse(settings))
    learner = Learner(work, store, rules, settings.learning.gate.least_buyers)
    delayed = []
    for counts in site_counts(store.engine, *all_days(now, rules)):
        try:
            learner.advance(counts, now)
        except StepDelayedError as error:
            log.warning("%s: later: %s", counts.site, error)
            delayed.append(f"{counts.site}: {error}")
    runs = store.newest()
    moved = [run for run in runs if before.get((run.site, run.number)) != run.step]
    for run in reversed(moved):
        log.info("%s: run %d, %s: %s", run.site, run.number, run.step, "; ".join(run.reasons) or "no reason")
    return LookReport(_states(runs), _counted(moved), delayed)


def bound_memory(megabytes: int) -> None:
    """Let this process have so much memory of its own: an error in it is better than another part's death."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 1_000_000
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard < 0 else min(wanted, hard), hard))


def _states(runs: list[LearnerRun]) -> list[SiteState]:
    newest: dict[str, SiteState] = {}
    for run in runs:
        newest.setdefault(run.site, SiteState(run.site, run.step, "; ".join(run.reasons)))
    return list(newest.values())


def _counted(runs: list[LearnerRun]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for run in runs:
        counted[run.step] = counted.get(run.step, 0) + 1
    return counted


class _WorkOnFirstUse:
    """SiteWork, of which a look at sites that are not due loads nothing: it comes with the libraries that learn."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        from deploy.learner.site_work import SiteWork

        return getattr(SiteWork(self._settings), name)
