"""What `opecom up` runs as child processes: a broker of our own or somebody's, and the parts that need it."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deploy.errors import PortTakenError, SetupError
from deploy.local import broker
from deploy.local.embedded_log import EmbeddedLog
from deploy.local.kafka_log import DiskLog, require_no_kafka_log
from deploy.local.launch import LaunchPlan
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.site_models import restore_site_models
from deploy.processes import probes
from deploy.processes.addresses import addresses
from deploy.processes.data_folder import log_folder
from deploy.processes.interpreter import OPECOM
from deploy.processes.ports import free_port, listen, speaks_kafka
from deploy.processes.probes import ProbeAddress
from deploy.processes.supervise import Child, Supervisor
from deploy.services.artefacts import java
from deploy.settings.model import Settings, variable

#: Parts that need no broker to work: with its spool, ingest accepts events while there is none.
LASTING = ("ingest",)
#: Seconds in which Apache Kafka must answer: a log that was not closed is checked first.
KAFKA_READY_SECONDS = 180.0


def embedded(settings: Settings, folder: Path) -> tuple[LaunchPlan, str]:
    """The plan of the embedded profile, and where its broker will listen; raises SetupError."""
    on_kafka = settings.kafka.embedded_broker == "kafka"
    wanted = settings.kafka.bootstrap.rpartition(":")[2]
    port = free_port(int(wanted) if wanted.isdigit() else 0)
    own = {} if on_kafka else {**broker.SETTINGS, "log_folder": log_folder(folder)}
    kafka = settings.kafka.model_copy(update={"bootstrap": f"127.0.0.1:{port}", **own})
    shop, console = _shop(settings), _listening(settings.console.host, settings.console.port)
    environment = {
        variable("profile"): "embedded",
        **_folders(settings, folder),
        variable("kafka.bootstrap"): kafka.bootstrap,
        **{variable(f"kafka.{name}"): _as_text(value) for name, value in own.items()},
        # Accepted means on the disk, whether there is a broker just now or not.
        variable("ingest.spool"): "true",
        **_shared_secret(settings),
        **({variable("shop.port"): str(shop.port)} if shop else {}),
        variable("console.port"): str(console.port if console else 0),
    }
    found = addresses(settings) | ({"shop": shop} if shop else {})
    parts = _parts(found, environment)
    shared = {
        "parts": tuple(each for each in parts if each.name not in LASTING),
        "addresses": found,
        "console": console,
        "lasting": tuple(each for each in parts if each.name in LASTING),
    }
    with_kafka = settings.model_copy(update={"kafka": kafka})
    plan = _on_kafka(with_kafka, folder, shared) if on_kafka else _in_memory(with_kafka, folder, environment, shared)
    return plan, kafka.bootstrap


def _in_memory(
    settings: Settings, folder: Path, environment: Mapping[str, str], shared: Mapping[str, Any]
) -> LaunchPlan:
    """On a broker in memory, one after the other."""
    require_no_kafka_log(folder)
    path, log = broker.binary(), EmbeddedLog(settings, folder, environment)
    port = int(settings.kafka.bootstrap.rpartition(":")[2])

    def new_broker() -> Child:
        named = broker.environment(log.named())
        return Child("broker", broker.command(path, port), named, lambda: speaks_kafka(port))

    most_bytes = settings.kafka.broker_megabytes << 20
    return LaunchPlan(prepare=log.prepare, broker=new_broker, most_bytes=most_bytes, drain=log.drain, **shared)


def _on_kafka(settings: Settings, folder: Path, shared: Mapping[str, Any]) -> LaunchPlan:
    """On Apache Kafka, which starts again where its log stood."""
    log = DiskLog(settings, folder)
    java()
    return LaunchPlan(prepare=log.prepare, broker=log.broker, ready_within=KAFKA_READY_SECONDS, **shared)


def _as_text(value: object) -> str:
    """A setting's value as a variable says it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shop(settings: Settings) -> ProbeAddress | None:
    """Where the shop will listen, which is another port where its own is taken; None where it does not run."""
    return _listening(settings.shop.host, settings.shop.port)


def _listening(host: str, wanted: int) -> ProbeAddress | None:
    """This port, or another where it is taken; None where it is 0, or no port of this host can be had."""
    for port in (wanted, 0) if wanted else ():
        with contextlib.suppress(PortTakenError), listen(host, port) as listener:
            return ProbeAddress.reached(host, int(listener.getsockname()[1]))
    return None


def services(settings: Settings, folder: Path) -> LaunchPlan:
    """The plan of the services profile: the parts, on Kafka and databases that run already."""
    environment = {
        variable("profile"): "services",
        **_folders(settings, folder),
        **_shared_secret(settings),
    }

    async def prepare(supervisor: Supervisor) -> None:
        await topics.ensure(kafka_clients(settings.kafka), topics.wanted(settings.kafka))
        await restore_site_models(settings)
        code, last = await supervisor.run_once(Child("migrate", [*OPECOM, "migrate"], environment), asyncio.Event())
        if code:
            raise SetupError(f"the databases cannot be migrated: {last.removeprefix('opecom: ')}")

    found = addresses(settings)
    console = ProbeAddress.reached(settings.console.host, settings.console.port) if settings.console.port else None
    return LaunchPlan(_parts(found, environment), prepare, None, found, console)


def _shared_secret(settings: Settings) -> dict[str, str]:
    """A secret for the tokens that ingest makes and the query API reads, where the settings have none."""
    given = settings.api.token_secret.get_secret_value()
    return {} if given else {variable("api.token_secret"): secrets.token_urlsafe(32)}


def _folders(settings: Settings, folder: Path) -> dict[str, str]:
    """Where the parts find what is kept, whatever folder they run in."""
    named = {} if settings.access_file is None else {variable("access_file"): str(settings.access_file.absolute())}
    return {variable("data_dir"): str(folder), **named}


def _parts(addresses: Mapping[str, ProbeAddress], environment: Mapping[str, str]) -> tuple[Child, ...]:
    """A child per address; a part without a port is ready when it runs."""

    def ready(address: ProbeAddress) -> Callable[[], bool]:
        return lambda: not address.port or probes.is_ready(address)

    return tuple(
        Child(name, [*OPECOM, "run", name], environment, ready(address)) for name, address in addresses.items()
    )
