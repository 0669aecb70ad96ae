"""kill -9 at a named point between two dangerous steps: see points.py."""

from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.points import POINTS

#: Seconds in which a part must come to the point.
WITHIN = 20.0


def _point(context: FaultContext) -> float | None:
    name = next(context.points)
    point, installation = POINTS[name], context.installation
    worker = installation.any_worker(context.chance)
    chosen = worker if point.part == "worker" else point.part
    part = installation.parts[chosen]
    if not installation.until(lambda: part.ready, 60, 0.2):
        return None
    recovering = "recover" in name
    once = recovering or "snapshot" in name
    installation.hold_down(chosen)
    part.order(point=name, passage=1 if once else context.chance.randint(1, 6))
    if recovering:
        # It recovers when it is given partitions: those of another worker that goes.
        others = [each for each in installation.workers if each != chosen]
        if others:
            installation.kill(context.chance.choice(others))
    died = installation.until(lambda: not part.alive, WITHIN, 0.02)
    context.note = name
    if died:
        installation.expect_death(chosen)
    else:
        installation.kill(chosen)
    ended = now()
    installation.release(chosen)
    return ended if died else None


POINTS_BY_NAME = {"kill -9 at a named point": FaultKind(_point, weight=16)}
