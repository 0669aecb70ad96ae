"""A learner's work without models: one shop whose versions have a known loss; and its runs in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from scoring.learner.errors import StepFailedError
from scoring.learner.run import LearnerRun, SiteCounts
from scoring.learner.schedule import LearningSpan
from scoring.shadow.report import ALL, ModelFigures, PairedDifference, PairedFigures, ShadowReport
from tests.support.events import NOON

DAY = 86_400_000
SITE = "shop"


def counts(purchases: int = 400, sessions: int = 10_000, first_opened_at: int = NOON - 60 * DAY) -> SiteCounts:
    return SiteCounts(SITE, sessions, purchases, first_opened_at)


def learner_run(**given: object) -> LearnerRun:
    """A run of NOON that was refused, unless something else is given."""
    whole = {"site": SITE, "number": 1, "step": "refused", "started_at": NOON, "moved_at": NOON, "since": 0}
    whole |= {"until": NOON, "sessions": 10_000, "purchases": 400}
    return msgspec.convert(whole | given, LearnerRun)


def report(difference: float, interval: float = 0.001, buyers: int = 100, candidate: str = "new") -> ShadowReport:
    """The log-loss of the candidate less that of the other, plus and minus the interval."""
    model = ModelFigures(0.05, 0.2, 0.04, 0.7, 0.005)
    found = PairedDifference(difference, difference - interval, difference + interval)
    whole = PairedFigures(2_000, buyers, 0.05, model, model, {"log_loss": found})
    return ShadowReport(
        candidate=candidate,
        sha256="abc",
        live={"old": 1.0},
        site=SITE,
        since=0,
        until=NOON,
        fitted_until=0,
        sessions=2_000,
        buyers=buyers,
        updates=10_000,
        left_open=0,
        kept=1.0,
        by_event={ALL: whole},
        subgroups={},
        calibration={},
        movers=[],
        latency={},
    )


class KilledError(BaseException):
    """The process ends here: nothing that runs catches it."""


@dataclass
class ListedRuns:
    """A RunStore in memory; `before` is called before each write, and may end the process."""

    kept: dict[tuple[str, int], LearnerRun] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None

    def runs(self, site: str) -> list[LearnerRun]:
        return [run for (name, _), run in sorted(self.kept.items()) if name == site]

    def put(self, run: LearnerRun) -> None:
        self.before()
        self.kept[run.site, run.number] = run


@dataclass
class LossyShop:
    """A LearnerWork: `taught` is what sessions up to a time teach, `losses` the log-loss of each version at a time.

    `puts` is the log: each version that was put in force. `after` is called after whatever had an effect.
    """

    taught: Callable[[LearningSpan], str]
    losses: Callable[[str, LearningSpan], float]
    puts: list[str] = field(default_factory=lambda: ["old"])
    after: Callable[[], None] = lambda: None
    learned: list[LearningSpan] = field(default_factory=list)

    def in_force(self, site: str) -> str:
        assert site == SITE
        return self.puts[-1]

    def learn(self, site: str, span: LearningSpan) -> str:
        self.learned.append(span)
        version = self.taught(span)
        self.after()
        if " " in version:
            raise StepFailedError(version)
        return version

    def shadow(self, site: str, version: str, against: str, span: LearningSpan) -> ShadowReport:
        found = report(self.losses(version, span) - self.losses(against, span), candidate=version)
        self.after()
        return found

    def refusals(self, report: ShadowReport) -> Sequence[str]:
        high = report.whole.differences["log_loss"].high
        return [] if high is not None and high < 0 else [f"{report.candidate} is not better"]

    def promote(self, site: str, version: str) -> None:
        self.puts.append(version)
        self.after()

    def roll_back(self, site: str, before: str) -> None:
        self.puts.append(before)
        self.after()
