"""`opecom features`: a training set of beginnings, made by the same step that scores live."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deploy.cli.replay import moment
from deploy.errors import SetupError
from deploy.settings.model import load
from storage.replay.request import ReplaySelection
from stream.replay import NEVER


def features(
    out: Annotated[Path, typer.Option(help="The file to write: .csv or .parquet.")],
    since: Annotated[str | None, typer.Option("--from", help="Sessions opened since, ISO 8601 (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Sessions opened before.")] = None,
    site: Annotated[str, typer.Option(help="One site, with its runs; none: all.")] = "",
    source: Annotated[Literal["kafka", "clickhouse"], typer.Option(help="Where the events are read.")] = "kafka",
    bots: Annotated[bool, typer.Option("--bots", help="Also sessions of programs.")] = False,
) -> None:
    """Writes one row per update of every closed session: the features as they were then, and the final outcome."""
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
