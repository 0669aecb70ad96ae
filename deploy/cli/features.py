"""`opecom features`: a training set of beginnings, made by the same step that scores live; what each feature means."""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.table import Table

from deploy.cli import feature_store
from deploy.cli.replay import moment
from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import print_line
from scoring.catalogue import catalogue
from storage.replay.request import ReplaySelection
from stream.replay import NEVER

app = typer.Typer(
    help="Writes one row per update of every closed session: the features as they were then, and the final outcome.",
    invoke_without_command=True,
)

Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


@app.callback()
def features(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="The file to write: .csv or .parquet.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Sessions opened since, ISO 8601 (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Sessions opened before.")] = None,
    site: Annotated[str, typer.Option(help="One site, with its runs; none: all.")] = "",
    source: Annotated[Literal["kafka", "clickhouse"], typer.Option(help="Where the events are read.")] = "kafka",
    bots: Annotated[bool, typer.Option("--bots", help="Also sessions of programs.")] = False,
) -> None:
    if context.invoked_subcommand is not None:
        return
    if out is None:
        raise SetupError(
            "--out: name the file to write, .csv or .parquet; `opecom features list` has what it will hold"
        )
    # Here, so that no other command loads clients of databases.
    from deploy.terminal import replay_progress as replays
    from storage.replay.errors import ReplayError
    from storage.replay.features import check

    file = out.absolute()
    try:
        check(file)
    except ReplayError as error:
        raise SetupError(str(error)) from None
    if not file.parent.is_dir():
        raise SetupError(f"--out {out}: there is no folder {file.parent}")
    request = ReplaySelection(
        since=moment("--from", since, 0),
        until=moment("--to", until, NEVER),
        site=site,
        source=source,
        into="features",
        target=str(file),
        bots=bots,
    )
    raise typer.Exit(replays.features(load(), request))


@app.command("list")
def list_(
    contract: Annotated[int | None, typer.Option(min=1, help="Those of one feature contract; none: all.")] = None,
    json: Json = False,
) -> None:
    """The features of both contracts, in the order of a row."""
    found = [each for each in catalogue().features if contract is None or contract in each.contracts]
    if not found:
        raise SetupError(f"--contract {contract}: there is 1, the seventeen features, and 2, which has the signals too")
    if json:
        print_line(msgspec.json.encode(found).decode())
        return
    table = Table()
    table.add_column("feature", no_wrap=True)
    for column in ("contracts", "type", "unit", "meaning"):
        table.add_column(column)
    for each in found:
        contracts = ", ".join(map(str, each.contracts))
        table.add_row(*map(escape, (each.name, contracts, each.type, each.unit, each.description)))
    TerminalConsole().print(table)


@app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A feature, as `opecom features list` names it.")], json: Json = False
) -> None:
    """Everything that is known of one feature."""
    by_name = {each.name.lower(): each for each in catalogue().features}
    found = by_name.get(name.lower())
    if found is None:
        near = get_close_matches(name.lower(), by_name, 1)
        hint = f"did you mean {by_name[near[0]].name}?" if near else "`opecom features list` has all"
        raise SetupError(f"there is no feature {name}: {hint}")
    if json:
        print_line(msgspec.json.encode(found).decode())
        return
    for field, value in msgspec.structs.asdict(found).items():
        if value != ():
            print_line(f"{field:<12} {', '.join(map(str, value)) if isinstance(value, tuple) else value}")


for command in (feature_store.export, feature_store.check, feature_store.feast):
    app.command()(command)
