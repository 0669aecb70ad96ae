"""`opecom retention`: how long rows are kept, what was removed, and removing what is old now."""

import time
from typing import Annotated

import msgspec
import typer

from deploy.settings.model import Settings, load
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, call_api, read
from deploy.terminal.retention import print_report, removed_lines
from deploy.wiring.keys import admin_key
from storage.retention.answers import RetentionOrder, RetentionReport, RetentionRun

app = typer.Typer(help="Retention: rows of visitors that are older than a site keeps them.", no_args_is_help=True)

#: Seconds that an answer may take: counting reads both databases; and between two looks at a run that goes on.
PATIENCE, LOOK = 300, 1.0

Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.command()
def show(json: Json = False) -> None:
    """The limits of each site, and what the last runs removed."""
    settings = load()
    body = read(QueryApi.of(settings), "/retention", {}, admin_key(settings))
    if json:
        print_line(body.decode())
    else:
        print_report(msgspec.json.decode(body, type=RetentionReport))


@app.command()
def run(
    site: Annotated[str, typer.Option(help="One site; none: all that have a limit.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Counts the rows, and removes nothing.")] = False,
    json: Json = False,
) -> None:
    """Removes now what is past its limit, as the query API does once a day by itself."""
    settings = load()
    order = msgspec.json.encode(RetentionOrder(site, dry_run))
    body = call_api(QueryApi.of(settings), "POST", "/retention", order, admin_key(settings), PATIENCE)
    found = msgspec.json.decode(body, type=RetentionRun)
    if found.state == "running":
        found = _ended(settings, found)
    if json:
        print_line(msgspec.json.encode(found).decode())
        return
    for line in removed_lines(found):
        print_line(line)


def _ended(settings: Settings, begun: RetentionRun) -> RetentionRun:
    """The run once it is done; says on standard error what it waits for."""
    reported = ""
    while True:
        time.sleep(LOOK)
        body = read(QueryApi.of(settings), "/retention", {}, admin_key(settings))
        report = msgspec.json.decode(body, type=RetentionReport)
        done = [each for each in report.runs if each.state == "done" and each.started_at >= begun.started_at]
        if done:
            return done[0]
        if report.waiting_for and report.waiting_for != reported:
            reported = report.waiting_for
            print_line(f"waiting: {reported}", error=True)
