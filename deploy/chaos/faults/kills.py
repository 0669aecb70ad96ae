"""kill -9 of parts, of services, of everything at once, and of parts that are just ending in order."""

import signal

from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.services import ServiceName, restarted

#: Seconds in which what another fault has ended starts again: only what runs is killed.
STARTS_WITHIN = 10.0


def _part(name: str) -> FaultKind:
    def inject(context: FaultContext) -> float:
        installation = context.installation
        chosen = installation.any_worker(context.chance) if name == "worker" else name
        installation.until(lambda: installation.parts[chosen].alive, STARTS_WITHIN)
        installation.kill(chosen)
        context.note = chosen
        return now()

    return FaultKind(inject, weight=16 if name == "worker" else 12, measured=name == "worker")


def _service(name: ServiceName) -> FaultKind:
    def inject(context: FaultContext) -> float:
        service = context.installation.services.all[name]
        service.kill()
        killed = now()
        restarted(service)
        return killed

    return FaultKind(inject, weight=3, measured=name == "kafka")


def _everything(context: FaultContext) -> float:
    installation = context.installation
    for name in installation.parts:
        installation.expect_death(name)
        installation.parts[name].signal(signal.SIGKILL)
    for service in installation.services.all.values():
        service.kill()
    killed = now()
    for service in installation.services.all.values():
        restarted(service)
    return killed


def _draining(context: FaultContext) -> float:
    """Ended by SIGTERM, and by SIGKILL while it finishes what it has."""
    installation = context.installation
    name = context.chance.choice(["ingest", "writer", installation.any_worker(context.chance)])
    # Where it has ended sooner, SIGKILL would meet the next process.
    installation.hold_down(name)
    installation.expect_death(name)
    installation.parts[name].signal(signal.SIGTERM)
    context.rest(0.01, 0.4)
    installation.parts[name].signal(signal.SIGKILL)
    killed = now()
    installation.release(name)
    context.note = name
    return killed


KILLS = {
    **{f"kill -9 of {name}": _part(name) for name in ("ingest", "worker", "writer")},
    **{f"kill -9 of {name}": FaultKind(_part(name).inject, weight=3) for name in ("api", "webhooks")},
    "kill -9 of Kafka": _service("kafka"),
    "kill -9 of MariaDB": _service("mariadb"),
    "kill -9 of ClickHouse": _service("clickhouse"),
    "kill -9 of everything at once": FaultKind(_everything),
    "kill -9 while draining": FaultKind(_draining, weight=6),
}
