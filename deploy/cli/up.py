"""`opecom up`: the whole system on this machine, until Ctrl-C."""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import typer

from deploy.cli.failures import naming_the_setting
from deploy.errors import PortTakenError, SetupError
from deploy.learner.libraries import missing_line
from deploy.local import up as system
from deploy.local.console import TerminalScreen
from deploy.local.counts import counts
from deploy.local.launch import LaunchPlan, run
from deploy.processes import data_folder
from deploy.processes.ports import listen
from deploy.processes.probes import ProbeAddress
from deploy.processes.supervise import Supervisor
from deploy.settings.model import ConsoleSettings, Settings, ShopSettings, load, variable
from deploy.sites.first_start import first_keys
from deploy.terminal.console import TerminalConsole
from deploy.wiring.keys import probe_key
from stream.kafka.client_log import silence_libraries

#: Seconds between two looks at the parts: while they start, then, and at most while nothing changes. Each look has
#: every part write its metrics.
LOOK, LOOK_READY, LOOK_IDLE = 0.5, 2.0, 8.0


def up(
    broker: Annotated[
        Literal["memory", "kafka"] | None,
        typer.Option(
            help="Of the embedded profile: memory is its own broker, kafka Apache Kafka in the data folder (Java 17 "
            "and Maven); none: as kafka.embedded_broker says."
        ),
    ] = None,
) -> None:
    """Runs the whole system on this machine until Ctrl-C, and starts again what dies."""
    settings = _with_broker(load(), broker)
    # What a client has to say of a broker that is away is in the parts' logs.
    silence_libraries()
    with data_folder.held(settings.data_dir) as folder, TerminalScreen(TerminalConsole()) as screen:
        if settings.profile == "embedded":
            plan, bootstrap = system.embedded(settings, folder)
            if bootstrap != settings.kafka.bootstrap:
                screen.write_line(f"{settings.kafka.bootstrap} is taken: the broker listens on {bootstrap}")
            _report_address("shop", settings.shop, plan.addresses.get("shop"), screen)
            _report_address("console", settings.console, plan.console, screen)
        else:
            plan, bootstrap = system.services(settings, folder), settings.kafka.bootstrap
        if settings.learning.promotion != "off" and (missing := missing_line()):
            screen.write_line(missing)
        _require_free(settings, plan)
        for line in first_keys(settings):
            screen.write_line(line)
        data_folder.announce(folder, bootstrap, settings.kafka.embedded_broker)
        screen.write_line(f"starting {', '.join(plan.addresses)}; their logs are in {folder / 'logs'}")
        asyncio.run(
            _run(plan, Supervisor(folder / "logs", screen.write_line), screen, bootstrap, partial(probe_key, settings))
        )
        screen.write_line("stopped")


def _with_broker(settings: Settings, broker: Literal["memory", "kafka"] | None) -> Settings:
    """The settings with the broker that the command names; raises SetupError where the profile has none of its own."""
    if broker is None:
        return settings
    if settings.profile != "embedded":
        raise SetupError(
            f"--broker is for the embedded profile, and {variable('profile')} is {settings.profile}, whose Kafka "
            f"{variable('kafka.bootstrap')} names: leave --broker out"
        )
    return settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"embedded_broker": broker})})


def _report_address(
    name: Literal["shop", "console"],
    wanted: ShopSettings | ConsoleSettings,
    address: ProbeAddress | None,
    screen: TerminalScreen,
) -> None:
    """Says it where a part is not where its settings say; the system goes on without shop or console."""
    place = f"{wanted.host}:{wanted.port}"
    if wanted.port and address is None:
        screen.write_line(f"the {name} cannot listen on {place}, and is left out: set {variable(f'{name}.host')}")
    elif address is not None and address.port != wanted.port:
        screen.write_line(f"{place} is taken: the {name} listens on port {address.port}")


def _require_free(settings: Settings, plan: LaunchPlan) -> None:
    hosts = {
        "ingest": settings.ingest.host,
        "store": settings.api.host,
        "api": settings.api.host,
        "shop": settings.shop.host,
    }
    for name, address in plan.addresses.items():
        try:
            if address.port:
                listen(hosts.get(name, address.host), address.port).close()
        except PortTakenError as error:
            raise naming_the_setting(error, settings) from None


async def _run(
    plan: LaunchPlan,
    supervisor: Supervisor,
    screen: TerminalScreen,
    bootstrap: str,
    key: Callable[[], str] = str,
) -> None:
    """Run the parts; metrics are read with what `key` gives, as a part may make it while it starts."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            # The children die with this process.
            os._exit(130)
        watching.cancel()
        screen.write_line("stopping")
        stop.set()

    watching = asyncio.create_task(_watch(plan, screen, bootstrap, key, stop))
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, on_signal)
    try:
        await run(plan, supervisor, stop, screen.write_line)
    finally:
        watching.cancel()


async def _watch(
    plan: LaunchPlan, screen: TerminalScreen, bootstrap: str, key: Callable[[], str], stop: asyncio.Event
) -> None:
    """Says once where everything is, when it is ready; then the counts, and who is not ready."""
    announced, shown, pause = False, "", LOOK
    while True:
        waiting = await asyncio.to_thread(lambda: [part.name for part in plan.children if not part.ready()])
        if stop.is_set():
            # Parts that became ready meanwhile are being stopped: "ready" after "stopping" would mislead.
            return
        if not waiting and not announced:
            announced = True
            for line in _where(plan, bootstrap):
                screen.write_line(line)
        if announced:
            reachable = [address for address in plan.addresses.values() if address.port]
            line = (await asyncio.to_thread(counts, reachable, key())).line()
            line = f"{line} · not ready: {', '.join(waiting)}" if waiting else line
            screen.status(line)
            shown, pause = line, next_pause(pause, line != shown)
        await asyncio.sleep(pause)


def next_pause(before: float, changed: bool) -> float:
    """The seconds until the next look after one that showed a change or none."""
    return LOOK_READY if changed else min(2 * before, LOOK_IDLE)


def _where(plan: LaunchPlan, bootstrap: str) -> list[str]:
    """The addresses, as a user needs them."""
    ingest = plan.addresses["ingest"].url
    api = (plan.addresses.get("api") or plan.addresses["store"]).url
    shop = plan.addresses.get("shop")
    return [
        "ready",
        *([f"  console        {plan.console.url}"] if plan.console else []),
        *([f"  demo shop      {shop.url}"] if shop else []),
        f"  events in      {ingest}  (documents: {ingest}/docs)",
        f"  scores out     {api}  (documents: {api}/docs)",
        f"  Kafka          {bootstrap}",
        "  Ctrl-C stops everything",
    ]
