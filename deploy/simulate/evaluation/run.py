"""`opecom simulate shop --verify`: a generated shop, scored in this process and compared with what is true of it."""

from pathlib import Path

from deploy.simulate.evaluation.evaluation import evaluate
from deploy.simulate.evaluation.report import as_json, show
from deploy.simulate.shop import truths
from deploy.simulate.shop.shop import ShopParameters, visits
from deploy.terminal.console import TerminalConsole
from scoring.registry import load


def shop(wanted: ShopParameters, truth: Path | None, json: bool) -> int:
    """Evaluate the shipped model on the shop; 0, or 1 where something was lost or lies outside its bounds.

    Raises SetupError for facts that no shop has.
    """
    console, model = TerminalConsole(), load()
    made = visits(wanted, clock="live")
    if truth is not None:
        truths.write(truth, made)
    events = sum(visit.event_count for visit in made)
    _line(console, f"{len(made):,} sessions, {events:,} events, scored by {model.manifest.version}")
    found = evaluate(made, wanted.facts.conversion, lambda _: model)
    show(found, console)
    for line in [*found.lost, *found.outside]:
        _line(console, line)
    if json:
        _line(console, as_json(found))
    return 1 if found.lost or found.outside else 0


def _line(console: TerminalConsole, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
