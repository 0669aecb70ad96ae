"""`opecom import`: a shop's history from files, whatever their order, into a site."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from deploy.processes.audit_file import audited
from deploy.processes.data_folder import as_running
from deploy.settings.model import load


class Format(StrEnum):
    """What the files are."""

    events = "events"
    ga4 = "ga4"
    snowplow = "snowplow"


def import_(
    files: Annotated[list[Path], typer.Argument(help="Files of events; several are sorted together.")],
    site: Annotated[str, typer.Option(help="The site, or a run of it: shop~2025.")],
    format_: Annotated[
        Format, typer.Option("--format", help="events: our own; ga4: the BigQuery export; snowplow: enriched events.")
    ] = Format.events,
    mapping: Annotated[
        Path | None, typer.Option(help="For tables of other systems: a TOML file that says what the columns mean.")
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of a table: such as cp1252; none: UTF-8 or UTF-16.")] = "",
    rejects: Annotated[Path | None, typer.Option(help="A file to write: each row that is no event, and why.")] = None,
    temp: Annotated[Path | None, typer.Option(help="The folder to sort in; none: imports, in the data folder.")] = None,
    rate: Annotated[float, typer.Option(min=0, help="Events per second; 0: as fast as they are accepted.")] = 0,
    keep_open: Annotated[
        bool, typer.Option("--keep-open", help="Ends nothing: more history follows, and the last sessions stay open.")
    ] = False,
    page_statistics: Annotated[
        bool | None,
        typer.Option(
            "--page-statistics/--no-page-statistics",
            help="Makes page statistics by the clock of the history; neither: where the site has none in force.",
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Sends even what is sent; the log takes it once.")] = False,
    json: Annotated[bool, typer.Option("--json", help="The account as one line of JSON.")] = False,
) -> None:
    """Brings a shop's history from files: sorted by time, checked row by row, sent once."""
    # Here, so that no other command loads clients of HTTP and Kafka.
    from deploy.imports import show
    from deploy.imports.formats import reader_of
    from deploy.imports.run import ImportOptions, import_history

    settings = as_running(load())
    reader = reader_of(format_.value, mapping, encoding)
    reading = (format_.value, encoding, mapping.read_text() if mapping else "")
    options = ImportOptions(temp or settings.data_dir / "imports", reading, rate, again, keep_open, page_statistics)
    bars = show.ImportProgressBars()
    with bars.progress, audited(settings, "import", site, f"{len(files)} files"):
        result = asyncio.run(import_history(settings, site, files, reader, options, bars))
    show.show(result, rejects, json)
