"""A simulation on the screen: what is sent, two bars, how fast it went, and the check."""

import asyncio
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.data_folder import as_running
from deploy.settings import Settings
from deploy.simulate import run
from deploy.simulate.progress import Arrived
from deploy.wiring.storage import relational


def simulate(settings: Settings, data: Path | None, rate: float, sessions: int | None, verify: bool) -> int:
    """Send rows of the file, or drawn ones, and wait for them; the exit code. Raises SetupError."""
    settings, console, name = as_running(settings), Console(), run.new_run()
    rows = source(settings, data, sessions, name, console)
    simulation = run.Simulation(settings, rows.rows, name)
    announce(simulation, console)
    engine = relational(settings)
    try:
        bars = Bars(console, simulation.events)
        with bars.progress:
            seconds = asyncio.run(simulation.tell(engine, rate, bars))
        say(
            console,
            f"{simulation.events:,} events accepted in {seconds:.1f} s ({simulation.events / seconds:,.0f} a second); "
            f"all {simulation.sessions:,} sessions are closed in the database",
        )
        return run.verify(settings, engine, simulation.site, rows.file, simulation.sessions) if verify else 0
    finally:
        engine.dispose()


class Bars:
    """Two bars: events accepted at the door, events counted in closed and open sessions in the database."""

    def __init__(self, console: Console, events: int) -> None:
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

    def arrived(self, here: Arrived) -> None:
        self.progress.update(self._arrived, completed=here.events, rate=f"{here.closed:,} sessions closed")


def source(settings: Settings, data: Path | None, sessions: int | None, name: str, console: Console) -> run.Source:
    """The rows to send; drawn ones are said to be so."""
    rows = run.source(settings, data, sessions, name)
    if rows.drawn:
        say(
            console,
            f"no file given (--data): {len(rows.rows):,} rows are drawn from parameters fitted to the UCI file, "
            f"and written to {rows.file}",
        )
    return rows


def announce(simulation: run.Simulation, console: Console) -> None:
    say(console, f"{simulation.sessions:,} sessions, {simulation.events:,} events, on the site {simulation.site}")


def say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
