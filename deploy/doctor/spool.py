"""The spools of ingest in the data folder: how full they are, and whether anything in them is stuck or damaged."""

from deploy.doctor.finding import Finding
from deploy.processes.data_folder import spool_folder
from deploy.settings.model import Settings
from ingest.spool.folder import DAMAGED, SUFFIX

MB = 1_000_000
#: The part of ingest.spool_bytes from which on it is time to look.
NEARLY_FULL = 0.8


def spool(settings: Settings) -> list[Finding]:
    """What there is to say; nothing where there is no spool and none is wanted."""
    root, is_on = spool_folder(settings.data_dir), settings.ingest.spool or settings.profile == "embedded"
    try:
        damaged = sorted(root.glob(f"*/*{DAMAGED}"))
        sizes: dict[str, int] = {}
        for path in root.glob(f"*/*{SUFFIX}"):
            sizes[path.parent.name] = sizes.get(path.parent.name, 0) + path.stat().st_size
    except OSError as error:
        return [Finding("spool", "warning", f"{root} cannot be read: {error.strerror}")]
    largest, most = max(sizes.values(), default=0), settings.ingest.spool_bytes
    if damaged:
        return [
            Finding(
                "spool",
                "warning",
                f"{damaged[0]} is damaged, one of {len(damaged)}: the log of ingest says how many events it lost; "
                "remove it once you have looked at it",
            )
        ]
    if not is_on:
        left = f"{sum(sizes.values()) / MB:,.1f} MB of accepted events wait in {root}, and ingest.spool is off"
        remedy = "set it to true and start ingest, which sends them"
        return [Finding("spool", "warning", f"{left}: {remedy}")] if sizes else []
    described = f"{sum(sizes.values()) / MB:,.1f} MB wait in {root}, of {most / MB:,.0f} MB for a process"
    if largest > NEARLY_FULL * most:
        return [Finding("spool", "warning", f"{described} (ingest.spool_bytes): see why Kafka does not take them")]
    return [Finding("spool", "ok", described)]
