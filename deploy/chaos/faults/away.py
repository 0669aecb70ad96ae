"""A service that is away: ended in order, and started again later."""

from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.services import ServiceName, restarted


def _away(name: ServiceName) -> FaultKind:
    def inject(context: FaultContext) -> float:
        service = context.installation.services.all[name]
        service.stop()
        context.hold(context.away_seconds, context.away_seconds)
        context.note = f"{context.away_seconds:.0f} s"
        back = now()
        restarted(service)
        return back

    return FaultKind(inject)


AWAY = {
    "Kafka away": _away("kafka"),
    "MariaDB away": _away("mariadb"),
    "ClickHouse away": _away("clickhouse"),
}
