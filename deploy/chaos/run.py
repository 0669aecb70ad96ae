"""One run: an installation under traffic, faults by the plan, and the check at the end."""

import asyncio
import itertools
import math
import random
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from aiokafka.errors import KafkaError
from sqlalchemy.exc import SQLAlchemyError

from deploy.chaos.check import Findings, RunEvidence, attributed, check
from deploy.chaos.errors import ChaosError
from deploy.chaos.evidence import caught_up, collect, recomputed, watch_versions
from deploy.chaos.faults.controls import erasures_done
from deploy.chaos.faults.kind import FaultContext, FaultKind
from deploy.chaos.history import EVENTS, put_history
from deploy.chaos.installation import SITE, Installation, PartCounts
from deploy.chaos.kills_meanwhile import KillsMeanwhile
from deploy.chaos.ledger import Ledger
from deploy.chaos.plan import OVERLAPPING, PlannedFault, plan
from deploy.chaos.points import POINTS
from deploy.chaos.recomputed import Recomputed
from deploy.chaos.recovery import RecoveryProbe
from deploy.chaos.services import ChaosServices, restart_dead
from deploy.chaos.set_aside import bring_back
from deploy.errors import SetupError
from deploy.settings.model import Settings

#: Seconds in which the system must be whole again after a fault; in which it must come up, and settle at the end.
RECOVERS_WITHIN, COMES_UP_WITHIN = 180.0, 240.0
#: Events of one batch of the client, the part of its batches that it sends twice, and its sessions at a time.
BATCH, AGAIN, SESSIONS = 10, 0.03, 60

#: What keeps a fault from being injected and says nothing of the product.
NOT_INJECTED = (SetupError, KafkaError, SQLAlchemyError, psutil.Error, OSError, TimeoutError)

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


