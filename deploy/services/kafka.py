"""Apache Kafka as a program: one node that is broker and controller (KRaft), on loopback only."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from deploy.errors import SetupError
from deploy.log.cluster_id import new_cluster_id
from deploy.processes.ports import require_free, speaks_kafka
from deploy.processes.programs import Program
from deploy.services.artefacts import jars, java

# One node: whatever Kafka keeps for itself has one replica, and a group need not wait for members to gather.
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{proxied_listener}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{proxied_address}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={logs}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""

#: What a broker logs, to its output.
LOGGING = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c: %m%n
rootLogger.level=warn
rootLogger.appenderRefs=console
rootLogger.appenderRef.console.ref=console
"""


def program(folder: Path) -> Program:
    return Program("kafka", folder)


class ProxiedListener(NamedTuple):
    """One more listener: the port that Kafka listens on, and the proxy's, which its clients are given."""

    port: int
    proxy: int


def start(
    folder: Path,
    cache: Path,
    port: int,
    controller: int,
    *,
    die_with_parent: bool = False,
    seconds: float = 60,
    proxied: ProxiedListener | None = None,
) -> None:
    """Starts the broker on these loopback ports, its log kept in `folder`; raises SetupError."""
    require_free(port)
    require_free(controller)
    program(folder).start(
        command(folder, cache, port, controller, proxied=proxied),
        lambda: speaks_kafka(port),
        seconds=seconds,
        die_with_parent=die_with_parent,
    )


def command(
    folder: Path,
    cache: Path,
    port: int,
    controller: int,
    *,
    proxied: ProxiedListener | None = None,
    flushed: bool = False,
) -> list[str]:
    """What starts the broker on these loopback ports, its folder ready; raises SetupError.

    `flushed`: a record is acknowledged when the disk has it, and not only the operating system, for a node whose log
    has no other copy.
    """
    # It shares the machine's few cores with everything else: no threads that only collect.
    lean = ("-Xmx512m", "-Xms256m", "-XX:+UseSerialGC")
    runtime = [java(), *lean, "-cp", f"{jars('kafka', cache)}/*"]
    properties = _properties(folder)
    logging = folder / "kafka-log4j2.properties"
    logs = folder / "kafka"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        more = {
            "proxied_listener": f",PROXIED://127.0.0.1:{proxied.port}" if proxied else "",
            "proxied_address": f",PROXIED://127.0.0.1:{proxied.proxy}" if proxied else "",
        }
        flush = "log.flush.interval.messages=1\n" if flushed else ""
        properties.write_text(_PROPERTIES.format(port=port, controller=controller, logs=logs, **more) + flush)
        logging.write_text(LOGGING)
    except OSError as error:
        raise SetupError(f"cannot write to the data folder {folder}: {error.strerror}") from error
    runtime.insert(1, f"-Dlog4j2.configurationFile={logging}")
    if not (logs / "meta.properties").exists():
        _format(runtime, properties)
    return [*runtime, "kafka.Kafka", str(properties)]


def last_controller(folder: Path) -> int:
    """The port of the controller at the last start in this folder, where its clients look first; 0: none."""
    try:
        found = re.search(r"^controller\.quorum\.voters=.*:(\d+)$", _properties(folder).read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0


def _properties(folder: Path) -> Path:
    return folder / "kafka.properties"


def _format(runtime: list[str], properties: Path) -> None:
    cluster = new_cluster_id()
    command = [*runtime, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["no output"]
        raise SetupError(f"Kafka could not format its folder {properties.parent / 'kafka'}: {lines[-1][:300]}")
