"""`opecom keys`: the secret keys with which people and programs read, export and administer."""

from typing import Annotated

import msgspec
import typer
from rich.table import Table

from deploy.errors import SetupError
from deploy.settings.access_file import place, read
from deploy.settings.model import load
from deploy.sites import changes as access_changes
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line
from storage.http.secret_keys import MOST_DAYS, SCOPES, Scope

app = typer.Typer(help="Secret keys: who may read, export and administer, of which sites.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The key's name: whose it is, or what for.")]


@app.command()
def add(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option(
            help="read: scores; export: lists, statistics, the UCI export; personal: visitors; admin: everything."
        ),
    ],
    site: Annotated[list[str] | None, typer.Option(help="A site of the key; none: all, those to come too.")] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=MOST_DAYS, help="Expires by itself after so many days; none: never.")
    ] = None,
) -> None:
    """Makes a key and shows it, this once; running parts take it at once."""
    settings = load()
    key = access_changes.add_key(settings, name, _scopes(scope), site or None, days=days)
    print_line(key)
    of = ", ".join(site) if site else "all sites"
    until = f", for {days} days" if days else ""
    print_line(
        f"{name}: {', '.join(scope)}, of {of}{until}. Send it in the header X-OPECOM-Key; it is not shown again."
    )


@app.command("list")
def list_(json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False) -> None:
    """The keys in the file, by name; the keys themselves are not kept."""
    keys = read(place(load())).keys
    if json:
        listed = {name: key.model_dump(mode="json", exclude={"sha256"}) for name, key in keys.items()}
        print_line(msgspec.json.encode({"keys": listed}).decode())
        return
    table = Table()
    for column in ("key", "scopes", "sites", "made", "expires"):
        table.add_column(column)
    for name, key in keys.items():
        sites = "all" if key.sites is None else ", ".join(key.sites)
        expires = "never" if key.expires_at is None else key.expires_at.isoformat()
        table.add_row(escape(name), ", ".join(key.scopes), escape(sites), key.created_at.isoformat(), expires)
    TerminalConsole().print(table)


@app.command()
def revoke(name: Name) -> None:
    """Ends a key, and within a second the streams and exports that it or its tokens opened."""
    settings = load()
    access_changes.revoke_key(settings, name)
    print_line(f"{name} is ended")


def _scopes(given: list[str]) -> set[Scope]:
    known = {scope for scope in SCOPES if scope in given}
    if wrong := set(given) - known:
        raise SetupError(f"--scope {min(wrong)}: there are {', '.join(SCOPES)}")
    return known
