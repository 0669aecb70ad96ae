"""Another model comes into force while workers die, and an API that dies in the middle of a roll-back."""

import asyncio
import itertools
from pathlib import Path

from deploy import promote
from deploy.chaos.faults.admin_calls import dies_at, is_ready
from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.installation import SITE
from deploy.chaos.points import POINTS
from deploy.chaos.versions import versions
from scoring.promotions import recorded

#: Seconds in which workers may take a model before the fault goes on, and until the kill that follows it.
PATIENCE, AFTERWARDS = 3.0, (1.0, 4.0)
PROMOTION_POINTS = tuple(name for name in sorted(POINTS) if name.startswith("api: promotion"))
_next_point = itertools.cycle(PROMOTION_POINTS)


def _promoted(context: FaultContext) -> float:
    """As `opecom models promote` does it, of the site or of all; workers die before it and after it."""
    installation, chance = context.installation, context.chance
    if chance.random() < 0.5:
        installation.kill(installation.any_worker(chance))
    _promote(context)
    context.rest(*AFTERWARDS)
    installation.kill(installation.any_worker(chance))
    return now()


def _rolled_back(context: FaultContext) -> float | None:
    """By an API that dies between two steps; then the version is promoted once more, which puts it right."""
    if not is_ready(context):
        return None
    _promote(context)
    promoted = recorded(Path(context.installation.direct.scoring.registry))
    point = next(_next_point)
    died = dies_at(context, point, 1, "POST", "/promotions/rollback", {"site": promoted[-1].site})
    ended = now()
    _promote(context)
    context.note = point
    return ended if died else None


def _promote(context: FaultContext) -> None:
    """Put one of the versions in force; raises SetupError where that cannot be."""
    settings, chance = context.installation.direct, context.chance
    site = chance.choice(("", SITE))
    before = asyncio.run(promote.version_in_force(settings, site))
    version = next(each for each in versions() if each != before)
    asyncio.run(promote.promote(settings, version, PATIENCE, lambda line: None, site=site))
    context.note = f"{version} for {site or 'all'}"


PROMOTIONS = {
    "model promoted": FaultKind(_promoted, weight=2),
    "roll-back by an API that dies": FaultKind(_rolled_back),
}
