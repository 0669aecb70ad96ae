"""`opecom drift`: which features and scores of a site are not as in the days before."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, read
from deploy.wiring.keys import admin_key
from scoring.drift.alarms import PSI_LIMITS, name_of
from storage.drift.html import html as page
from storage.drift.html import reference_text, shown
from storage.drift.report import SiteDrift

#: Hours of each unit of --window.
UNITS = {"h": 1, "d": 24, "w": 168}
#: Seconds in which a large site is compared with 90 windows.
PATIENCE = 300
#: Widest bar of a histogram, in characters.
BAR = 30


def drift(
    site: Annotated[str, typer.Option(help="The site; may be left out where there is one.")] = "",
    window: Annotated[str, typer.Option(help="Length of the window: 6h, 1d, 1w.")] = "1d",
    until: Annotated[str | None, typer.Option(help="Where the window ends, ISO 8601 (UTC); none: now.")] = None,
    windows: Annotated[int, typer.Option(min=7, max=90, help="Windows before it that it is compared with.")] = 28,
    alarms_per_month: Annotated[
        float | None,
        typer.Option(help="Alarms that are accepted where nothing happens; none: storage.drift_alarms_per_month."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write the report as an HTML page to this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Compares the sessions of a window with those of the days before it.

    Ends with code 1 where something is not as it was.
    """
    # Here, as these commands load Kafka's client.
    from deploy.cli.pages import site_named

    settings = load()
    params: dict[str, str | int | float | None] = {
        "site": site_named(settings, site),
        "hours": _hours(window),
        "until": until,
        "windows": windows,
        "alarms_per_month": alarms_per_month or settings.storage.drift_alarms_per_month or None,
    }
    api = QueryApi.of(settings)
    body = read(api, "/admin/drift", params, admin_key(settings), PATIENCE)
    found = msgspec.json.decode(body, type=SiteDrift)
    if html is not None:
        _write(html, page(found))
    if json:
        print_line(body.decode())
    else:
        _print(found)
    raise typer.Exit(1 if found.report.moved else 0)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SetupError(f"--html {file}: the page cannot be written there ({error.strerror})") from error


def _hours(window: str) -> int:
    number, unit = window[:-1], window[-1:]
    if unit not in UNITS or not number.isdecimal() or not 1 <= int(number) * UNITS[unit] <= UNITS["w"]:
        raise SetupError(f"--window {window}: a number with h, d or w, one hour to one week, as in 1d")
    return int(number) * UNITS[unit]


def _print(found: SiteDrift) -> None:
    report = found.report
    over = ", ".join(f"{count} over {limit:g}" for count, limit in zip(report.psi_over, PSI_LIMITS, strict=True))
    print_line(
        f"{found.site}: {report.sessions:,} sessions beside {report.quiet_sessions:,} of {report.quiet_days} windows; "
        f"{report.columns} columns and figures, {len(report.moved)} not as they were"
    )
    print_line(reference_text(found))
    for reason in report.left_out:
        print_line(f"not compared: {reason}")
    print_line(f"by the usual limits of PSI, which know no chance: {over}")
    for alarm in report.alarms:
        print_line("")
        print_line(
            f"{name_of(alarm)}: {alarm.strength:.1f} times as far as usual (limit {report.limit:.1f}), "
            f"PSI {alarm.psi:.2f}"
        )
        print_line(f"  usual cause: {alarm.cause}")
        for label, before, now in zip(alarm.bins, alarm.before, alarm.now, strict=True):
            print_line(f"  {label:>24}  {before:6.1%}  {now:6.1%}  {'#' * round(now * BAR)}")
    print_line("")
    for figure in report.figures:
        value, usual, low, high = (shown(figure, each) for each in (figure.now, figure.usual, figure.low, figure.high))
        mark = "ALARM" if figure.is_alarm else ""
        print_line(f"{name_of(figure):<34} {value:>9}, usually {usual:>9} ({low} to {high}) {mark}".rstrip())
        if figure.is_alarm:
            print_line(f"  usual cause: {figure.cause}")