@dataclass(kw_only=True)
class ChaosRun:
    """What came of a run.

    `reached` says that events sent at the very end came through, so that what is missing is not only late; `whole`
    that both databases have as much as the log gives. `stuck`: what a fault showed to be wrong, a line each.
    """

    findings: Findings
    faults: list[InjectedFault]
    accepted: int
    records: int
    resent: int
    seconds: float
    began: float
    parts: PartCounts
    lost_by_kind: Mapping[str, int] = field(default_factory=dict)
    whole: bool = True
    reached: bool = True
    stuck: list[str] = field(default_factory=list)
    #: Parts that ClickHouse set aside, whose rows the writer brought back.
    set_aside: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        recovered = self.whole and self.reached and all(fault.recovered for fault in self.faults)
        return self.findings.clean and recovered and not (self.parts.unexpected or self.stuck)

    def problems(self) -> list[str]:
        """Everything that is not as promised, a line each."""
        lines = self.findings.lines()
        lines += [f"not whole again in time after {each.kind}" for each in self.faults if not each.recovered]
        if not self.whole:
            lines.append("at the end the databases do not have as much as the log gives")
        if not self.reached:
            lines.append("events that were sent at the end did not come through")
        lines += self.stuck
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
    recovers_within: float = RECOVERS_WITHIN,
    closings_seconds: float = math.inf,
    overlap: float = OVERLAPPING,
    sessions: int = SESSIONS,
) -> ChaosRun:
    """Faults of these kinds for so many seconds, or so many of them; raises ChaosError where the run cannot be judged.

    `quiet_seconds` is traffic before the first fault. Sessions close during the first `closings_seconds`. `overlap` is
    the part of the faults that the next one does not wait for; `sessions` are open all the time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    installation = Installation(services, settings, folder, parts, planted, forked)
    installation.prepare()
    watch_versions(installation.direct)
    ledger = Ledger(installation.ingest_url, folder / "accepted", rate, BATCH, seed, AGAIN, sessions)
    began = time.time()
    opened = ledger.sessions if sessions > SESSIONS else ()
    asyncio.run(put_history(installation.direct.kafka, min(seconds, closings_seconds), SITE, ledger.file, opened))
    probe = RecoveryProbe(installation, ledger.file)
    chance = random.Random(seed)  # noqa: S311 - choices of a run, no secret
    reached_by_traffic = [name for name in sorted(POINTS) if POINTS[name].part != "api"]
    points = itertools.cycle(chance.sample(reached_by_traffic, len(reached_by_traffic)))
    context = FaultContext(installation, chance, away_seconds, points, recovers_within)
    measured = [name for name, kind in kinds.items() if kind.measured]
    weights = {name: kind.weight for name, kind in kinds.items()}
    planned = plan(weights, seed, overlap, measured) if kinds else iter(())
    try:
        installation.start(list(installation.parts))
        installation.require_ready(COMES_UP_WITHIN)
        ledger.start()
        if not probe.until_whole(COMES_UP_WITHIN):
            raise ChaosError(f"the system did not come up: {_last_words(installation)}")
        installation.rest(quiet_seconds)
        aside = [] if planted else [name for name in installation.parts if not name.startswith("api")]
        injected, stuck = _disturb(itertools.islice(planned, faults), kinds, seconds, context, probe, notify, aside)
        _settle(installation)
        if not installation.until(lambda: erasures_done(context), COMES_UP_WITHIN, 0.5):
            stuck.append("a visitor was not erased")
        # A bug may take the first of them: what comes after it says that all before it has been read.
        ledger.stop()
        set_aside = bring_back(installation)
        for name in set_aside:
            notify(f"ClickHouse had set a part aside, whose records the writer reads again: {name}")
        reached = any(probe.until_whole(recovers_within) for _ in range(3))
        log, evidence, whole = _judged(installation, ledger, context)
    finally:
        probe.close()
        installation.end()
    for name, service in services.all.items():
        installation.counts.killed[name] += service.kills
        service.kills = 0
    findings = check(evidence)
    return ChaosRun(
        findings=findings,
        lost_by_kind=attributed(findings, evidence, ((fault.began, fault.kind) for fault in injected)),
        faults=injected,
        accepted=len(evidence.accepted),
        records=log.records,
        resent=ledger.resent,
        seconds=time.time() - began,
        began=began,
        parts=installation.counts,
        whole=whole,
        reached=reached,
        stuck=stuck,
        set_aside=set_aside,
    )


def _judged(installation: Installation, ledger: Ledger, context: FaultContext) -> tuple[Recomputed, RunEvidence, bool]:
    """What a fold of the log gives, what is there, and whether that is as much; of a log that has come to its end."""
    installation.stop_ticks()
    seen = []
    for _ in range(3):
        log = recomputed(installation.direct)
        whole = caught_up(installation, log, COMES_UP_WITHIN, EVENTS * len(context.erased))
        evidence = collect(installation.direct, log, ledger.file.read(), frozenset(context.erased))
        # A tick may come at any time, and what it closes is then in the databases alone.
        if evidence.records == log.records:
            return log, evidence, whole
        seen += [log.records, evidence.records]
    raise ChaosError(f"the log goes on growing while it is judged: it had {', '.join(map(str, seen))} records")


def _disturb(
    planned: Iterable[PlannedFault],
    kinds: Mapping[str, FaultKind],
    seconds: float,
    context: FaultContext,
    probe: RecoveryProbe,
    notify: Notify,
    aside: Sequence[str] = (),
) -> tuple[list[InjectedFault], list[str]]:
    """The faults of the plan until the time is up; those that were injected, and what they showed to be wrong.

    While one is held that the next does not wait for, parts of those `aside` are killed.
    """
    services, deadline = context.installation.services, time.monotonic() + seconds
    injected: list[InjectedFault] = []
    stuck: list[str] = []
    for each in planned:
        if time.monotonic() >= deadline:
            break
        restart_dead(services)
        killing = KillsMeanwhile(context.installation, aside, each.seed, each.kind)
        context.meanwhile = (lambda: None) if each.alone or not aside else killing
        try:
            fault = _inject(each, kinds[each.kind], context, probe)
        except ChaosError as error:
            stuck.append(f"{each.kind}: {error}")
        except NOT_INJECTED as error:
            notify(f"{each.kind} could not be injected: {error}")
            _heal(services)
        else:
            if fault is not None:
                injected.append(fault)
                notify(_line(fault))
        injected += [
            InjectedFault(f"kill -9 of {part}", at, 0.0, None, True, note) for part, at, note in killing.killed
        ]
    return injected, stuck


def _inject(
    planned: PlannedFault, kind: FaultKind, context: FaultContext, probe: RecoveryProbe
) -> InjectedFault | None:
    """One fault, and the recovery from it where the plan leaves it alone; None where it did not happen."""
    context.chance, context.note = random.Random(planned.seed), ""  # noqa: S311 - choices of a fault, no secret
    if planned.alone and kind.measured and not probe.until_whole(context.recovers_within):
        raise ChaosError("the system is not whole, and no fault is left")
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
    _heal(installation.services)
    try:
        restart_dead(installation.services)
    except SetupError as error:
        raise ChaosError(f"a service does not start again: {error}") from error
    installation.require_ready(COMES_UP_WITHIN)


def _heal(services: ChaosServices) -> None:
    """Take away what a fault has left in the way."""
    if services.disk is not None:
        services.disk.free()
    for service in services.all.values():
        service.proxy.heal()
        service.signal(signal.SIGCONT)


def _last_words(installation: Installation) -> str:
    return "; ".join(f"{name}: {part.last_words(1)}" for name, part in installation.parts.items())


def _line(fault: InjectedFault) -> str:
    how = "" if fault.recovery is None else f", whole again after {fault.recovery:.1f} s"
    note = f" ({fault.note})" if fault.note else ""
    return f"{fault.kind}{note}: {fault.seconds:.1f} s{how}"
