"""What an intervention would have done, for a terminal."""

from rich.table import Table

from deploy.terminal.console import TerminalConsole
from deploy.terminal.intents import moment
from storage.interventions.trial_report import TrialReport


def print_trial(console: TerminalConsole, report: TrialReport) -> None:
    """When it would have been delivered, by the hour, then the sums."""
    if report.hours:
        table = Table(title=f"{report.name} on {report.site}, by the hour")
        table.add_column("since")
        table.add_column("delivered", justify="right")
        for each in report.hours:
            table.add_row(moment(each.since), f"{each.delivered:,}")
        console.print(table)
    for line in (
        f"{report.name} would have fired in {report.fired:,} of {report.sessions:,} sessions that opened since "
        f"{moment(report.since)}",
        f"{report.delivered:,} delivered to {report.visitors:,} visitors, {report.held:,} held back, {report.capped:,} "
        "too many for the visitor",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
