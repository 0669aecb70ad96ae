"""A disk that is full under all three services, and a service whose writes the system refuses."""

import contextlib

import psutil

from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.services import restarted
from deploy.chaos.set_aside import restart_damaged


def _full(context: FaultContext) -> float | None:
    services = context.installation.services
    if services.disk is None:
        return None
    services.disk.fill()
    context.hold(2, 6)
    services.disk.free()
    freed = now()
    for service in services.all.values():
        restarted(service)
    _restart_damaged(context)
    return freed


def _refused(context: FaultContext) -> float | None:
    """A limit of 0 bytes for the files of one service: each write of its fails by EFBIG, as on a disk that is gone."""
    name = context.any_service()
    service = context.installation.services.all[name]
    process = service.process()
    if process is None:
        return None
    context.note = name
    soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
    context.hold(1, 5)
    with contextlib.suppress(psutil.Error):
        process.rlimit(psutil.RLIMIT_FSIZE, (soft, hard))
    ended = now()
    restarted(service)
    if name == "clickhouse":
        _restart_damaged(context)
    return ended


def _restart_damaged(context: FaultContext) -> None:
    """What docs/operations.md says of a disk that has refused writes."""
    if restart_damaged(context.installation):
        context.note = f"{context.note} ClickHouse damaged, restarted".strip()


def _not_on_this_system() -> str:
    return "" if hasattr(psutil, "RLIMIT_FSIZE") else "it takes Linux"


DISK = {
    "disk full": FaultKind(_full),
    "writes refused": FaultKind(_refused, unavailable=_not_on_this_system),
}
