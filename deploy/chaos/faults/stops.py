"""SIGSTOP and SIGCONT: a process that stands still, and goes on as if nothing had been."""

import signal

from deploy.chaos.faults.kind import FaultContext, FaultKind, now


def _worker(context: FaultContext) -> float:
    """Beyond its session timeout, so that others have taken its partitions when it goes on."""
    installation = context.installation
    part = installation.parts[installation.any_worker(context.chance)]
    part.signal(signal.SIGSTOP)
    timeout = installation.settings.worker.session_timeout_ms / 1000
    context.hold(timeout + 1, timeout + 4)
    part.signal(signal.SIGCONT)
    return now()


def _part(context: FaultContext) -> float:
    part = context.installation.parts[context.chance.choice(("ingest", "writer", "webhooks"))]
    part.signal(signal.SIGSTOP)
    context.note = part.name
    context.hold(1, 12)
    part.signal(signal.SIGCONT)
    return now()


def _service(context: FaultContext) -> float:
    name = context.any_service()
    service = context.installation.services.all[name]
    service.signal(signal.SIGSTOP)
    context.note = name
    context.hold(2, 9)
    service.signal(signal.SIGCONT)
    return now()


STOPS = {
    "worker stopped beyond its session timeout": FaultKind(_worker, weight=2),
    "ingest, writer or webhooks stopped": FaultKind(_part),
    "a service stopped": FaultKind(_service),
}
