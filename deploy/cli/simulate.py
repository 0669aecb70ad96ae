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
SHOP_SESSIONS = 1_000
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


@app.command()
def shop(
    sessions: Annotated[int, typer.Option(min=1, help="How many sessions.")] = SHOP_SESSIONS,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same sessions.")] = 0,
    days: Annotated[int, typer.Option(min=1, max=365, help="Over how many days they spread.")] = 14,
    amounts: Annotated[float, typer.Option(min=0.001, max=1e6, help="Multiplies every price and order.")] = 1.0,
    conversion: Annotated[float, typer.Option(help="The share of sessions that buy.")] = 0.03,
    truth: Annotated[
        Path | None, typer.Option(help="A file to write: each event with the probability that its session buys.")
    ] = None,
    rate: Rate = 0,
    verify: Annotated[
        bool, typer.Option("--verify", help="Sends nothing: folds and scores here, and compares with the truth.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Ends with one line of JSON.")] = False,
) -> None:
    """A generated shop whose truth is known: pages, carts, checkout, returning visitors."""
    from deploy.simulate import show
    from deploy.simulate.shop.parameters import ShopFacts
    from deploy.simulate.shop.shop import ShopParameters

    wanted = ShopParameters(sessions, seed, days, amounts, ShopFacts(conversion=conversion))
    if verify:
        from deploy.simulate.evaluation import run

        raise typer.Exit(run.shop(wanted, truth, json))
    raise typer.Exit(show.shop(load(), wanted, rate, truth, json))
