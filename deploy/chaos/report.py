"""What a run says of itself: a table by kind of fault, and one line of JSON. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from deploy.bench.result import rounded
from deploy.chaos.run import ChaosRun, InjectedFault

#: How the kinds begin that kill processes and do nothing else.
KILL = "kill -9"


@dataclass(frozen=True, slots=True)
class PlantedResult:
    """One planted bug: whether the checker caught it, and by what."""

    name: str
    caught: bool
    by: str
    seconds: float


@dataclass(frozen=True, slots=True)
class KindRow:
    """A row of the table; recoveries in seconds, None where no fault of the kind was left alone."""

    kind: str
    injected: int
    lost: int
    p50: float | None
    p99: float | None
    worst: float | None


def percentile(values: Sequence[float], part: float) -> float:
    """The value that `part` of them do not exceed, by the nearest rank; values not empty."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def rows(faults: Sequence[InjectedFault], lost: Mapping[str, int]) -> list[KindRow]:
    """A row for each kind that was injected, in order of their names."""
    recoveries: dict[str, list[float]] = defaultdict(list)
    for fault in faults:
        if fault.recovery is not None:
            recoveries[fault.kind].append(fault.recovery)
    counts = Counter(fault.kind for fault in faults)
    made = []
    for kind in sorted(counts):
        seconds = recoveries.get(kind)
        figures = (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds)) if seconds else (None,) * 3
        made.append(KindRow(kind, counts[kind], lost.get(kind, 0), *figures))
    return made


def figures(run: ChaosRun, planted: Sequence[PlantedResult]) -> dict[str, float]:
    """The figures of the JSON."""
    recoveries = [fault.recovery for fault in run.faults if fault.recovery is not None]
    findings = run.findings
    return {
        "accepted": run.accepted,
        "lost": len(findings.lost),
        "doubled": len(findings.doubled),
        "differing": len(findings.differing) + len(findings.disagreeing),
        "went_back": len(findings.backwards),
        "changed_arm": len(findings.moved),
        "faults": len(run.faults),
        "kinds": len({fault.kind for fault in run.faults}),
        "kill_faults": sum(each.kind.startswith(KILL) for each in run.faults),
        "kills": run.parts.killed.total(),
        "parts_set_aside": len(run.set_aside),
        "planted": len(planted),
        "caught": sum(each.caught for each in planted),
        "recovery_p50_s": percentile(recoveries, 0.5) if recoveries else 0.0,
        "recovery_p99_s": percentile(recoveries, 0.99) if recoveries else 0.0,
    }


def document(
    run: ChaosRun, planted: Sequence[PlantedResult], versions: Mapping[str, str], machine: Mapping[str, Any]
) -> str:
    """The run as one line of JSON, as a benchmark has it, with a row for each kind, so that runs may be added up."""
    made = {
        "bench": "chaos",
        "figures": {name: rounded(figure) for name, figure in figures(run, planted).items()},
        "faults": rows(run.faults, run.lost_by_kind),
        "versions": dict(versions),
        "machine": dict(machine),
    }
    return msgspec.json.encode(made).decode()


def passed(run: ChaosRun, planted: Sequence[PlantedResult]) -> bool:
    """Whether nothing was lost or doubled, everything came back, and each planted bug was caught."""
    return run.clean and all(each.caught for each in planted)
