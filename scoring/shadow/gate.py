"""The gate: whether a candidate may go live, from its shadow report alone. Pure.

It compares on sessions that the candidate was not fitted or tuned on. Each refusal is one line with its reason.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from scoring.manifest import Manifest
from scoring.shadow.report import PairedFigures, ShadowReport

DAY_MS = 86_400_000


class GateSettings(Struct, frozen=True, kw_only=True):
    """What a candidate must fulfil.

    `least_days`: days after those that it was fitted on; `most_ece`: expected calibration error over all updates, less
    what chance gives a calibrated model on so few sessions.
    A subgroup counts from `least_share` of the sessions on; it gets clearly worse where the whole interval of its
    log-loss is above `worse` of the loss in force. `not_worse` and `simpler`: a candidate that takes at most this part
    of the time per row may go live where its log-loss is surely not above that of the model in force by more than this
    part.
    """

    least_buyers: int = 30
    least_days: float = 1.0
    most_ece: float = 0.02
    least_share: float = 0.05
    worse: float = 0.01
    not_worse: float = 0.005
    simpler: float = 0.8


DEFAULTS = GateSettings()


def refusals(report: ShadowReport, manifest: Manifest, settings: GateSettings = DEFAULTS) -> list[str]:
    """Why the candidate may not go live, a line each; none: it may.

    `manifest` is the candidate's as the registry has it now, whose load has checked contract and checksum.
    """
    unfounded = list(_unfounded(report, manifest, settings))
    return unfounded or [*_no_better(report, settings), *_miscalibrated(report, settings), *_worse(report, settings)]


def _unfounded(report: ShadowReport, manifest: Manifest, settings: GateSettings) -> Iterator[str]:
    """Why the report says nothing of this candidate's quality."""
    fitted = None if manifest.fitted_on is None else manifest.fitted_on.until
    if (report.candidate, report.sha256) != (manifest.version, manifest.sha256):
        yield f"the shadow report is of another graph than {manifest.version} has now: run the shadow again"
        return
    if fitted is None:
        yield (
            f"the manifest of {manifest.version} does not say on which days it was fitted (fitted_on), so no day is "
            "known to be new to it"
        )
        return
    if report.fitted_until is None or report.fitted_until < fitted:
        yield f"the shadow report has days on which {manifest.version} was fitted: run the shadow again"
        return
    days = (report.until - max(report.since, fitted)) / DAY_MS
    if days < settings.least_days:
        yield (
            f"{max(days, 0.0):.1f} days are new to it, which was fitted on sessions up to {_moment(fitted)}: the gate "
            f"needs {settings.least_days:g}"
        )
    elif report.whole.buyers < settings.least_buyers:
        yield (
            f"{report.whole.buyers} of {report.whole.sessions:,} sessions that are new to it bought: the gate needs "
            f"{settings.least_buyers} purchases"
        )


def _no_better(report: ShadowReport, settings: GateSettings) -> Iterator[str]:
    difference, live = report.whole.differences["log_loss"], report.whole.live.log_loss
    if difference.value is None or difference.low is None or difference.high is None or live is None:
        yield "its log-loss could not be compared: no session is new to it"
        return
    if difference.high < 0:
        return
    between = f"{difference.value:+.5f}, 95 % {difference.low:+.5f} to {difference.high:+.5f}"
    if difference.high > settings.not_worse * live:
        yield f"its log-loss is not better than that of the model in force with 95 % confidence ({between})"
        return
    mine, theirs = report.latency.get("candidate"), report.latency.get("live")
    if mine is None or theirs is None or mine.of_batch > settings.simpler * theirs.of_batch:
        yield f"its log-loss is not better than that of the model in force ({between}), and it is not simpler to run"


def _miscalibrated(report: ShadowReport, settings: GateSettings) -> Iterator[str]:
    """ECE is a sum of absolute values, so few sessions give a calibrated model one, too: that part does not count,
    unless the mean probability is off for sure."""
    ece, by_chance, excess = report.whole.candidate.ece, report.whole.ece_by_chance or 0.0, report.whole.excess
    is_off = excess is None or excess.low is None or excess.high is None or excess.low > 0 or excess.high < 0
    if ece is None or ece - (0.0 if is_off else by_chance) > settings.most_ece:
        yield (
            f"it is miscalibrated: ECE {ece or 0:.4f}, of which chance gives {by_chance:.4f} on so few sessions; at "
            f"most {settings.most_ece:g} (mean probability {report.whole.candidate.predicted or 0:.4f}, observed "
            f"{report.whole.observed or 0:.4f})"
        )


def _worse(report: ShadowReport, settings: GateSettings) -> Iterator[str]:
    for name, group in report.subgroups.items():
        share = group.sessions / max(report.whole.sessions, 1)
        if share > settings.least_share and _is_worse(group, settings):
            difference = group.differences["log_loss"]
            yield (
                f"it is clearly worse for {name}, {share:.0%} of the sessions: log-loss {difference.value:+.5f}, 95 % "
                f"{difference.low:+.5f} to {difference.high:+.5f}"
            )


def _is_worse(group: PairedFigures, settings: GateSettings) -> bool:
    low, live = group.differences["log_loss"].low, group.live.log_loss
    return low is not None and live is not None and low > settings.worse * live


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M} UTC"
