"""The columns of `sessions`, `page_views` and `scored_sessions`, made from the declarations in stream/scored.py.

A column is a field of the record, or of a struct in it, under its type and name; the mark `ColumnSpec` says what is
otherwise. Tables, rows, reads and documents are made of these lists, so none of them names a field a second time.
"""

import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from stream.scored import ScoredSession, View
from stream.stored import ColumnSpec, StoredTable

_EPOCH = datetime(1970, 1, 1)  # columns hold UTC without saying so
_MILLISECOND = timedelta(milliseconds=1)
_UNMARKED = ColumnSpec()

Answer = TypeVar("Answer", bound=Struct)
#: A value from a row by column name.
Read = Callable[[Mapping[str, Any]], Any]


class StoredColumn(Struct, frozen=True):
    """A column and the field that it keeps: its attribute path, its type without marks, the bound of its type."""

    name: str
    path: str
    type: Any
    nullable: bool = False
    #: Milliseconds in the record, a time that people read in the relational table.
    is_time: bool = False
    #: The greatest number or the longest text that the field's type allows.
    most: int | None = None
    #: Whether the struct that the field is in may be None: then all of its columns are null.
    is_optional: bool = False

    @property
    def field(self) -> str:
        """The field of the record that it belongs to."""
        return self.path.partition(".")[0]

    @property
    def is_json(self) -> bool:
        """Whether the column keeps a list, as JSON."""
        return get_origin(self.type) is tuple

    @property
    def is_text(self) -> bool:
        return self.type is str or get_origin(self.type) is Literal


class DeclaredField(Struct, frozen=True):
    """A field of a struct: its name, its type without marks, its mark, and the bounds of its type."""

    name: str
    type: Any
    mark: ColumnSpec
    meta: Meta | None
    nullable: bool

    @property
    def is_time(self) -> bool:
        """Whether its type is declared as a time in ms, as `ingest.events.Millis` is."""
        return bool(self.meta and self.meta.extra and self.meta.extra.get("is_time"))

    @property
    def is_struct(self) -> bool:
        return isinstance(self.type, type) and issubclass(self.type, Struct)

    @property
    def answer_type(self) -> Any:
        """Its type in an answer."""
        return self.type | None if self.nullable else self.type


def fields_of(declared: type[Struct]) -> Iterator[DeclaredField]:
    """The fields of a struct, in their order."""
    for name, hint in typing.get_type_hints(declared, include_extras=True).items():
        marks: list[Any] = []
        bare, nullable = _bare(hint, marks)
        mark = next((each for each in marks if isinstance(each, ColumnSpec)), _UNMARKED)
        meta = next((each for each in marks if isinstance(each, Meta)), None)
        yield DeclaredField(name, bare, mark, meta, nullable)


def columns_of(
    declared: type[Struct], table: StoredTable, within: DeclaredField | None = None
) -> Iterator[StoredColumn]:
    """The columns that a table has of a record, or of the struct that is the field `within` of one."""
    prefix, mark = (f"{within.name}.", within.mark) if within else ("", _UNMARKED)
    names, parts = mark.names.get(table, {}), mark.parts.get(table)
    is_optional = within is not None and within.nullable
    for field in fields_of(declared):
        if table not in field.mark.tables or (parts is not None and field.name not in parts):
            continue
        if field.is_struct:
            yield from columns_of(field.type, table, field)
        else:
            yield StoredColumn(
                names.get(field.name) or field.mark.column or field.name,
                prefix + field.name,
                field.type,
                field.nullable or is_optional,
                field.is_time and not (field.mark.keep_millis and table == "sessions"),
                (field.meta.le or field.meta.max_length) if field.meta else None,  # type: ignore[arg-type]
                is_optional,
            )


def readers(declared: type[Struct], columns: Sequence[StoredColumn]) -> dict[str, Read]:
    """For each field of the record that is stored whole: how it is read from a row by column name."""
    by_path = {column.path: column for column in columns}
    found: dict[str, Read] = {}
    for field in fields_of(declared):
        if field.is_struct:
            if all(f"{field.name}.{name}" in by_path for name in field.type.__struct_fields__):
                found[field.name] = struct_reader(field.name, field.type, columns)
        elif field.name in by_path:
            found[field.name] = _reader(by_path[field.name])
    return found


