"""What follows from comparing a promoted version with the one before on sessions since. Pure."""

from typing import Literal, NamedTuple

from scoring.learner.run import LearnerRun
from scoring.learner.schedule import HOUR_MS, LearnerSettings, matured_until
from scoring.shadow.report import ShadowReport


class WatchVerdict(NamedTuple):
    """What to do with the promoted version, and why."""

    step: Literal["watching", "kept", "rolling_back"]
    reason: str


def is_look_due(now: int, run: LearnerRun, settings: LearnerSettings) -> bool:
    """Whether sessions may have matured that were not compared yet."""
    begun = matured_until(now, settings) > run.promoted_at
    return begun and now - run.looked_at >= settings.every_hours * HOUR_MS


def judge(
    run: LearnerRun, report: ShadowReport, now: int, least_buyers: int, settings: LearnerSettings
) -> WatchVerdict:
    """`report` has the version before as its candidate, beside the promoted one, on sessions since the promotion."""
    ends = run.promoted_at + int((settings.watch_days * 24 + settings.matured_hours) * HOUR_MS)
    difference = report.whole.differences["log_loss"]
    seen = f"{report.whole.sessions:,} sessions since, of which {report.whole.buyers:,} bought"
    if report.whole.buyers < least_buyers or difference.high is None or difference.value is None:
        if now >= ends:
            return WatchVerdict("kept", f"{settings.watch_days:g} days are over; {seen}: too few to compare")
        return WatchVerdict("watching", f"{seen}: from {least_buyers} purchases on they are compared")
    between = f"log-loss {difference.value:+.5f}, 95 % {difference.low:+.5f} to {difference.high:+.5f}, on {seen}"
    if difference.high < 0:
        return WatchVerdict("rolling_back", f"{run.before} would have been better than {run.candidate}: {between}")
    if now >= ends:
        return WatchVerdict(
            "kept", f"{run.before} would not have been better in {settings.watch_days:g} days: {between}"
        )
    return WatchVerdict("watching", f"{run.before} would not have been better so far: {between}")
