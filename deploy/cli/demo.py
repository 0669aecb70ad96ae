"""`opecom demo`: sessions through the whole system while its highest live scores are shown, then the check."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.settings.model import load

#: Enough sessions for an accuracy, and a rate at which scores can be watched.
SESSIONS, RATE = 1_000, 4_000.0


def demo(
    data: Annotated[Path | None, typer.Option(help="The UCI Online Shoppers file; without it, rows are drawn.")] = None,
    sessions: Annotated[int, typer.Option(min=1, help="How many sessions are sent.")] = SESSIONS,
    rate: Annotated[float, typer.Option(min=0, help="Events per second; 0: as fast as they are accepted.")] = RATE,
) -> None:
    """Sends sessions through the running system (started for it if none runs), shows live scores, and checks them."""
    # Here, so that no other command loads clients of databases.
    from deploy.simulate.demonstration import demonstrate

    raise typer.Exit(demonstrate(load(), data, rate, sessions))
