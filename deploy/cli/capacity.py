"""`opecom capacity`: what a load takes, computed from the figures that were measured."""

from typing import Annotated

import msgspec
import typer

from deploy.capacity.measured import read
from deploy.capacity.plan import Demand, planned
from deploy.capacity.report import document, lines
from deploy.errors import SetupError
from deploy.terminal.plain import print_line


def capacity(
    events_per_second: Annotated[str, typer.Option(metavar="NUMBER", help="Events a second, all day.")],
    sessions: Annotated[str, typer.Option(metavar="NUMBER", help="Sessions that are open at the same time.")],
    days: Annotated[str, typer.Option(metavar="NUMBER", help="Days that the databases keep events and scores.")],
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the plan as one JSON object.")] = False,
) -> None:
    """Says what a load takes: cores, memory, disk, partitions and machines, from measured figures.

    Each figure is printed with the bench, machine and day that it comes from; what goes beyond them is named.
    """
    figures = read()
    demand = Demand(
        _number("--events-per-second", events_per_second), _number("--sessions", sessions), _number("--days", days)
    )
    plan = planned(demand, figures)
    for line in lines(plan, figures):
        print_line(line)
    if as_json:
        print_line(msgspec.json.encode(document(plan)).decode())


def _number(option: str, text: str) -> float:
    """Raises SetupError: a line, where typer would print its usage."""
    try:
        return float(text)
    except ValueError:
        raise SetupError(f"{option} must be a number, not {text!r}") from None
