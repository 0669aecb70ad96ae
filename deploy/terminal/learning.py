"""The runs of the learner as a table."""

from datetime import UTC, datetime

import msgspec
from rich.table import Table

from deploy.terminal.console import TerminalConsole, escape
from storage.learner.answers import LearningRuns


def print_learning(console: TerminalConsole, answer: bytes) -> None:
    """The answer of GET /learning: a row for each run, and below it why."""
    sites = msgspec.json.decode(answer, type=LearningRuns).sites
    if not sites:
        console.print("the learner has looked at no site yet: see `opecom doctor`", markup=False, soft_wrap=True)
        return
    table = Table()
    for name in ("site", "run", "at", "learned from", "purchases", "candidate", "step", "why"):
        table.add_column(name, justify="right" if name in ("run", "purchases") else "left")
    for site in sites:
        for run in site.runs:
            table.add_row(
                escape(site.site),
                str(run.number),
                f"{_moment(run.moved_at):%Y-%m-%d %H:%M}",
                f"{_moment(run.since):%m-%d} to {_moment(run.until):%m-%d}",
                f"{run.purchases:,}",
                escape(run.candidate),
                run.step.replace("_", " "),
                escape("; ".join(run.reasons)),
            )
        table.add_section()
    console.print(table)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
