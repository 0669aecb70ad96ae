"""Clocks that step: the wall clock of one part, an hour to either side, and back."""

from deploy.chaos.faults.kind import FaultContext, FaultKind, now


def _step(context: FaultContext) -> float | None:
    installation = context.installation
    name = context.chance.choice(["ingest", "writer", installation.any_worker(context.chance)])
    part = installation.parts[name]
    if not part.ready:
        return None
    seconds = context.chance.choice((-3_600, -90, 90, 3_600))
    part.order(clock=seconds)
    context.note = f"{name} {seconds:+} s"
    context.rest(2, 8)
    part.order(clock=0)
    return now()


CLOCKS = {"clock steps": FaultKind(_step, weight=2)}
