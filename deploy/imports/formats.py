"""The formats that an import knows, by the name that `--format` takes."""

from pathlib import Path
from typing import Any, Literal

from deploy.errors import SetupError
from deploy.imports import own
from deploy.imports.delimited import TableFormat, cells_of_header
from deploy.imports.fields import FIELDS
from deploy.imports.ga4 import GoogleAnalytics
from deploy.imports.mapping import MappedTable
from deploy.imports.readers import SourceFile
from deploy.imports.snowplow import SnowplowEvents
from deploy.imports.spool import EventReader

FormatName = Literal["events", "ga4", "snowplow"]


class OwnEvents:
    """Our own events: JSON Lines, a table with a column for each field, or Parquet of either form."""

    def __init__(self, encoding: str = "", separator: str = "") -> None:
        self.table = TableFormat(separator, encoding, is_known=FIELDS.__contains__)

    def check(self, file: SourceFile) -> None:
        if not (file.is_json or file.is_parquet):
            own.require_fields(file, cells_of_header(file, self.table))

    def event(self, values: dict[str, Any]) -> dict[str, Any]:
        return own.event_of_own(values)


def reader_of(format_name: FormatName, mapping: Path | None, encoding: str) -> EventReader:
    """What reads files of this format; raises SetupError for a mapping that cannot be used, and for two formats."""
    if mapping is not None:
        if format_name != "events":
            raise SetupError(
                f"--mapping says what columns mean, and so does --format {format_name}: give one of the two"
            )
        return MappedTable(mapping, encoding)
    if format_name == "ga4":
        return GoogleAnalytics()
    return SnowplowEvents() if format_name == "snowplow" else OwnEvents(encoding)
