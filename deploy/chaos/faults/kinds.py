"""Every kind of fault by its name, as `--faults` and the report have it."""

from collections.abc import Mapping

from deploy.chaos.faults.away import AWAY
from deploy.chaos.faults.clocks import CLOCKS
from deploy.chaos.faults.controls import CONTROLS
from deploy.chaos.faults.disk import DISK
from deploy.chaos.faults.experiments import EXPERIMENTS
from deploy.chaos.faults.fail_points import POINTS_BY_NAME
from deploy.chaos.faults.kills import KILLS
from deploy.chaos.faults.kind import FaultKind
from deploy.chaos.faults.migrations import MIGRATIONS
from deploy.chaos.faults.network import NETWORK
from deploy.chaos.faults.poison import POISON
from deploy.chaos.faults.promotions import PROMOTIONS
from deploy.chaos.faults.stops import STOPS
from deploy.chaos.faults.storms import STORMS
from deploy.errors import SetupError

#: By the family's name.
FAMILIES: Mapping[str, Mapping[str, FaultKind]] = {
    "kills": KILLS,
    "points": POINTS_BY_NAME,
    "stops": STOPS,
    "storms": STORMS,
    "away": AWAY,
    "network": NETWORK,
    "disk": DISK,
    "controls": CONTROLS,
    "promotions": PROMOTIONS,
    "experiments": EXPERIMENTS,
    "migrations": MIGRATIONS,
    "clocks": CLOCKS,
    "poison": POISON,
}


def chosen(names: str) -> dict[str, FaultKind]:
    """The kinds of these families, or of these names, comma-separated; all where it is empty. Raises SetupError for an
    unknown one."""
    wanted = [name.strip() for name in names.split(",") if name.strip()] or list(FAMILIES)
    kinds = {kind: found for family in FAMILIES.values() for kind, found in family.items()}
    found: dict[str, FaultKind] = {}
    for name in wanted:
        if name not in FAMILIES and name not in kinds:
            raise SetupError(
                f"--faults: there is no family or kind {name!r}; families are {', '.join(FAMILIES)}, "
                f"kinds {', '.join(kinds)}"
            )
        found |= FAMILIES[name] if name in FAMILIES else {name: kinds[name]}
    return found
