"""One run: an installation under traffic, faults by the plan, and the check at the end."""

import asyncio
import itertools
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.chaos.check import Findings, attributed, check
from deploy.chaos.errors import ChaosError
from deploy.chaos.evidence import caught_up, collect, recomputed, watch_versions
from deploy.chaos.faults.kind import FaultContext, FaultKind
from deploy.chaos.history import EVENTS, put_past_sessions
from deploy.chaos.installation import SITE, Installation, PartCounts
from deploy.chaos.ledger import Ledger
from deploy.chaos.plan import PlannedFault, plan
from deploy.chaos.points import POINTS
from deploy.chaos.recovery import RecoveryProbe
from deploy.chaos.services import ChaosServices, restarted
from deploy.errors import SetupError
from deploy.settings.model import Settings

#: Seconds in which the system must be whole again after a fault, and at the end of a run.
RECOVERS_WITHIN = 120.0
#: Events of one batch of the client, and the part of its batches that it sends twice.
BATCH, AGAIN = 10, 0.03

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """What a fault did: when it began (seconds since 1970), for how long, how long the recovery took.

    `recovery` is None where another fault came before it, and `recovered` is False where it took RECOVERS_WITHIN.
    """

    kind: str
    began: float
    seconds: float
    recovery: float | None = None
    recovered: bool = True
    note: str = ""


@dataclass
class ChaosRun:
    """What came of a run."""

    findings: Findings
    faults: list[InjectedFault]
    accepted: int
    records: int
    resent: int
    seconds: float
    began: float
    parts: PartCounts
    whole: bool = True
    stuck: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.findings.clean and self.whole and not self.parts.unexpected

    def problems(self) -> list[str]:
        """Everything that is not as promised, a line each."""
        lines = self.findings.lines()
        lines += [
            f"not recovered within {RECOVERS_WITHIN:.0f} s of {each.kind}" for each in self.faults if not each.recovered
        ]
        if not self.whole:
            lines.append(f"the databases did not have everything {RECOVERS_WITHIN:.0f} s after the last fault")
        return lines + [f"{each.name} ended with code {each.code}: {each.words}" for each in self.parts.unexpected]


def run_faults(
    services: ChaosServices,
    settings: Settings,
    folder: Path,
    kinds: Mapping[str, FaultKind],
    *,
    seconds: float,
    seed: int,
    rate: float,
    parts: Iterable[str],
    notify: Notify,
    planted: str = "",
    forked: bool = False,
    away_seconds: float = 5.0,
    faults: int | None = None,
    quiet_seconds: float = 0.0,
    settles_within: float = RECOVERS_WITHIN,
) -> ChaosRun:
    """Faults of these kinds for so many seconds, or so many of them; raises ChaosError where the run cannot be judged.

    `quiet_seconds` is traffic before the first fault, `settles_within` how long the databases may take at the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    installation = Installation(services, settings, folder, parts, planted, forked)
    installation.prepare()
    watch_versions(installation.direct)
    ledger = Ledger(installation.ingest_url, folder / "accepted", rate, BATCH, seed, AGAIN)
    began = time.time()
    asyncio.run(put_past_sessions(installation.direct.kafka, seconds, SITE, ledger.file))
    probe = RecoveryProbe(installation, ledger.file)
    chance = random.Random(seed)  # noqa: S311 - choices of a run, no secret
    points = itertools.cycle(chance.sample(sorted(POINTS), len(POINTS)))
    context = FaultContext(installation, chance, away_seconds, points, settles_within)
    try:
        installation.start(list(installation.parts))
        installation.require_ready(RECOVERS_WITHIN)
        ledger.start()
        if not probe.until_whole(RECOVERS_WITHIN):
            raise ChaosError(f"the system did not come up: {_last_words(installation)}")
        installation.rest(quiet_seconds)
        deadline = time.monotonic() + seconds
        injected: list[InjectedFault] = []
        for each in plan({name: kind.weight for name, kind in kinds.items()}, seed) if kinds else ():
            if time.monotonic() >= deadline or (faults is not None and len(injected) >= faults):
                break
            fault = _inject(each, kinds[each.kind], context, probe)
            if fault is not None:
                injected.append(fault)
                notify(_line(fault))
        _settle(installation)
        whole = probe.until_whole(settles_within)
        ledger.stop()
        log = recomputed(installation.direct)
        whole = caught_up(installation, log, settles_within, EVENTS * len(context.erased)) and whole
        accepted = ledger.file.read()
        evidence = collect(installation.direct, log, accepted, frozenset(context.erased))
        findings = check(evidence)
    finally:
        probe.close()
        installation.end()
    for name, service in services.all.items():
        installation.counts.killed[name] += service.kills
        service.kills = 0
    by_kind = attributed(findings, evidence, ((fault.began, fault.kind) for fault in injected))
    findings = Findings(
        *(findings.lost, findings.doubled, findings.differing, findings.disagreeing, findings.backwards), by_kind
    )
    return ChaosRun(
        findings,
        injected,
        len(accepted),
        log.records,
        ledger.resent,
        time.time() - began,
        began,
        installation.counts,
        whole,
    )


def _inject(
    planned: PlannedFault, kind: FaultKind, context: FaultContext, probe: RecoveryProbe
) -> InjectedFault | None:
    """One fault, and the recovery from it where the plan leaves it alone; None where it did not happen."""
    context.chance, context.note = random.Random(planned.seed), ""  # noqa: S311 - choices of a fault, no secret
    began, clock = time.time(), time.monotonic()
    ended = kind.inject(context)
    if ended is None:
        return None
    recovery, recovered = None, True
    if planned.alone:
        recovered = probe.until_whole(context.recovers_within)
        recovery = time.monotonic() - ended
    context.installation.rest(planned.pause)
    return InjectedFault(planned.kind, began, ended - clock, recovery, recovered, context.note)


def _settle(installation: Installation) -> None:
    """Everything runs and nothing is in the way: what a fault ended against its plan starts again."""
    for service in installation.services.all.values():
        service.proxy.heal()
        try:
            restarted(service)
        except SetupError as error:
            raise ChaosError(f"a service does not start again: {error}") from error
    installation.require_ready(RECOVERS_WITHIN)


def _last_words(installation: Installation) -> str:
    return "; ".join(f"{name}: {part.last_words(1)}" for name, part in installation.parts.items())


def _line(fault: InjectedFault) -> str:
    how = "" if fault.recovery is None else f", whole again after {fault.recovery:.1f} s"
    note = f" ({fault.note})" if fault.note else ""
    return f"{fault.kind}{note}: {fault.seconds:.1f} s{how}"
