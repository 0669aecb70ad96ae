"""What a shadow found, for a terminal."""

from collections.abc import Iterable, Mapping

from rich.table import Table

from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.intents import moment
from scoring.shadow.report import ALL, CalibrationBin, PairedDifference, PairedFigures, SessionMover, ShadowReport

#: Metrics that are shown, with their digits.
_METRICS = {"log_loss": 5, "brier": 5, "auc": 4, "ece": 4}


def print_shadow(console: TerminalConsole, report: ShadowReport, refusals: Iterable[str]) -> None:
    """The whole report, and what the gate says of the candidate."""
    console.print(_figures_table(report.by_event, "event", "candidate beside the model in force"))
    console.print(_figures_table(report.subgroups, "subgroup", "all updates, by subgroup"))
    console.print(_calibration_table(report.calibration))
    if report.movers:
        console.print(_movers_table(report.movers))
    for each in (*_lines(report), *_verdict(report.candidate, refusals)):
        console.print(each, markup=False, highlight=False, soft_wrap=True)


def _lines(report: ShadowReport) -> list[str]:
    versions = ", ".join(f"{name} {share:.0%}" for name, share in report.live.items()) or "none"
    lines = [
        f"{report.candidate} beside {versions}: {report.updates:,} updates of {report.sessions:,} closed sessions, "
        f"{report.buyers:,} of which bought"
    ]
    if report.sessions:
        lines[0] += f", opened {moment(report.since)} to {moment(report.until)}"
    if report.left_open:
        lines.append(f"{report.left_open:,} sessions are open and have no outcome yet: left out")
    if report.fitted_until is not None:
        lines.append(f"sessions opened before {moment(report.fitted_until)} are left out: it was fitted on those days")
    if report.kept < 1:
        lines.append(f"{report.kept:.1%} of the sessions were compared, as there are more than fit into memory")
    for name, each in report.latency.items():
        lines.append(f"{name}: {each.one:.1f} µs for a row alone, {each.of_batch:.2f} µs a row in batches of 64")
    return lines


def _verdict(version: str, refusals: Iterable[str]) -> list[str]:
    lines = [f"{version} may not go live: {each}" for each in refusals]
    return lines or [f"{version} may go live: opecom models promote {version} --gated"]


def _figures_table(figures: Mapping[str, PairedFigures], first: str, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first)
    for name in ("sessions", "buyers", "observed", "predicted", *_METRICS):
        table.add_column(name.replace("_", "-"), justify="right")
    for name, each in figures.items():
        if each.sessions or name == ALL:
            predicted = f"{_number(each.live.predicted, 4)}\n{_number(each.candidate.predicted, 4)}"
            metrics = (_metric(each, metric, digits) for metric, digits in _METRICS.items())
            counts = (f"{each.sessions:,}", f"{each.buyers:,}", _number(each.observed, 4))
            table.add_row(escape(name), *counts, predicted, *metrics)
    table.caption = "each: in force, candidate, difference, its 95 % interval"
    return table


def _metric(figures: PairedFigures, name: str, digits: int) -> str:
    """In force, candidate, and the difference."""
    live, candidate = (_number(getattr(each, name), digits) for each in (figures.live, figures.candidate))
    return f"{live}\n{candidate}\n{_difference(figures.differences[name], digits)}"


def _difference(difference: PairedDifference, digits: int) -> str:
    if difference.value is None or difference.low is None or difference.high is None:
        return ""
    return f"{difference.value:+.{digits}f}\n{difference.low:+.{digits}f} to {difference.high:+.{digits}f}"


def _calibration_table(calibration: Mapping[str, Iterable[CalibrationBin]]) -> Table:
    table = Table("model", title="calibration: updates by their probability", title_justify="left")
    for name in ("share", "predicted", "observed"):
        table.add_column(name, justify="right")
    for name, bins in calibration.items():
        for each in bins:
            table.add_row(name, f"{each.share:.1%}", f"{each.predicted:.4f}", f"{each.observed:.4f}")
    return table


def _movers_table(movers: Iterable[SessionMover]) -> Table:
    table = Table(title="the largest movers", title_justify="left")
    for name in ("session", "opened", "event", "in force", "candidate", "moved", "bought"):
        table.add_column(name)
    for each in movers:
        name = escape(f"{each.site}/{each.session_id}")
        scores = (f"{each.before:.4f}", f"{each.after:.4f}", f"{each.moved:+.4f}")
        table.add_row(name, moment(each.opened_at), str(each.event), *scores, "yes" if each.bought else "no")
    return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
