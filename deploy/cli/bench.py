"""`opecom bench`: measures the parts on this machine, on real Kafka where they need it."""

import asyncio
import importlib
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from deploy.bench.machine import machine, versions
from deploy.bench.result import Result
from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line

Bench = Literal[
    "worker", "latency", "ingest", "writer", "replay", "sessions", "model", "predict", "learn", "tracker", "idle",
    "history", "console", "peers", "load", "soak", "growth", "experiments", "floods", "browser",
]  # fmt: skip
#: They need no Kafka.
ALONE = (
    *(
        "model",
        "predict",
        "learn",
        "tracker",
        "idle",
        "history",
        "console",
        "growth",
        "experiments",
        "floods",
        "browser",
    ),
    *("writer --embedded", "load --embedded"),
)
#: They have a form of the embedded profile.
EMBEDDED = ("writer", "load")
#: They store what they measure in MariaDB.
STORING = ("writer", "replay", "load", "soak")


def bench(
    name: Annotated[Bench, typer.Argument(help="What to measure; docs/benchmarks.md says how.")],
    quick: Annotated[bool, typer.Option("--quick", help="Less input, under a minute.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the result as one JSON object.")] = False,
    embedded: Annotated[bool, typer.Option("--embedded", help="writer, load: on the embedded profile.")] = False,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0.01, help="soak: how long; 60.")] = None,
    half_of: Annotated[
        float | None,
        typer.Option(
            "--load", min=1, help="soak: the load of which half is offered, in events/s; else it is measured."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="The UCI file; without it sessions are drawn from a fitted table.")
    ] = None,
) -> None:
    """Measures a part: Kafka is real, the CPU of all processes of the part counts, every record is read back.

    Runs on the services of the settings where the profile is `services`, else starts its own for the run.
    """
    if embedded and name not in EMBEDDED:
        raise SetupError(f"bench {name} has no --embedded: only {' and '.join(EMBEDDED)} have")
    options = {"minutes": minutes, "load": half_of}
    given = {option: value for option, value in options.items() if value is not None}
    if given and name != "soak":
        raise SetupError(f"bench {name} has no --{next(iter(given))}: only soak has")
    # Here, as its programs are needed by a run alone.
    from deploy.bench.run import alone, started

    where = machine()
    print_line(
        f"input: UCI simulation, {'rows of ' + str(data) if data else 'rows drawn from the fitted table'}", flush=True
    )
    measured = f"{name} --embedded" if embedded else name
    part = importlib.import_module(f"deploy.bench.{measured.replace(' --', '_')}")
    opened = alone(load()) if measured in ALONE else started(load(), need_mariadb=name in STORING)
    with opened as run:
        figures, notes = asyncio.run(part.measure(run, data, quick, **given))
        result = Result(measured, figures, versions(run.versions), where, tuple(notes), quick)
    show(result)
    if as_json:
        print_line(result.json())


def show(result: Result) -> None:
    table = Table(title=f"bench {result.bench}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    for row in result.rows():
        table.add_row(*row)
    TerminalConsole().print(table)
    for note in result.notes:
        print_line(note)
    machine = result.machine
    print_line(f"{machine['cores']} cores {machine['cpu']}, {machine['memory_gb']} GB, load {machine['load_at_start']}")
    print_line(", ".join(f"{name} {number}" for name, number in result.versions.items()))
