"""Limits and runs of retention, as tables and lines."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table

from deploy.terminal.console import TerminalConsole, escape
from storage.retention.answers import RetentionReport, RetentionRun

NO_LIMIT = "no site has a limit: set sites.NAME.retention_days"


def print_report(found: RetentionReport) -> None:
    """Two tables: sites, and runs."""
    console = TerminalConsole()
    sites = Table()
    for name in ("site", "rows: days", "rows before", "counts: days", "counts before"):
        sites.add_column(name, justify="left" if name == "site" else "right")
    for each in found.sites:
        sites.add_row(
            escape(each.site),
            _days(each.retention_days),
            _day(each.rows_before),
            _days(each.aggregates_days),
            _day(each.aggregates_before),
        )
    console.print(sites)
    if found.runs:
        runs = Table()
        for name in ("run", "state", "removed"):
            runs.add_column(name)
        for run in found.runs:
            removed = ", ".join(f"{count:,} of {name}" for name, count in run.removed.items()) or "nothing"
            runs.add_row(f"{_moment(run.started_at):%Y-%m-%d %H:%M}", run.state, escape(removed))
        console.print(runs)
    if found.waiting_for:
        console.print(f"waiting: {found.waiting_for}", markup=False, highlight=False, soft_wrap=True)


def removed_lines(run: RetentionRun) -> Iterator[str]:
    """A line for each table, and what a run without a limit says."""
    if not run.cutoffs.rows and not run.cutoffs.aggregates:
        yield NO_LIMIT
        return
    verb = "would go" if run.state == "preview" else "removed"
    for name, count in run.removed.items():
        yield f"{name}: {count:,} rows {verb}"
    if not run.removed:
        yield "nothing is old enough"


def _days(days: int | None) -> str:
    return "for ever" if days is None else str(days)


def _day(at: int | None) -> str:
    return "" if at is None else f"{_moment(at):%Y-%m-%d}"


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)
