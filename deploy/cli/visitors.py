"""`opecom visitors`: what is held of a visitor, and forgetting it."""

import time
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlencode

import msgspec
import typer

from deploy.cli.pages import site_named
from deploy.errors import SetupError
from deploy.settings.model import Settings, load
from deploy.terminal.plain import one_line, print_line
from deploy.terminal.query_client import QueryApi, call_api
from deploy.wiring.keys import admin_key
from storage.admin.erase import Erasure

app = typer.Typer(help="Everything that is held of a visitor: to give to it, or to forget.", no_args_is_help=True)

#: Seconds between two looks at an erasure that goes on.
LOOK = 1.0

Visitor = Annotated[str, typer.Argument(help="The visitor's id, as its events have it.")]
Site = Annotated[str, typer.Option(help="The site; may be left out where there is one.")]


@app.command()
def export(
    visitor: Visitor,
    site: Site = "",
    out: Annotated[Path | None, typer.Option(help="A file to write; none: standard output.")] = None,
) -> None:
    """Writes everything that both databases hold of a visitor, as JSON."""
    answer = _answer(load(), "GET", visitor, site)
    if out is None:
        print_line(answer.decode())
        return
    try:
        out.write_bytes(answer)
    except OSError as error:
        raise SetupError(f"--out {out}: cannot be written ({error.strerror})") from None


@app.command()
def erase(
    visitor: Visitor,
    site: Site = "",
    yes: Annotated[bool, typer.Option("--yes", help="Does not ask whether you are sure.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Forgets a visitor: its rows are deleted, and its events, old and new, are left out for ever."""
    settings = load()
    if not yes:
        typer.confirm(f"Delete everything of visitor {one_line(visitor)}, for ever?", abort=True)
    body = _answer(settings, "DELETE", visitor, site)
    reported = ""
    while (found := msgspec.json.decode(body, type=Erasure)).state != "done":
        if found.waiting_for and found.waiting_for != reported:
            reported = found.waiting_for
            print_line(f"waiting for {reported}", error=True)
        time.sleep(LOOK)
        body = _answer(settings, "GET", visitor, site, "/erasure")
    gone = found.deleted
    print_line(
        body.decode()
        if json
        else f"forgotten: {gone.sessions:,} sessions, {gone.page_views:,} page views, {gone.updates:,} updates, "
        f"{gone.events:,} events, {gone.dead_letters:,} dead letters"
    )


def _answer(settings: Settings, method: str, visitor: str, site: str, more: str = "") -> bytes:
    path = f"/admin/visitors/{quote(visitor, safe='')}{more}?{urlencode({'site': site_named(settings, site)})}"
    return call_api(QueryApi.of(settings), method, path, None, admin_key(settings))
