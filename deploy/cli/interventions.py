"""`opecom interventions`: rules that act on sessions, by way of the query API."""

import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

import msgspec
import typer
from rich.table import Table

from deploy.cli.pages import site_named
from deploy.errors import SetupError
from deploy.settings.model import Settings, load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, call_api
from deploy.wiring.keys import admin_key
from storage.interventions.answers import InterventionList, InterventionRequest, InterventionView
from stream.interventions.definition import InterventionAction

app = typer.Typer(
    help="Interventions: rules that act on a session, once, at the moment that they name.", no_args_is_help=True
)

#: Seconds in which a change is answered: workers have 15 to take it.
ANSWER_SECONDS = 60.0

Name = Annotated[str, typer.Argument(help="The intervention.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name: a-z, 0-9, _ and -; at most 32.")],
    when: Annotated[str, typer.Option(help="A condition, as probability > 0.5 and idle_seconds >= 60.")],
    site: Annotated[str, typer.Option(help="The site; may be left out where there is one.")] = "",
    action: Annotated[
        InterventionAction, typer.Option(help="Where the message goes: to the site's webhooks, or to the page.")
    ] = "webhook",
    payload: Annotated[str, typer.Option(help="A JSON object that goes with the message.")] = "",
    priority: Annotated[int, typer.Option(min=0, max=1000, help="Of several at one moment, the greatest wins.")] = 0,
    visitor_cap: Annotated[int, typer.Option(min=0, help="How often a visitor meets it; 0: no limit.")] = 0,
    cooldown: Annotated[float, typer.Option(min=0, help="Hours until a visitor may meet it again.")] = 0.0,
    quiet: Annotated[str, typer.Option(help="Hours without it, as 22-8, in the site's time zone.")] = "",
    experiment: Annotated[str, typer.Option(help="It acts in the acting arms of this one alone, while it runs.")] = "",
    json: Json = False,
) -> None:
    """Makes a draft; `start` puts it in force."""
    settings = load()
    body = {
        "name": name,
        "site": site_named(settings, site),
        "when": when,
        "action": action,
        "payload": payload,
        "priority": priority,
        "visitor_cap": visitor_cap,
        "visitor_cooldown_seconds": round(cooldown * 3600),
        "quiet": _hours(quiet),
        "experiment": experiment,
    }
    _print(_call(settings, "POST", "", body), json)


@app.command()
def start(name: Name, json: Json = False) -> None:
    """Starts a draft, for sessions that open from here on."""
    _print(_call(load(), "POST", f"/{quote(name, safe='')}/start"), json)


@app.command()
def stop(name: Name, json: Json = False) -> None:
    """Stops an intervention for good, for open sessions too."""
    _print(_call(load(), "POST", f"/{quote(name, safe='')}/stop"), json)


@app.command()
def discard(name: Name) -> None:
    """Drops a draft."""
    _call(load(), "DELETE", f"/{quote(name, safe='')}")
    print_line(f"there is no draft {name} any more")


@app.command("list")
def list_(site: Annotated[str, typer.Option(help="One site; none: all.")] = "", json: Json = False) -> None:
    """Drafts, interventions that run, and those that are stopped."""
    body = _call(load(), "GET", f"?{urlencode({'site': site})}")
    if json:
        print_line(body.decode())
        return
    table = Table()
    for column in ("name", "site", "status", "priority", "when"):
        table.add_column(column, no_wrap=column != "when")
    for each in msgspec.json.decode(body, type=InterventionList).interventions:
        table.add_row(*map(escape, (each.name, each.site, each.status, str(each.priority), each.when)))
    TerminalConsole().print(table)


@app.command()
def show(name: Name, json: Json = False) -> None:
    """An intervention, and how often it fired."""
    _print(_call(load(), "GET", f"/{quote(name, safe='')}"), json)


@app.command("try")
def try_(
    which: Annotated[str, typer.Argument(help="A draft or an intervention by its name, or a JSON file of one.")],
    days: Annotated[float, typer.Option(min=0.01, help="Sessions opened in so many days up to now.")] = 1,
    source: Annotated[Literal["kafka", "clickhouse"], typer.Option(help="Where the events are read.")] = "kafka",
    json: Json = False,
) -> None:
    """Says how often it would have fired lately: folds the recent log with it, and changes nothing."""
    # Here, so that no other command of this group loads numpy and clients of databases.
    from deploy.terminal.intervention_trial import print_trial
    from deploy.terminal.replay_progress import trial
    from storage.replay.request import ReplaySelection

    settings = load()
    wanted = _wanted(settings, which)
    since = int((time.time() - days * 86_400) * 1000)
    request = ReplaySelection(since=since, site=wanted.site, source=source, into="trial", intervention=wanted)
    if request.fault:
        raise SetupError(request.fault)
    console = TerminalConsole(stderr=json)
    report = trial(settings, request, console)
    if json:
        print_line(msgspec.json.encode(report).decode())
    else:
        print_trial(console, report)


def _wanted(settings: Settings, which: str) -> InterventionRequest:
    """The intervention of a file or of a name; raises SetupError."""
    if not which.endswith(".json"):
        found = msgspec.json.decode(_call(settings, "GET", f"/{quote(which, safe='')}"), type=InterventionView)
        return InterventionRequest(**{name: getattr(found, name) for name in InterventionRequest.__struct_fields__})
    try:
        return msgspec.json.decode(Path(which).read_bytes(), type=InterventionRequest)
    except OSError as error:
        raise SetupError(f"{which} cannot be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise SetupError(f"{which} is no intervention: {error}; it has the fields of POST /interventions") from None


def _hours(text: str) -> dict[str, int] | None:
    if not text:
        return None
    since, _, until = text.partition("-")
    try:
        return {"since": int(since), "until": int(until)}
    except ValueError:
        raise SetupError(f"--quiet {text!r}: two hours of the day, as 22-8") from None


def _call(settings: Settings, method: str, more: str, body: dict[str, Any] | None = None) -> bytes:
    encoded = None if body is None else msgspec.json.encode(body)
    return call_api(
        QueryApi.of(settings), method, f"/interventions{more}", encoded, admin_key(settings), ANSWER_SECONDS
    )


def _print(body: bytes, as_json: bool) -> None:
    found = msgspec.json.decode(body, type=InterventionView)
    for notice in found.notices:
        print_line(notice, error=True)
    if as_json:
        print_line(body.decode())
        return
    quiet = f"{found.quiet.since} to {found.quiet.until} o'clock" if found.quiet else "none"
    fired = f"{found.delivered} delivered, {found.held} held back, {found.capped} too many for the visitor"
    fired += f", {found.stopped} stopped before"
    reported = f"{found.shown} shown, {found.dismissed} dismissed, {found.clicked} clicked"
    table = Table(show_header=False)
    for name, value in (
        ("intervention", found.name),
        ("site", found.site),
        ("status", found.status),
        ("when", found.when),
        ("action", found.action),
        ("payload", found.payload),
        ("priority", str(found.priority)),
        ("visitor cap", str(found.visitor_cap or "none")),
        ("visitor cooldown", f"{found.visitor_cooldown_seconds / 3600:g} hours"),
        ("quiet hours", quiet),
        ("experiment", found.experiment or "none"),
        ("version", str(found.version)),
        ("by", found.by),
        *([("fired", fired)] if found.delivered is not None else []),
        *([("on the page", reported)] if found.action == "page" and found.shown is not None else []),
    ):
        table.add_row(name, escape(value))
    TerminalConsole().print(table)