def struct_reader(field: str, made: type[Struct], columns: Sequence[StoredColumn]) -> Read:
    """How the struct of a field is read from a row by column name, or another one of some of its fields; None where
    the record had None."""
    by_path = {column.path: column for column in columns}
    of_struct = [by_path[f"{field}.{name}"] for name in made.__struct_fields__]
    parts = [_reader(column) for column in of_struct]
    if not of_struct[0].is_optional:
        return lambda row: made(*[part(row) for part in parts])
    # A field that the struct always has is null only where there was no struct.
    certain = next(column.name for column, part in zip(of_struct, fields_of(made), strict=True) if not part.nullable)
    return lambda row: None if row[certain] is None else made(*[part(row) for part in parts])


def plain(value: Any) -> Any:
    """A value of a row as an answer has it: times in milliseconds."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - _EPOCH) // _MILLISECOND
    return value


def with_fields(fields: Mapping[str, Any]) -> Callable[[type[Answer]], type[Answer]]:
    """A decorator that adds fields to an answer, by name and type, but for those that it declares itself."""

    def extended(answer: type[Answer]) -> type[Answer]:
        added = [(name, kind) for name, kind in fields.items() if name not in answer.__struct_fields__]
        if not added:
            return answer
        namespace = {"__doc__": answer.__doc__}
        made: Any = msgspec.defstruct(
            *(answer.__name__, added), bases=(answer,), module=answer.__module__, namespace=namespace,
            frozen=True, kw_only=True,
        )  # fmt: skip
        return made  # type: ignore[no-any-return]

    return extended


def answer_reader(column: StoredColumn) -> Read:
    """How an answer takes this column from a row; lists stay the JSON that they are."""
    name = column.name
    return (lambda row: msgspec.Raw(row[name].encode())) if column.is_json else _reader(column)


def types_of(columns: Sequence[StoredColumn]) -> dict[str, Any]:
    """Names and types of these columns in an answer."""
    return {column.name: _answered(column) for column in columns}


def _answered(column: StoredColumn) -> Any:
    kind = msgspec.Raw if column.is_json else str if column.is_text else column.type
    return kind | None if column.nullable else kind


def _bare(hint: Any, marks: list[Any]) -> tuple[Any, bool]:
    """A type without its marks, which are collected, and without None."""
    if get_origin(hint) is Annotated:
        marks += hint.__metadata__
        return _bare(hint.__origin__, marks)
    if get_origin(hint) in (types.UnionType, typing.Union):
        parts = [part for part in get_args(hint) if part is not types.NoneType]
        if len(parts) == 1:
            return _bare(parts[0], marks)[0], True
    return hint, False


def _reader(column: StoredColumn) -> Read:
    name = column.name
    if column.type is bool:
        return lambda row: None if row[name] is None else bool(row[name])
    if column.is_time:
        return lambda row: plain(row[name])
    if column.is_json:
        decode = msgspec.json.Decoder(column.type).decode
        return lambda row: decode(row[name])
    return lambda row: row[name]


#: What each table keeps of a record, and `page_views` of a view; what a table has beside it stands with the table.
SESSION_COLUMNS = tuple(columns_of(ScoredSession, "sessions"))
TIMELINE_COLUMNS = tuple(columns_of(ScoredSession, "scored_sessions"))
VIEW_COLUMNS = tuple(columns_of(View, "sessions"))

#: Fields of a record that may be None although they are structs.
OPTIONAL_STRUCTS = tuple(field.name for field in fields_of(ScoredSession) if field.is_struct and field.nullable)

SESSION_READERS = readers(ScoredSession, SESSION_COLUMNS)
TIMELINE_READERS = readers(ScoredSession, TIMELINE_COLUMNS)
#: Declared types of the record's fields, without marks.
FIELDS = {field.name: field for field in fields_of(ScoredSession)}
