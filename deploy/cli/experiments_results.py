"""`opecom experiments results`: what came of an experiment, as the query API reads it."""

from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
import typer
from rich.table import Table

from deploy.settings.model import load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, read
from deploy.wiring.keys import admin_key

if TYPE_CHECKING:
    from scoring.experiments.reading import ExperimentReport
    from storage.experiments.results.answers import ExperimentResults

#: Seconds in which a reading is answered: of a million visitors it takes most of a minute.
PATIENCE = 300.0
_METRICS = {
    "conversion": "conversion",
    "session_conversion": "conversion of sessions",
    "revenue_per_visitor": "revenue per visitor",
}


def results(
    name: Annotated[str, typer.Argument(help="The experiment.")],
    reading: Annotated[
        str, typer.Option(help="planned or any-time, another than its plan has; none: as planned.")
    ] = "",
    looks: Annotated[int, typer.Option(min=0, max=28, help="Planned looks; 0: as planned.")] = 0,
    segments: Annotated[
        str | None, typer.Option(help="By commas: band, device_class, visitor_type, page_type, weekend.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """What came of an experiment: differences with their intervals, who was left out, what not to conclude."""
    settings = load()
    query: dict[str, str | int | float | None] = {
        "reading": reading or None,
        "looks": looks or None,
        "segments": segments,
    }
    path = f"/experiments/{quote(name, safe='')}/results"
    body = read(QueryApi.of(settings), path, query, admin_key(settings), PATIENCE)
    if as_json:
        print_line(body.decode())
        return
    # numpy comes with these, which no other command of the group needs.
    from storage.experiments.results.answers import ExperimentResults

    show(msgspec.json.decode(body, type=ExperimentResults))


def show(found: "ExperimentResults") -> None:
    for notice in found.notices:
        print_line(notice, error=True)
    rule = found.rule
    written = "written before the start" if rule.is_written_before else "not written before the start"
    looks = f" in {rule.looks} looks" if rule.reading == "planned" else ""
    print_line(
        f"{found.name} on {found.site}, {found.status}: read {rule.reading}{looks}, {rule.window_days} days for each, "
        f"{rule.planned_visitors:,} planned, by {_METRICS[rule.decides]}; {written}"
    )
    for line in found.conclusions:
        print_line(line)
    _show_report(found.report, found.currency)
    for dimension in found.segments:
        table = _table(dimension.dimension, "arm", "visitors", "difference", "95 % interval", "p, corrected")
        for each in dimension.segments:
            interval = f"{_signed(rule.decides, each.low)} to {_signed(rule.decides, each.high)}"
            table.add_row(
                *map(escape, (each.segment, each.arm)),
                *(f"{each.visitors:,}", _signed(rule.decides, each.difference), interval, f"{each.p:.3f}"),
            )
        TerminalConsole().print(table)
    for uplift in found.uplift:
        curve = uplift.curve
        who = "finds who is moved" if curve.area_low > 0 else "is not shown to find who is moved"
        print_line(
            f"{uplift.arm}: the score {who}: Qini area {curve.area:.5f} ({curve.area_low:.5f} to {curve.area_high:.5f})"
        )
    print_line(found.labels.line())
    if found.holdout is not None:
        print_line(f"all who can be acted on against the {found.holdout.share:g} % held out:")
        for line in found.holdout.conclusions:
            print_line(line)
        _show_report(found.holdout.report, found.currency)
    for line in found.cautions:
        print_line(f"do not conclude: {line}")


def _show_report(report: "ExperimentReport", currency: str) -> None:
    table = _table("arm", "visitors", "sessions", "conversion", "conversion of sessions", f"revenue {currency}".strip())
    for arm in report.arms:
        rates = (_percent(arm.conversion), _percent(arm.session_conversion))
        revenue = "" if arm.revenue_per_visitor is None else f"{arm.revenue_per_visitor:.2f}"
        table.add_row(escape(arm.arm), f"{arm.visitors:,}", f"{arm.sessions:,}", *rates, revenue)
    TerminalConsole().print(table)
    if not report.effects:
        return
    table = _table("metric", "arm", "difference", "95 % interval", "ratio", "95 % interval", "day")
    for each in report.effects:
        name = _METRICS[each.metric] + (" *" if each.decides else "")
        low, high = _signed(each.metric, each.low), _signed(each.metric, each.high)
        ratio = "" if each.ratio is None else f"{each.ratio:.3f}"
        apart = (
            ""
            if each.ratio_low is None or each.ratio_high is None
            else f"{each.ratio_low:.3f} to {each.ratio_high:.3f}"
        )
        day = "" if each.called_on is None else str(each.called_on + 1)
        table.add_row(
            name, escape(each.arm), _signed(each.metric, each.difference), f"{low} to {high}", ratio, apart, day
        )
    TerminalConsole().print(table)
    print_line("* decides; day: on which a difference was first shown")


def _table(*columns: str) -> Table:
    table = Table()
    for column in columns:
        is_text = column in ("metric", "arm", "segment") or column == columns[0]
        table.add_column(column, justify="left" if is_text else "right", no_wrap=is_text)
    return table


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.2%}"


def _signed(metric: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.2f}" if metric == "revenue_per_visitor" else f"{value * 100:+.2f}"
