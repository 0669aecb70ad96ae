"""A simulation on the screen: what is sent, two bars, how fast it went, and the check."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from msgspec.json import encode
from msgspec.structs import asdict
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from deploy.processes.data_folder import as_running
from deploy.settings.model import Settings
from deploy.simulate import clicks_run, uci_run
from deploy.simulate.progress import StoredCounts
from deploy.simulate.run import Simulation, new_run
from deploy.simulate.shop import run as shop_run
from deploy.simulate.shop import truths
from deploy.simulate.shop.shop import ShopParameters
from deploy.terminal.console import TerminalConsole
from deploy.wiring.relational import relational


def uci(settings: Settings, data: Path | None, rate: float, sessions: int | None, verify: bool) -> int:
    """Send rows of the UCI file, or drawn ones, and wait for them; the exit code. Raises SetupError."""
    settings, console, name = as_running(settings), TerminalConsole(), new_run()
    rows = source(settings, data, sessions, name, console)
    simulation = uci_run.simulation(settings, rows.rows, name)
    check = partial(uci_run.verify, settings, simulation=simulation, file=rows.file) if verify else None
    return _simulate(settings, simulation, rate, console, check)


def clicks(settings: Settings, data: Path | None, rate: float, sessions: int | None, verify: bool) -> int:
    """Send the clicks of the e-shop file and wait for them; the exit code. Raises SetupError."""
    settings, console = as_running(settings), TerminalConsole()
    file, chosen = clicks_run.source(data, sessions)
    simulation = clicks_run.simulation(settings, chosen, new_run())
    write_line(console, "the file has days and no times of day: the times are invented, the same ones each time")
    check = partial(clicks_run.verify, settings, simulation=simulation, file=file) if verify else None
    return _simulate(settings, simulation, rate, console, check)


def shop(settings: Settings, wanted: ShopParameters, rate: float, truth: Path | None, json: bool) -> int:
    """Send a generated shop, wait for it and compare what arrived; the exit code. Raises SetupError."""
    settings, console = as_running(settings), TerminalConsole()
    made = shop_run.simulation(settings, wanted, new_run())
    if truth is not None:
        truths.write(truth, made.visits)

    def check(engine: Engine) -> int:
        found = shop_run.differences(engine, made)
        for line in found or [f"{made.expected.buyers:,} of them bought, as was sent"]:
            write_line(console, line)
        if json:
            counts = {"site": made.simulation.site, **asdict(made.expected), "differences": len(found)}
            write_line(console, encode(counts).decode())
        return 1 if found else 0

    return _simulate(settings, made.simulation, rate, console, check)


def _simulate(
    settings: Settings,
    simulation: Simulation,
    rate: float,
    console: TerminalConsole,
    check: Callable[[Engine], int] | None,
) -> int:
    announce(simulation, console)
    engine = relational(settings)
    try:
        bars = ProgressBars(console, simulation.events)
        with bars.progress:
            seconds = asyncio.run(simulation.send_all(engine, rate, bars))
        write_line(
            console,
            f"{simulation.events:,} events accepted in {seconds:.1f} s ({simulation.events / seconds:,.0f} a second); "
            f"all {simulation.sessions:,} sessions are closed in the database",
        )
        return check(engine) if check else 0
    finally:
        engine.dispose()


class ProgressBars:
    """Two bars: events accepted by the ingest API, events counted in closed and open sessions in the database."""

    def __init__(self, console: TerminalConsole, events: int) -> None:
        self.progress = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._began = time.monotonic()
        self._accepted = self.progress.add_task("events accepted", total=events, rate="")
        self._arrived = self.progress.add_task("in the database", total=events, rate="")
        self._sent = 0

    def accepted(self, events: int) -> None:
        self._sent += events
        rate = f"{self._sent / max(time.monotonic() - self._began, 0.001):,.0f} events/s"
        self.progress.update(self._accepted, completed=self._sent, rate=rate)

    def arrived(self, here: StoredCounts) -> None:
        self.progress.update(self._arrived, completed=here.events, rate=f"{here.closed:,} sessions closed")


def source(
    settings: Settings, data: Path | None, sessions: int | None, name: str, console: TerminalConsole
) -> uci_run.UciSource:
    """The rows to send; drawn ones are said to be so."""
    rows = uci_run.source(settings, data, sessions, name)
    if rows.drawn:
        write_line(
            console,
            f"no file given (--data): {len(rows.rows):,} rows are drawn from parameters fitted to the UCI file, "
            f"and written to {rows.file}",
        )
    return rows


def announce(simulation: Simulation, console: TerminalConsole) -> None:
    write_line(
        console, f"{simulation.sessions:,} sessions, {simulation.events:,} events, on the site {simulation.site}"
    )


def write_line(console: TerminalConsole, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
