"""`opecom simulate`: real sessions through the running system, and what comes out of it compared with the file."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.settings.model import load

app = typer.Typer(help="Sends sessions through the running system.", no_args_is_help=True)


@app.callback()
def simulate() -> None:
    """Sends sessions through the running system."""


Rate = Annotated[float, typer.Option(min=0, help="Events per second; 0: as fast as they are accepted.")]
Sessions = Annotated[int | None, typer.Option(min=1, help="How many sessions; none: all of the file.")]
Verify = Annotated[bool, typer.Option("--verify", help="Compares the database with the file afterwards.")]


@app.command()
def uci(
    data: Annotated[Path | None, typer.Option(help="The UCI Online Shoppers file; without it, rows are drawn.")] = None,
    rate: Rate = 0,
    sessions: Sessions = None,
    verify: Verify = False,
) -> None:
    """Turns rows of the UCI file into sessions of events on a site of their own."""
    # Here, so that no other command loads clients of databases.
    from deploy.simulate import show

    raise typer.Exit(show.uci(load(), data, rate, sessions, verify))


@app.command()
def clicks(
    data: Annotated[Path | None, typer.Option(help="The e-shop clicks (UCI 553), as CSV or packed by gzip.")] = None,
    rate: Rate = 0,
    sessions: Sessions = None,
    verify: Verify = False,
) -> None:
    """Replays the clicks of a real e-shop, its users interleaved, on a site of their own."""
    from deploy.simulate import show

    raise typer.Exit(show.clicks(load(), data, rate, sessions, verify))
