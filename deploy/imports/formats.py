"""The formats that an import knows."""

from pathlib import Path
from typing import Any

from deploy.imports import own
from deploy.imports.delimited import TableFormat, cells_of_header
from deploy.imports.fields import FIELDS
from deploy.imports.mapping import MappedTable
from deploy.imports.readers import SourceFile
from deploy.imports.spool import EventReader


class OwnEvents:
    """Our own events: JSON Lines, a table with a column for each field, or Parquet of either form."""

    def __init__(self, encoding: str = "", separator: str = "") -> None:
        self.table = TableFormat(separator, encoding, is_known=FIELDS.__contains__)

    def check(self, file: SourceFile) -> None:
        if not (file.is_json or file.is_parquet):
            own.require_fields(file, cells_of_header(file, self.table))

    def event(self, values: dict[str, Any]) -> dict[str, Any]:
        return own.event_of_own(values)


def reader_of(mapping: Path | None, encoding: str) -> EventReader:
    """What reads the files; raises ImportFileError for a mapping that cannot be used."""
    return OwnEvents(encoding) if mapping is None else MappedTable(mapping, encoding)
