"""`opecom query`: intent, live sessions and timelines, through the query API."""

from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer

from deploy.settings.model import load
from deploy.terminal import intents as tables
from deploy.terminal.console import TerminalConsole
from deploy.terminal.plain import print_line
from deploy.terminal.query_client import QueryApi, read
from deploy.wiring.keys import read_key
from scoring.manifest import Band
from storage.query.intents import Intent, LiveSessions, Timeline

app = typer.Typer(help="Asks the query API.", no_args_is_help=True)

Session = Annotated[str, typer.Argument(help="The session's id.")]
Site = Annotated[str | None, typer.Option(help="Needed where several sites have this session id.")]
Json = Annotated[bool, typer.Option("--json", help="The API's answer as it is.")]


@app.command()
def intent(session_id: Session, site: Site = None, json: Json = False) -> None:
    """The newest score of a session, and why."""
    body = _answer(f"/sessions/{quote(session_id, safe='')}/intent", {"site": site})
    _show(body, json, lambda: tables.intent_table(msgspec.json.decode(body, type=Intent)))


@app.command()
def live(
    min_probability: Annotated[float, typer.Option(min=0, max=1, help="The least probability.")] = 0.0,
    band: Annotated[Band | None, typer.Option(help="One band; none: all.")] = None,
    site: Annotated[str | None, typer.Option(help="One site; none: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most sessions.")] = 20,
    bots: Annotated[bool, typer.Option("--bots", help="Also sessions of programs.")] = False,
    json: Json = False,
) -> None:
    """Open sessions, the highest probability first."""
    params = {"min_probability": min_probability, "band": band, "site": site, "limit": limit, "bots": bots}
    body = _answer("/sessions/live", params)
    _show(body, json, lambda: tables.live_table(msgspec.json.decode(body, type=LiveSessions).sessions))


@app.command()
def timeline(session_id: Session, site: Site = None, json: Json = False) -> None:
    """Every update of a session, the oldest first."""
    body = _answer(f"/sessions/{quote(session_id, safe='')}/timeline", {"site": site})
    _show(body, json, lambda: tables.timeline_table(msgspec.json.decode(body, type=Timeline)))


def _answer(path: str, params: dict[str, Any]) -> bytes:
    settings = load()
    return read(QueryApi.of(settings), path, params, read_key(settings))


def _show(body: bytes, as_json: bool, table: Any) -> None:
    if as_json:
        print_line(body.decode())
    else:
        TerminalConsole().print(table())
