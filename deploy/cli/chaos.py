"""`opecom chaos`: faults on a whole system of its own, and what was lost, doubled, or not as the log says."""

import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from deploy.errors import SetupError
from deploy.settings.model import load, user_cache
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line

if TYPE_CHECKING:
    from deploy.chaos.report import PlantedResult
    from deploy.chaos.run import ChaosRun


def chaos(
    minutes: Annotated[float, typer.Option("--minutes", min=0.1, help="How long faults are injected.")] = 5.0,
    faults: Annotated[
        str, typer.Option("--faults", help="Families or kinds of faults, comma-separated; none: all.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", help="The plan: the same seed gives the same faults in order.")] = 1,
    rate: Annotated[float, typer.Option("--rate", min=10, help="Events a second that a client sends.")] = 100.0,
    planted: Annotated[
        str, typer.Option("--planted", help="Bugs to plant afterwards: all, none, a number, or names.")
    ] = "all",
    report: Annotated[Path | None, typer.Option("--report", help="A file for the run as an HTML page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the result as one JSON object.")] = False,
    overlap: Annotated[
        float, typer.Option("--overlap", min=0, max=1, help="The part of the faults that the next does not wait for.")
    ] = 0.5,
    sessions: Annotated[int, typer.Option("--sessions", min=60, help="Sessions that are open all the time.")] = 60,
    forked: Annotated[
        bool, typer.Option("--forked", help="Forks the parts from a process that has imported them: faster starts.")
    ] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="A folder that keeps the logs of the parts.")] = None,
) -> None:
    """Injects faults into a system of its own, and ends with code 1 where anything was lost or doubled.

    Apache Kafka and MariaDB run as programs (Java 17, Maven), ClickHouse as chDB behind an HTTP front.
    """
    # Here, as its programs are needed by a run alone.
    from deploy.bench.machine import machine, versions
    from deploy.chaos.faults.kinds import chosen
    from deploy.chaos.installation import ALL_PARTS
    from deploy.chaos.negative import plant, selected
    from deploy.chaos.report import document, passed
    from deploy.chaos.run import run_faults
    from deploy.chaos.services import running_services

    settings = load()
    kinds, bugs = chosen(faults), selected(planted)
    for name in [name for name, kind in kinds.items() if kind.unavailable()]:
        print_line(f"{name}: not on this machine: {kinds.pop(name).unavailable()}")
    where, began = machine(), time.monotonic()

    def notify(line: str) -> None:
        print_line(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    # As Ctrl-C: what runs is ended, and a disk of its own is taken away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="opecom-chaos-", ignore_cleanup_errors=True) as name:
        folder = keep.absolute() if keep else Path(name)
        notify("starting Kafka, MariaDB and ClickHouse for this run, as programs on loopback")
        with running_services(Path(name) / "services", settings.services.cache_dir or user_cache()) as services:
            run = run_faults(
                *(services, settings, folder / "main", kinds),
                seconds=minutes * 60,
                seed=seed,
                rate=rate,
                parts=ALL_PARTS,
                forked=forked,
                overlap=overlap,
                sessions=sessions,
                notify=notify,
                away_seconds=min(60.0, max(5.0, minutes * 4)),
            )
            notify(f"checked: {len(run.findings.lost)} lost, {len(run.findings.doubled)} doubled of {run.accepted:,}")
            for line in run.problems():
                notify(line)
            caught = [plant(bug, services, settings, folder, seed, notify) for bug in bugs]
        found = versions([("kafka", services.kafka_version())])
    _show(run, caught)
    if report is not None:
        from deploy.chaos.page import page

        try:
            report.write_text(page(run, caught, found, where, seed))
        except OSError as error:
            raise SetupError(f"--report {report}: cannot be written ({error.strerror})") from None
    if as_json:
        print_line(document(run, caught, found, where))
    sys.exit(0 if passed(run, caught) else 1)


def _show(run: "ChaosRun", caught: "Sequence[PlantedResult]") -> None:
    from deploy.chaos.report import figures, rows

    table = Table(title="faults")
    table.add_column("kind")
    for name in ("injected", "lost", "recovery p50, s", "p99", "max"):
        table.add_column(name, justify="right")
    for row in rows(run.faults, run.lost_by_kind):
        seconds = ("-" if each is None else f"{each:.1f}" for each in (row.p50, row.p99, row.worst))
        table.add_row(row.kind, str(row.injected), str(row.lost), *seconds)
    TerminalConsole().print(table)
    killed = ", ".join(f"{name} {count}" for name, count in sorted(run.parts.killed.items()) if count)
    print_line(f"killed: {killed or 'nothing'}; ended by themselves: {dict(run.parts.ended)}; sent again: {run.resent}")
    for each in caught:
        print_line(f"planted: {each.name}: {'caught' if each.caught else 'NOT CAUGHT'} by {each.by}")
    for line in run.problems():
        print_line(line)
    print_line(", ".join(f"{name} {figure:g}" for name, figure in figures(run, caught).items()))
