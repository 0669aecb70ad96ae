"""Takes one site forward: goes on with what was interrupted, watches what was promoted, and learns where it is due.

Each step is stored before the next one begins, and each may be done twice: whoever was killed in the middle goes on to
the same end. Whoever calls holds the lock that keeps two learners apart.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec.structs import replace

from scoring.learner.errors import StepDelayedError, StepFailedError
from scoring.learner.run import LearnerRun, SiteCounts, Step
from scoring.learner.schedule import (
    LearnerSettings,
    LearningSpan,
    all_days,
    is_due,
    matured_until,
    second_span,
    too_few,
)
from scoring.learner.watch import is_look_due, judge
from scoring.shadow.report import ShadowReport

#: Times that a step is begun; one that always ends in the middle (for want of memory, say) is given up.
MOST_ATTEMPTS = 3


class LearnerWork(Protocol):
    """What the learner has done. Raises StepFailedError and StepDelayedError; all but `learn` may be repeated freely,
    and `learn` gives the same version for the same sessions."""

    def in_force(self, site: str) -> str:
        """The version that scores the site."""

    def learn(self, site: str, span: LearningSpan) -> str:
        """The version of a registered candidate."""

    def shadow(self, site: str, version: str, against: str, span: LearningSpan) -> ShadowReport:
        """Both versions on the sessions of the span."""

    def refusals(self, report: ShadowReport) -> Sequence[str]:
        """Why the gate does not let the candidate pass, a line each."""

    def promote(self, site: str, version: str) -> None:
        """Put a version in force for the site."""

    def roll_back(self, site: str, before: str) -> None:
        """Put the version in force again that was before the last promotion, which is `before`."""


class RunStore(Protocol):
    """Where runs are kept."""

    def runs(self, site: str) -> list[LearnerRun]:
        """The runs of a site, the oldest first."""

    def put(self, run: LearnerRun) -> None:
        """Keep a run in the place of that of its site and number."""


class Learner:
    """`least_buyers`: sessions that bought since a promotion, from which on it is judged."""

    def __init__(self, work: LearnerWork, store: RunStore, settings: LearnerSettings, least_buyers: int) -> None:
        self._work = work
        self._store = store
        self._settings = settings
        self._least_buyers = least_buyers

    def advance(self, counts: SiteCounts, now: int) -> None:
        """All that is to be done for this site at this time, ms UTC. Raises StepDelayedError; the next call goes on."""
        runs = self._store.runs(counts.site)
        for run in runs:
            if run.is_under_way:
                self._go_on(run, now)
        for run in self._store.runs(counts.site):
            if run.step == "watching":
                self._look(run, now)
        known = self._store.runs(counts.site)
        last = known[-1] if known else None
        if is_due(now, counts, last, self._settings):
            last = self._begin(counts, last, all_days(now, self._settings), now)
        elif reason := too_few(counts):
            self._wait(counts, last, reason, now)
        if last is not None and (second := second_span(last, counts, self._settings)) is not None:
            self._begin(counts, last, second, now)

    def _begin(self, counts: SiteCounts, last: LearnerRun | None, span: LearningSpan, now: int) -> LearnerRun:
        """A new run, to its end or to where it is watched."""
        return self._go_on(_run(counts, 1 if last is None else last.number + 1, "learning", span, now), now)

    def _wait(self, counts: SiteCounts, last: LearnerRun | None, reason: str, now: int) -> None:
        """Note why a site that has never learned does not; a site that has keeps its last run."""
        if last is not None and (last.step != "waiting" or last.candidate or last.reasons == (reason,)):
            return
        number = 1 if last is None else last.number
        waiting = _run(counts, number, "waiting", all_days(now, self._settings), now)
        self._store.put(replace(waiting, reasons=(reason,)))

    def _go_on(self, run: LearnerRun, now: int) -> LearnerRun:
        while run.is_under_way:
            if run.attempts >= MOST_ATTEMPTS:
                reason = f"{run.step} ended in the middle {MOST_ATTEMPTS} times: see the log, and learning.memory_mb"
                run = _moved(run, "failed", now, reason)
            else:
                run = replace(run, attempts=run.attempts + 1)
                self._store.put(run)
                try:
                    run = self._done(run, now)
                except StepDelayedError as error:
                    self._store.put(replace(run, attempts=run.attempts - 1, reasons=(str(error),)))
                    raise
            self._store.put(run)
        return run

    def _done(self, run: LearnerRun, now: int) -> LearnerRun:
        """The run after its step."""
        steps: dict[Step, tuple[Callable[[LearnerRun, int], LearnerRun], Step]] = {
            "learning": (self._learn, "waiting"),
            "shadowing": (self._shadow, "failed"),
            "promoting": (self._promote, "failed"),
            "rolling_back": (self._roll_back, "watching"),
        }
        step, otherwise = steps[run.step]
        try:
            return step(run, now)
        except StepFailedError as error:
            return _moved(run, otherwise, now, str(error))

    def _learn(self, run: LearnerRun, now: int) -> LearnerRun:
        version = self._work.learn(run.site, LearningSpan(run.since, run.until))
        run = replace(run, candidate=version, before=self._work.in_force(run.site))
        if version == run.before:
            return _moved(run, "refused", now, f"{version} is in force already: these sessions teach nothing new")
        for each in self._store.runs(run.site):
            if each.candidate == version and each.step in ("rolled_back", "overruled"):
                return _moved(run, "refused", now, f"{version} was {each.step.replace('_', ' ')} before")
        return _moved(run, "shadowing", now)

    def _shadow(self, run: LearnerRun, now: int) -> LearnerRun:
        in_force = self._work.in_force(run.site)
        if in_force == run.candidate:
            return _moved(run, "refused", now, f"somebody promoted {in_force} meanwhile")
        run = replace(run, before=in_force)
        report = self._work.shadow(run.site, run.candidate, in_force, LearningSpan(run.since, run.until))
        if refusals := self._work.refusals(report):
            return _moved(run, "refused", now, *refusals)
        difference = report.whole.differences["log_loss"]
        reason = (
            f"the gate lets it pass: log-loss {difference.value:+.5f}, 95 % {difference.low:+.5f} to "
            f"{difference.high:+.5f}, on {report.whole.sessions:,} sessions that are new to it"
        )
        return _moved(run, "promoting" if self._settings.promotion == "auto" else "proposed", now, reason)

    def _promote(self, run: LearnerRun, now: int) -> LearnerRun:
        """1 the version in force · 2 the runs that were watched before · 3 this one is watched."""
        in_force = self._work.in_force(run.site)
        if in_force not in (run.candidate, run.before):
            return _moved(
                run, "refused", now, f"{in_force} came into force meanwhile, and the shadow is of {run.before}"
            )
        if in_force == run.before:
            self._work.promote(run.site, run.candidate)
        for each in self._store.runs(run.site):
            if each.step == "watching":
                self._store.put(_moved(each, "replaced", now, f"{run.candidate} was promoted"))
        return replace(_moved(run, "watching", now, *run.reasons), promoted_at=now, looked_at=now)

    def _look(self, run: LearnerRun, now: int) -> None:
        """Compare what was promoted with what was in force before, on sessions since, where some have matured."""
        in_force = self._work.in_force(run.site)
        if in_force != run.candidate:
            self._store.put(_moved(run, "overruled", now, f"somebody put {in_force} in force"))
            return
        if not is_look_due(now, run, self._settings):
            return
        span = LearningSpan(run.promoted_at, matured_until(now, self._settings))
        run = replace(run, looked_at=now)
        try:
            report = self._work.shadow(run.site, run.before, run.candidate, span)
        except StepFailedError as error:
            self._store.put(_moved(run, "watching", now, str(error)))
            return
        step, reason = judge(run, report, now, self._least_buyers, self._settings)
        run = _moved(run, step, now, reason)
        self._store.put(run)
        self._go_on(run, now)

    def _roll_back(self, run: LearnerRun, now: int) -> LearnerRun:
        in_force = self._work.in_force(run.site)
        if in_force not in (run.candidate, run.before):
            return _moved(run, "overruled", now, f"somebody put {in_force} in force")
        if in_force == run.candidate:
            self._work.roll_back(run.site, run.before)
        return _moved(run, "rolled_back", now, *run.reasons)


def _run(counts: SiteCounts, number: int, step: Step, span: LearningSpan, now: int) -> LearnerRun:
    return LearnerRun(
        site=counts.site,
        number=number,
        step=step,
        started_at=now,
        moved_at=now,
        since=span.since,
        until=span.until,
        sessions=counts.sessions,
        purchases=counts.purchases,
    )


def _moved(run: LearnerRun, step: Step, now: int, *reasons: str) -> LearnerRun:
    return replace(run, step=step, moved_at=now, attempts=0, reasons=reasons)
