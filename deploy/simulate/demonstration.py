"""A demonstration on the screen: sessions through the whole system, its highest live scores, then the check."""

import asyncio
import contextlib
from pathlib import Path

from rich.console import Group
from rich.live import Live
from rich.table import Table
from sqlalchemy import Engine

from deploy.processes.data_folder import as_running
from deploy.settings.model import Settings
from deploy.simulate import stack, uci_run
from deploy.simulate.live import LiveBoard, highest
from deploy.simulate.run import Simulation, new_run
from deploy.simulate.show import ProgressBars, announce, source, write_line
from deploy.terminal import replay_progress as replays
from deploy.terminal.console import TerminalConsole, escape
from deploy.wiring.keys import read_key
from deploy.wiring.relational import relational
from storage.replay.request import ReplaySelection

SHOWN, REASONS = 8, 2
LOOK_SECONDS = 0.5


def demonstrate(settings: Settings, data: Path | None, rate: float, sessions: int) -> int:
    """Run the demonstration on the system that runs, or on one started for it; the exit code. Raises SetupError."""
    console, name = TerminalConsole(), new_run()
    rows = source(settings, data, sessions, name, console)
    with contextlib.ExitStack() as running:
        with console.status("waiting for the system"):
            started = running.enter_context(stack.system(settings))
        if started:
            write_line(console, "no system ran: one was started for this demonstration, and is stopped after it")
        settings = as_running(settings)
        simulation = uci_run.simulation(settings, rows.rows, name, crowded=True)
        announce(simulation, console)
        engine = relational(settings)
        running.callback(engine.dispose)
        asyncio.run(_watched(simulation, settings, engine, rate, console))
        return uci_run.verify(settings, engine, simulation, rows.file) or _replayed(settings, simulation, console)


def _replayed(settings: Settings, simulation: Simulation, console: TerminalConsole) -> int:
    """Replay the log of the simulation and compare every stored row with what comes of it; an exit code."""
    write_line(console, f"the log replayed and compared row by row: opecom replay --site {simulation.site} --diff")
    account = replays.replay_with_progress(settings, ReplaySelection(site=simulation.site, diff=True), console)
    differing = any(table.changed or table.added or table.gone for table in account.tables.values())
    write_line(
        console, "the replay differs from what is stored" if differing else "a replay gives what live scoring gave"
    )
    return int(differing)


async def _watched(
    simulation: Simulation, settings: Settings, engine: Engine, rate: float, console: TerminalConsole
) -> None:
    """Tell the simulation, with its bars and the highest live scores on the screen."""
    bars, board = ProgressBars(console, simulation.events), LiveBoard(SHOWN)
    with Live(console=console, refresh_per_second=4) as live:
        looking = asyncio.create_task(_look(board, bars, live, settings, simulation.site))
        try:
            await simulation.send_all(engine, rate, bars)
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            live.update(Group(bars.progress, _table(board)))


async def _look(board: LiveBoard, bars: ProgressBars, live: Live, settings: Settings, site: str) -> None:
    key = read_key(settings)
    api = stack.api_address(settings)
    while True:
        board.add(await asyncio.to_thread(highest, api, site, SHOWN, key))
        live.update(Group(bars.progress, _table(board)))
        await asyncio.sleep(LOOK_SECONDS)


def _table(board: LiveBoard) -> Table:
    table = Table("session", "probability", "band", "because", title="highest live scores so far")
    for intent in board.top():
        table.add_row(
            escape(intent.session_id),
            f"{intent.probability:.3f}",
            intent.band,
            escape("; ".join(reason.text for reason in intent.reasons[:REASONS])),
        )
    return table
