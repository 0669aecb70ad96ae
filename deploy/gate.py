"""What the gate says of a candidate by its shadow, and the promotion that follows from it."""

import time
from collections.abc import Sequence

from deploy import promote
from deploy.errors import SetupError
from deploy.promote import Notify
from deploy.settings.model import Settings
from deploy.wiring.models import writable_registry
from scoring import registry
from scoring.promotions import GateOutcome, Promotion
from scoring.shadow.gate import GateSettings, refusals
from scoring.shadow.report import ShadowReport
from storage.replay.request import ReplaySelection, SourceName

DAY_MS = 86_400_000


class GateRefusedError(SetupError):
    """The gate refuses a candidate; a line for each reason."""

    exit_code = 1


async def promote_judged(
    settings: Settings,
    version: str,
    report: ShadowReport,
    refused: Sequence[str],
    force: bool,
    site: str = "",
    notify: Notify = print,
    who: str = "",
) -> Promotion:
    """Put a candidate in force, of one site or of all, that the gate lets pass, or with `force` any; both are
    remembered with the promotion. `who` stands in the audit trail.

    Raises GateRefusedError, and SetupError as `promote` does.
    """
    if refused and not force:
        lines = [f"{version} may not go live: {each}" for each in refused]
        raise GateRefusedError("\n".join([*lines, f"nothing was promoted: {version} needs --gated --force"]))
    in_force = await promote.version_in_force(settings, site)
    if report.live.keys() - {in_force}:
        raise GateRefusedError(
            f"{in_force} came into force while the shadow of {version} was made, which compares it with "
            f"{', '.join(report.live)}: give the same command again"
        )
    gate: GateOutcome = "forced" if refused else "passed"
    return await promote.promote(settings, version, notify=notify, gate=gate, refusals=refused, site=site, who=who)


def limits(settings: Settings) -> GateSettings:
    """What a candidate must fulfil, by the settings `learning.gate`."""
    return GateSettings(**settings.learning.gate.model_dump())


def last_days(
    version: str, days: float, until: int | None, site: str = "", against: str = "", source: SourceName = "kafka"
) -> ReplaySelection:
    """The request for a shadow of the sessions that opened in the last `days` before `until` (ms UTC; None: now)."""
    end = int(time.time() * 1000) if until is None else until
    return ReplaySelection(
        since=max(0, end - int(days * DAY_MS)),
        until=end,
        site=site,
        model=version,
        source=source,
        into="shadow",
        against=against,
    )


def refusals_of(settings: Settings, report: ShadowReport) -> list[str]:
    """Why the candidate may not go live by the limits of the settings, a line each. Raises RegistryError."""
    manifest = registry.manifest(writable_registry(settings.scoring), report.candidate)
    return refusals(report, manifest, limits(settings))
