"""`opecom features export`, `check`, `feast`: days as Parquet, the log against what is stored, a Feast repository."""

import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from deploy.cli.replay import moment
from deploy.settings.model import load
from deploy.terminal.plain import print_line

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder; rows/SITE/DAY.parquet in it.")]
Since = Annotated[str | None, typer.Option(help="Sessions opened since, ISO 8601 (UTC).")]
Until = Annotated[str | None, typer.Option(help="Sessions opened before.")]
Json = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]


def export(
    folder: Folder,
    site: Annotated[str, typer.Option(help="The site, or a run of one; may be left out where there is one.")] = "",
    since: Since = None,
    until: Until = None,
    json: Json = False,
) -> None:
    """Writes the features at each update as Parquet, a file for each day, and only the days that changed."""
    # Here, so that no other command loads what these need.
    from deploy.cli.pages import site_named
    from deploy.feature_store.api_source import ApiFeatureSource
    from deploy.feature_store.export import export as export_days
    from deploy.feature_store.parquet import require_pyarrow
    from deploy.processes.data_folder import as_running
    from deploy.terminal.query_client import QueryApi
    from deploy.wiring.keys import admin_key
    from ingest.events import base_site

    require_pyarrow()
    settings = as_running(load())
    # The runs of a site are no sites of the settings.
    name, now = site_named(settings, base_site(site)), int(time.time() * 1000)
    name = site or name
    source = ApiFeatureSource(QueryApi.of(settings), admin_key(settings), name)
    begin = moment("--since", since, 0) if since is not None else None
    report = (lambda _: None) if json else print_line
    account = export_days(source, folder.absolute(), name, begin, moment("--until", until, now), now, report)
    if json:
        print_line(msgspec.json.encode(account).decode())
        return
    print_line(
        f"{len(account.written)} days written with {account.rows:,} rows, {account.unchanged} unchanged, "
        f"{len(account.removed)} removed, {len(account.waiting)} not closed yet, in {folder}"
    )


def check(
    sample: Annotated[int, typer.Option(min=0, help="Sessions to compare, about so many; 0: all.")] = 10_000,
    site: Annotated[str, typer.Option(help="One site, with its runs; none: all.")] = "",
    since: Since = None,
    until: Until = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number takes other sessions.")] = 0,
    source: Annotated[Literal["kafka", "clickhouse"], typer.Option(help="Where the events are read.")] = "kafka",
    json: Json = False,
) -> None:
    """Folds the log again for a sample of sessions and compares the stored features with it.

    Ends with code 1 where one differs.
    """
    from deploy.terminal import replay_progress as replays
    from deploy.terminal.console import TerminalConsole
    from deploy.terminal.feature_differences import lines_of
    from storage.replay.request import ReplaySelection
    from stream.replay import NEVER

    request = ReplaySelection(
        since=moment("--since", since, 0),
        until=moment("--until", until, NEVER),
        site=site,
        source=source,
        into="check",
        sample=sample,
        seed=seed,
    )
    report = replays.check(load(), request, TerminalConsole(stderr=json))
    if json:
        print_line(msgspec.json.encode(report).decode())
    else:
        for line in lines_of(report):
            print_line(line)
    raise typer.Exit(1 if report.different else 0)


def feast(folder: Folder) -> None:
    """Writes a Feast repository over exported days: entities, the Parquet source, feature views."""
    from deploy.feature_store.feast_repository import write_repository

    for file in write_repository(folder.absolute()):
        print_line(f"{file} written")
    print_line(f"`feast -c {folder} apply` registers it")
