"""What the learner has done by the rest of the system: learn, shadow, judge, promote, roll back."""

import asyncio
import contextlib
import logging
from collections.abc import Generator, Sequence

from deploy import gate, promote
from deploy.errors import AwayError, SetupError
from deploy.processes.data_folder import disk_full
from deploy.settings.model import Settings
from deploy.terminal import shadow_gate
from deploy.terminal.console import TerminalConsole
from deploy.terminal.replay_progress import InterruptedReplayError
from deploy.wiring.learning import LearningRequest, learn_site
from scoring.errors import ScoringError
from scoring.learner.errors import StepDelayedError, StepFailedError
from scoring.learner.schedule import DAY_MS, LearningSpan
from scoring.learning.choose import COST_LIMIT
from scoring.shadow.report import ShadowReport
from storage.database.errors import DatabaseUnavailableError
from storage.replay.request import ReplaySelection

log = logging.getLogger(__name__)


class SiteWork:
    """A LearnerWork of scoring/learner on a running system."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # What a shadow shows of itself belongs to the log, which is what the part writes to stderr.
        self._console = TerminalConsole(stderr=True)

    def in_force(self, site: str) -> str:
        with _explained():
            return asyncio.run(promote.version_in_force(self._settings, site=site))

    def learn(self, site: str, span: LearningSpan) -> str:
        if line := disk_full(self._settings.data_dir):
            raise StepDelayedError(line)
        request = LearningRequest(
            site=site,
            days=round((span.until - span.since) / DAY_MS),
            until=span.until,
            family="auto",
            cost_limit=COST_LIMIT,
            bots=False,
            imports=False,
            out="",
            report=None,
        )
        with _explained():
            done = asyncio.run(learn_site(self._settings, request, lambda line: log.info("%s: %s", site, line)))
        return done.candidate.manifest.version

    def shadow(self, site: str, version: str, against: str, span: LearningSpan) -> ShadowReport:
        request = ReplaySelection(
            since=span.since, until=span.until, site=site, model=version, into="shadow", against=against
        )
        with _explained():
            return shadow_gate.shadowed(self._settings, request, self._console)

    def refusals(self, report: ShadowReport) -> Sequence[str]:
        with _explained():
            return gate.refusals_of(self._settings, report)

    def promote(self, site: str, version: str) -> None:
        with _explained():
            asyncio.run(promote.promote(self._settings, version, notify=log.info, gate="passed", site=site))
        log.info("%s: %s is in force from here on", site, version)

    def roll_back(self, site: str, before: str) -> None:
        with _explained():
            try:
                asyncio.run(promote.roll_back(self._settings, notify=log.info, site=site))
            except AwayError:
                raise
            except SetupError:
                # The log is a new one since, which remembers no promotion.
                asyncio.run(promote.promote(self._settings, before, notify=log.info, site=site))
        log.info("%s: rolled back, %s is in force from here on", site, before)


@contextlib.contextmanager
def _explained() -> Generator[None, None, None]:
    """What is away may be done later, what is refused may not; one line each."""
    try:
        yield
    except (AwayError, InterruptedReplayError) as error:
        raise StepDelayedError(_line(error)) from error
    except (SetupError, ScoringError) as error:
        if isinstance(error, StepDelayedError | StepFailedError):
            raise
        if isinstance(error.__cause__, DatabaseUnavailableError | OSError):
            raise StepDelayedError(_line(error)) from error
        raise StepFailedError(_line(error)) from error


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
