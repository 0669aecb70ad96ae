"""What the columns of any table mean: a mapping in TOML, read and checked before a row is; faults are named by line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from deploy.imports.delimited import TableFormat, cells_of_header
from deploy.imports.errors import ImportFileError, RowRefusedError
from deploy.imports.fields import FIELDS, event_of_fields, fitting_id
from deploy.imports.parquet import column_names
from deploy.imports.readers import SourceFile
from deploy.imports.times import EPOCHS, TimeFormat, zone_of
from ingest.events import EventType, PageType, VisitorType

_TABLES = ("table", "fields", "constants", "time", "values")
#: What a map of values may make of a cell, beside "" for nothing.
_VALUES: Mapping[str, tuple[str, ...]] = {
    # Interventions fire in no history.
    "type": tuple(kind for kind in get_args(EventType) if kind != "intervention"),
    "page.type": get_args(PageType),
    "visitor_type": get_args(VisitorType),
}
#: The value of a map for whatever it does not list.
_ANY = "*"
_COLUMN = re.compile(r"\{([^{}]+)\}")


class FieldSource(Struct, frozen=True):
    """Where a field comes from: a column, or a text with columns in braces."""

    field: str
    columns: tuple[str, ...]
    template: str = ""

    def cell(self, values: Mapping[str, Any]) -> Any:
        """The cell, None where a column of it is empty."""
        if not self.template:
            return found_in(values, self.columns[0])
        cells = {column: found_in(values, column) for column in self.columns}
        if any(cell is None or cell == "" for cell in cells.values()):
            return None
        return _COLUMN.sub(lambda found: str(cells[found[1]]), self.template)


def found_in(values: Mapping[str, Any], column: str) -> Any:
    """The value of a column; `user.id` is also the `id` in `user`. None where there is none."""
    if column in values:
        return values[column]
    found: Any = values
    for name in column.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


class MappedTable:
    """A table whose columns a mapping explains."""

    def __init__(self, path: Path, encoding: str = "") -> None:
        """Raises ImportFileError that names the line of what is wrong."""
        self._path = path
        try:
            self._text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ImportFileError(f"cannot read the mapping {path}: {error}") from None
        try:
            read = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            raise ImportFileError(f"{path}: {error}") from None
        for name in read:
            if name not in _TABLES or not isinstance(read[name], dict):
                raise self._fault(name, f"it is none of the tables {', '.join(_TABLES)}")
        self._fields = [self._source(field, given) for field, given in self._flat(read, "fields")]
        self._constants = dict(self._flat(read, "constants"))
        self._values = {field: self._values_of(field, given) for field, given in self._maps(read)}
        self._times = self._time_format(read.get("time", {}))
        self.table, self._decimal = self._table_format(read.get("table", {}), encoding)
        self._require_whole()

    def check(self, file: SourceFile) -> None:
        """Raises ImportFileError where the file lacks a column that the mapping names."""
        if file.is_json:
            return
        names = column_names(file.path) if file.is_parquet else cells_of_header(file, self.table)
        for source in self._fields:
            for column in source.columns:
                if column not in names and column.partition(".")[0] not in names:
                    listed = ", ".join(names)[:300]
                    raise self._fault(f"fields.{source.field}", f"{file} has no column {column!r}; it has {listed}")

    def event(self, values: dict[str, Any]) -> dict[str, Any]:
        event = event_of_fields(self._cells(values), self._times, self._decimal)
        for name in ("session_id", "visitor_id"):
            if name in event:
                event[name] = fitting_id(event[name])
        return event

    def _cells(self, values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        yield from self._constants.items()
        for source in self._fields:
            cell = source.cell(values)
            known = self._values.get(source.field)
            if known is None or cell is None:
                yield source.field, cell
                continue
            text = str(cell).strip()
            value = known.get(text, known.get(_ANY))
            if value is None:
                raise RowRefusedError(f"{source.field}: {text[:40]!r} is not in [values.{source.field}]")
            if not value and source.field == "type":
                raise RowRefusedError(f"type: {text[:40]} is left out by the mapping", left_out=True)
            yield source.field, value

    def _flat(self, read: dict[str, Any], table: str) -> Iterator[tuple[str, Any]]:
        """Fields and what is given of them; `page.url` may be written with quotes or without."""

        def walk(prefix: str, given: Any) -> Iterator[tuple[str, Any]]:
            if prefix in FIELDS:
                yield prefix, given
            elif isinstance(given, dict):
                for name, inner in given.items():
                    yield from walk(f"{prefix}.{name}" if prefix else name, inner)
            else:
                raise self._fault(f"{table}.{prefix}", f"{prefix} is no field of an event; docs/import.md lists them")

        return walk("", read.get(table, {}))

    def _maps(self, read: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        return self._flat(read, "values")

    def _source(self, field: str, given: Any) -> FieldSource:
        if not isinstance(given, str) or not given:
            raise self._fault(f"fields.{field}", "give the name of a column as text")
        columns = tuple(_COLUMN.findall(given))
        return FieldSource(field, columns, given) if columns else FieldSource(field, (given,))

    def _values_of(self, field: str, given: Any) -> dict[str, str]:
        if not isinstance(given, dict) or field not in {source.field for source in self._fields}:
            raise self._fault(f"values.{field}", f"it maps the cells of a field that [fields] has, such as {field}")
        for cell, value in given.items():
            allowed = _VALUES.get(field)
            if not isinstance(value, str) or (value and allowed is not None and value not in allowed):
                wanted = f'one of {", ".join(allowed)}, or ""' if allowed else "text"
                raise self._fault(f"values.{field}.{cell}", f"{value!r} is no value of {field}: {wanted}")
        return given

    def _time_format(self, given: dict[str, Any]) -> TimeFormat:
        self._require_known("time", given, ("format", "zone"))
        pattern, zone = given.get("format", "auto"), given.get("zone")
        if not isinstance(pattern, str) or (pattern not in ("auto", *EPOCHS) and "%" not in pattern):
            raise self._fault(
                "time.format",
                f"{pattern!r} is none of auto, {', '.join(EPOCHS)}, nor a pattern such as %Y-%m-%d %H:%M:%S",
            )
        try:
            return TimeFormat(pattern, None if zone is None else zone_of(str(zone)))
        except ValueError as error:
            raise self._fault("time.zone", str(error)) from None

    def _table_format(self, given: dict[str, Any], encoding: str) -> tuple[TableFormat, str]:
        self._require_known("table", given, ("separator", "encoding", "decimal", "columns"))
        separator, decimal = given.get("separator", ""), given.get("decimal", ".")
        if not isinstance(separator, str) or len(separator) > 1:
            raise self._fault("table.separator", "give one character")
        if decimal not in (".", ","):
            raise self._fault("table.decimal", 'give "." or ","')
        columns = given.get("columns", [])
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise self._fault("table.columns", "give a list of names, for a file without a header")
        known = {column for source in self._fields for column in source.columns}
        encoding = encoding or str(given.get("encoding", ""))
        return TableFormat(separator, encoding, tuple(columns), is_known=known.__contains__), decimal

    def _require_known(self, table: str, given: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in given:
            if name not in names:
                raise self._fault(f"{table}.{name}", f"[{table}] takes {', '.join(names)}")

    def _require_whole(self) -> None:
        there = {source.field for source in self._fields} | self._constants.keys()
        missing = [field for field in ("type", "session_id", "occurred_at") if field not in there]
        if missing == ["occurred_at"] and "received_at" in there:
            return
        if missing:
            raise ImportFileError(f"{self._path}: neither [fields] nor [constants] has {', '.join(missing)}")

    def _fault(self, place: str, what: str) -> ImportFileError:
        return ImportFileError(f"{self._path}, line {line_of(self._text, place)}, {place}: {what}")


def line_of(text: str, place: str) -> int:
    """The line of a key of a TOML text, or of the table that it is in; 1 where neither is found."""
    table, best, found = "", 0, 1
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip().replace('"', "").replace("'", "")
        if content.startswith("["):
            table = here = content.strip("[]").split("]")[0].strip()
        else:
            key = content.partition("=")[0].strip().replace(" .", ".").replace(". ", ".")
            here = f"{table}.{key}" if table else key
        if key_fits(here, place) and len(here) > best:
            best, found = len(here), number
    return found


def key_fits(here: str, place: str) -> bool:
    """Whether a key is the one that is looked for, or holds it."""
    return bool(here) and (here == place or place.startswith(f"{here}."))
