"""An evaluation on the screen, as tables, and as one line of JSON."""

from typing import Any

import msgspec
from rich.box import SIMPLE
from rich.table import Table

from deploy.simulate.evaluation.evaluation import ByEvent, ShopEvaluation
from deploy.simulate.evaluation.figures import BandFigures, Interval
from deploy.simulate.evaluation.samples import NUMBERS
from deploy.terminal.console import TerminalConsole


def show(made: ShopEvaluation, console: TerminalConsole) -> None:
    """Print the tables, each of at most 80 columns."""
    console.print(_scores("scores of the first days, with intervals of 95 %", made.figures))
    console.print(_scores("the shipped model without any correction", made.shipped))
    console.print(_bands(made))
    crossings = ", ".join(f"{band} {each:.2f}" for band, each in made.crossings.items())
    console.print(f"crossings into a band, per session that crosses: {crossings}", highlight=False)
    console.print(f"hours in which page statistics were held: {made.held_hours}", highlight=False)


def as_json(made: ShopEvaluation) -> str:
    """One object; `figures` and `shipped` have the issue's names, what is unknown is null."""
    document = {
        "figures": _named(made.figures, "ratio", "gain"),
        "shipped": _named(made.shipped, "ratio", "gain"),
        "truth": _named(made.figures, "truth_ratio", "truth_gain", "truth_auc"),
        "auc": _named(made.figures, "auc"),
        "shipped_auc": _named(made.shipped, "auc"),
        "intervals": _named(made.figures, "ratio_interval", "gain_interval", "auc_interval"),
        "events": {number: {"sessions": at.sessions, "buyers": at.buyers} for number, at in made.figures.items()},
        "bands": _by_number(made.figures),
        "moments": {
            name: {**_named(at, "ratio", "gain", "auc"), "bands": _by_number(at)} for name, at in made.moments.items()
        },
        "crossings": made.crossings,
        "held_hours": made.held_hours,
        "sessions": made.sessions,
        "buyers": made.buyers,
        "all_events": made.events,
        "lost": len(made.lost),
        "outside": len(made.outside),
    }
    return msgspec.json.encode(_rounded(document)).decode()


def _named(by_event: ByEvent, *names: str) -> dict[str, Any]:
    return {f"{name}_{number}": getattr(at, name) for name in names for number, at in by_event.items()}


def _by_number(by_event: ByEvent) -> dict[int, dict[str, BandFigures]]:
    return {number: at.bands for number, at in by_event.items()}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {str(name): _rounded(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_rounded(each) for each in value]
    if isinstance(value, BandFigures):
        return {"share": _rounded(value.share), "rate": _rounded(value.rate)}
    return value


def _scores(title: str, by_event: ByEvent) -> Table:
    table = _table(title, "event", "buy", "ratio", "gain", "truth", "AUC", "truth")
    for number, at in by_event.items():
        table.add_row(
            str(number),
            f"{at.observed:.2%}",
            _within(at.ratio, at.ratio_interval, 2),
            _within(at.gain, at.gain_interval, 3),
            f"{at.truth_gain:.3f}",
            _within(at.auc, at.auc_interval, 2),
            f"{at.truth_auc:.2f}",
        )
    return table


def _bands(made: ShopEvaluation) -> Table:
    names = ("moment", "event", "ratio", "gain", *made.figures[NUMBERS[0]].bands)
    table = _table("bands: share of the sessions, and how many of them buy", *names)
    for name, by_event in {"the first days": made.figures, **made.moments}.items():
        for number, at in by_event.items():
            bands = [f"{band.share:.0%}: {band.rate:.1%}" for band in at.bands.values()]
            table.add_row(name, str(number), f"{at.ratio:.2f}", f"{at.gain:.3f}", *bands)
        table.add_section()
    return table


def _table(title: str, *names: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE)
    for name in names:
        table.add_column(name, justify="left" if name == "moment" else "right", no_wrap=True)
    return table


def _within(value: float, interval: Interval, digits: int) -> str:
    low, high = interval
    return f"{value:.{digits}f}\n{low:.{digits}f}, {high:.{digits}f}"
