"""Negative controls: a bug is planted, and the checker must find it in a short run."""

import time
from collections.abc import Callable
from pathlib import Path

from deploy.chaos.errors import ChaosError
from deploy.chaos.faults.kinds import FAMILIES
from deploy.chaos.planted import PLANTED
from deploy.chaos.report import PlantedResult
from deploy.chaos.run import run_faults
from deploy.chaos.services import ChaosServices
from deploy.errors import SetupError
from deploy.settings.model import Settings

#: What a planted run needs; events a second; seconds of traffic before the fault, and at most.
PARTS = ("ingest", "worker-1", "writer")
RATE, QUIET, SECONDS = 200.0, 4.0, 90.0
#: Seconds in which sessions close: none does so any more when the run is judged.
CLOSINGS = 5.0
#: Seconds in which it may come back from a fault: the bug may have taken what would show it.
RECOVERS_WITHIN = 30.0


def selected(given: str) -> list[str]:
    """The planted bugs of `--planted`: all, none, the first N, or names; raises SetupError."""
    if given == "all":
        return list(PLANTED)
    if given == "none":
        return []
    if given.isdigit():
        return list(PLANTED)[: int(given)]
    names = [name.strip() for name in given.split(",")]
    for name in names:
        if name not in PLANTED:
            raise SetupError(f"--planted: there is no bug {name!r}; there are {', '.join(PLANTED)}")
    return names


def plant(
    name: str, services: ChaosServices, settings: Settings, folder: Path, seed: int, notify: Callable[[str], None]
) -> PlantedResult:
    """Run with this bug, and by the fewest faults that show it."""
    bug, began = PLANTED[name], time.monotonic()
    kinds = {kind: each for family in FAMILIES.values() for kind, each in family.items() if kind == bug.kind}
    place = folder / name.replace(" ", "-").replace("'", "")
    try:
        run = run_faults(
            *(services, settings, place, kinds),
            seconds=SECONDS if kinds else 0.0,
            seed=seed,
            rate=RATE,
            parts=PARTS,
            notify=lambda line: None,
            planted=name,
            forked=True,
            recovers_within=RECOVERS_WITHIN,
            closings_seconds=CLOSINGS,
            faults=bug.faults,
            quiet_seconds=QUIET if kinds else 2 * QUIET,
        )
        lines, why = run.findings.lines(1), "nothing was found"
        if not run.reached:
            # What is missing may be on its way: that is no finding.
            lines, why = [], "the run could not be judged: its last events did not come through"
    except ChaosError as error:
        lines, why = [], f"the run could not be judged: {error}"
    result = PlantedResult(name, bool(lines), lines[0] if lines else why, time.monotonic() - began)
    notify(f"planted: {name}: {'caught' if result.caught else 'NOT CAUGHT'}, by: {result.by}")
    return result
