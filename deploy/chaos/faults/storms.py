"""Workers that join and leave, and clients that lose what they have fetched."""

import signal

from deploy.chaos.faults.kind import FaultContext, FaultKind, now


def _rebalances(context: FaultContext) -> float:
    """A third worker joins, others leave in order or by kill -9, again and again; then the third leaves for good."""
    installation = context.installation
    third = installation.add_worker()
    for _ in range(context.chance.randint(2, 4)):
        context.rest(0.3, 2.5)
        name = installation.any_worker(context.chance)
        if context.chance.random() < 0.5:
            installation.kill(name)
        else:
            installation.parts[name].signal(signal.SIGTERM)
    context.rest(0.3, 2.5)
    installation.drop_worker(third)
    return now()


def _lost_fetch(part_name: str) -> FaultKind:
    """The Kafka client loses a fetch and goes on behind it, as aiokafka does where a rebalance meets a fetch."""

    def inject(context: FaultContext) -> float | None:
        installation = context.installation
        name = installation.any_worker(context.chance) if part_name == "worker" else part_name
        part = installation.parts[name]
        if not part.ready:
            return None
        part.order(drop=1)
        context.note = name
        context.rest(0.5, 1.5)
        return now()

    return FaultKind(inject)


STORMS = {
    "storm of rebalances": FaultKind(_rebalances, weight=2),
    "worker's client loses a fetch": _lost_fetch("worker"),
    "writer's client loses a fetch": _lost_fetch("writer"),
}
