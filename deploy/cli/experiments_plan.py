"""`opecom experiments plan`: how many visitors and days an experiment on conversion takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from deploy.errors import SetupError
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line

if TYPE_CHECKING:
    from scoring.experiments.duration import ExperimentPlan, PlannedReading


def plan(
    base: Annotated[float, typer.Option(metavar="PERCENT", help="Conversion of the visitors that the audience takes.")],
    visitors_per_day: Annotated[float, typer.Option(metavar="NUMBER", help="New visitors of the audience a day.")],
    uplift: Annotated[
        float | None, typer.Option(metavar="PERCENT", help="Smallest uplift to find, of the base: 10 for 3 % to 3.3 %.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Instead of --uplift: days that the experiment may take.")] = None,
    arms: Annotated[str, typer.Option(help="Arms and shares, the control first.")] = "control:50,treatment:50",
    power: Annotated[float, typer.Option(metavar="PERCENT", help="How often the uplift is found if it is there.")] = 80,
    alpha: Annotated[float, typer.Option(metavar="PERCENT", help="How often one is found that is not there.")] = 5,
    explained: Annotated[
        float, typer.Option(metavar="PERCENT", help="Of the variance, what is known before exposure takes off.")
    ] = 0,
    looks: Annotated[int, typer.Option(min=1, max=28, help="Planned looks, equally many visitors apart.")] = 4,
    window_days: Annotated[int, typer.Option(min=0, help="Days after its exposure in which a visitor counts.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is the plan as one JSON object.")] = False,
) -> None:
    """Says how many visitors and days an experiment takes, by how it is going to be read.

    docs/experiments-statistics.md has what the three readings are.
    """
    # numpy comes with these, which no other command of the group needs.
    from scoring.experiments.duration import found_within, planned
    from scoring.experiments.plan import PlannedEffect
    from scoring.experiments.visitors import ExperimentError

    wanted = PlannedEffect(base / 100, (uplift or 0) / 100, shares_of(arms), alpha / 100, power / 100, explained / 100)
    if (uplift is None) == (days is None):
        raise SetupError("give either --uplift, the smallest to be found, or --days, how long it may take")
    try:
        if days is not None:
            wanted = wanted._replace(uplift=found_within(wanted, days, visitors_per_day, window_days))
        found = planned(wanted, visitors_per_day, window_days, [(each + 1) / looks for each in range(looks)])
    except ExperimentError as error:
        raise SetupError(str(error)) from error
    show(found)
    if as_json:
        print_line(msgspec.json.encode(found).decode())


def shares_of(arms: str) -> tuple[float, ...]:
    """The shares of `control:50,treatment:50`; raises SetupError."""
    try:
        shares = tuple(float(each.rpartition(":")[2]) for each in arms.split(","))
    except ValueError:
        shares = ()
    if len(shares) < 2 or not all(0 < share < float("inf") for share in shares):
        raise SetupError(f"--arms must be two or more of name:share, as in control:50,treatment:50, not {arms!r}")
    return shares


def show(found: "ExperimentPlan") -> None:
    treated = found.base * (1 + found.uplift)
    print_line(
        f"from {found.base:.2%} to {treated:.2%} (uplift of {found.uplift:.1%}), found in {found.power:.0%} of "
        f"experiments; {found.alpha:.0%} of those without an effect find one"
    )
    table = Table()
    for title in ("read", "visitors", "days", *(("with covariates", "days") if found.adjusted else ())):
        table.add_column(title, justify="left" if title == "read" else "right")
    for row in _rows(found.plain, found.adjusted):
        table.add_row(*row)
    TerminalConsole().print(table)
    print_line(
        f"days: {found.visitors_per_day:,.0f} new visitors on each, and {found.window_days} for the window of the last"
    )


def _rows(plain: Sequence["PlannedReading"], adjusted: Sequence["PlannedReading"]) -> list[tuple[str, ...]]:
    rows = [(each.reading, f"{each.visitors:,}", f"{each.days:,}") for each in plain]
    if not adjusted:
        return list[tuple[str, ...]](rows)
    return [(*row, f"{each.visitors:,}", f"{each.days:,}") for row, each in zip(rows, adjusted, strict=True)]
