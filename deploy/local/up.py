"""The whole system as child processes: a broker of our own or somebody's, then the parts that need it."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import AwayError, PortTakenError, SetupError
from deploy.local import broker
from deploy.local.embedded_log import EmbeddedLog
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.site_models import restore_site_models
from deploy.processes import probes
from deploy.processes.addresses import addresses
from deploy.processes.data_folder import log_folder
from deploy.processes.interpreter import OPECOM
from deploy.processes.ports import free_port, listen, speaks_kafka
from deploy.processes.probes import ProbeAddress
from deploy.processes.supervise import PATIENCE, Child, Supervisor, exit_text, remedy
from deploy.settings.model import Settings, variable

#: Without a broker there is nothing to drain; the parts get so many seconds then.
ORPHANED = 3.0
#: Times in a row that the broker may fail before it was ready.
ATTEMPTS = 5
READY_WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What runs. `broker` makes the child again for each start: in memory, it is a new one each time."""

    parts: tuple[Child, ...]
    prepare: Callable[[Supervisor], Awaitable[None]]
    broker: Callable[[], Child] | None = None
    addresses: Mapping[str, ProbeAddress] = field(default_factory=dict)
    console: ProbeAddress | None = None


def embedded(settings: Settings, folder: Path) -> tuple[LaunchPlan, str]:
    """The plan of the embedded profile, and where its broker will listen; raises SetupError."""
    path = broker.binary()
    wanted = settings.kafka.bootstrap.rpartition(":")[2]
    port = free_port(int(wanted) if wanted.isdigit() else 0)
    bootstrap = f"127.0.0.1:{port}"
    kept = {"bootstrap": bootstrap, "log_folder": log_folder(folder)}
    kafka = settings.kafka.model_copy(update={**kept, **broker.SETTINGS})
    environment = {
        variable("profile"): "embedded",
        **_folders(settings, folder),
        variable("kafka.bootstrap"): bootstrap,
        **{variable(f"kafka.{name}"): str(value).lower() for name, value in broker.SETTINGS.items()},
        variable("kafka.log_folder"): str(log_folder(folder)),
        # The broker keeps nothing on a disk, and accepted means on one.
        variable("ingest.spool"): "true",
        **_shared_secret(settings),
    }
    shop, console = _shop(settings), _listening(settings.console.host, settings.console.port)
    if shop:
        environment[variable("shop.port")] = str(shop.port)
    environment[variable("console.port")] = str(console.port if console else 0)

    log = EmbeddedLog(settings.model_copy(update={"kafka": kafka}), folder, environment)

    def new_broker() -> Child:
        named = broker.environment(log.named())
        return Child("broker", broker.command(path, port), named, lambda: speaks_kafka(port))

    found = addresses(settings) | ({"shop": shop} if shop else {})
    return LaunchPlan(_parts(found, environment), log.prepare, new_broker, found, console), bootstrap


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


async def run(plan: LaunchPlan, supervisor: Supervisor, stop: asyncio.Event, notify: Callable[[str], None]) -> None:
    """Runs the plan until `stop`; when the broker ends, everything starts again. Raises SetupError."""
    if plan.broker is None:
        await plan.prepare(supervisor)
        await supervisor.keep(plan.parts, stop)
        return
    failures = 0
    while not stop.is_set():
        was_ready, how = await _one_log(plan, plan.broker(), supervisor, stop)
        if stop.is_set():
            return
        failures = 0 if was_ready else failures + 1
        if failures == ATTEMPTS:
            raise SetupError(f"the broker does not start ({how})")
        notify(f"the broker ended ({how}); everything starts again, and its log goes on")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(failures):
                await stop.wait()


async def _one_log(plan: LaunchPlan, child: Child, supervisor: Supervisor, stop: asyncio.Event) -> tuple[bool, str]:
    """One life of the broker and of the parts on it: whether it was ready, and how it ended."""
    broker_stop, parts_stop = asyncio.Event(), asyncio.Event()
    living = asyncio.create_task(supervisor.run_once(child, broker_stop))
    stopping = asyncio.create_task(stop.wait())
    ready = False
    try:
        ready = await _ready(child, living, stopping)
        if ready:
            await plan.prepare(supervisor)
            parts = asyncio.create_task(supervisor.keep(plan.parts, parts_stop))
            await asyncio.wait([living, parts, stopping], return_when=asyncio.FIRST_COMPLETED)
            supervisor.patience = ORPHANED if living.done() else PATIENCE
            parts_stop.set()
            await parts
    except AwayError:
        ready = False
    finally:
        supervisor.patience = PATIENCE
        stopping.cancel()
        broker_stop.set()
        await asyncio.wait([living])
    code, last = living.result()
    return ready, f"{exit_text(code)}; {remedy(code, supervisor.log_of(child))}; its last line: {last or 'none'}"


async def _ready(child: Child, living: asyncio.Task[tuple[int, str]], stopping: asyncio.Task[bool]) -> bool:
    """Whether the child became ready before it ended, before all was to stop, and in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_WITHIN):
            while not living.done() and not stopping.done():
                if await asyncio.to_thread(child.ready):
                    return True
                await asyncio.sleep(0.02)
    return False
