"""Columns made from declarations: their types follow from what a field says of itself."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from ingest.events import LATEST_MS, Millis
from storage.database.columns import SESSION_COLUMNS, columns_of, readers
from storage.query.intents import ListedSignals
from stream.codegen import compile_tuple_getter
from stream.stored import LISTED_SIGNALS, ColumnSpec


class Declared(msgspec.Struct):
    viewed_at: Millis
    maybe_at: Millis | None
    opened_at: Annotated[Millis, ColumnSpec(keep_millis=True)]
    #: No time, though its bounds are those of one.
    amount: Annotated[int, Meta(ge=0, le=LATEST_MS)]


def test_times_are_those_that_are_declared_so() -> None:
    assert {column.name: column.is_time for column in columns_of(Declared, "sessions")} == {
        "viewed_at": True,
        "maybe_at": True,
        "opened_at": False,
        "amount": False,
    }


def test_the_timeline_keeps_every_time_as_one() -> None:
    assert {column.name for column in columns_of(Declared, "scored_sessions") if column.is_time} == {
        "viewed_at",
        "maybe_at",
        "opened_at",
    }


class Inner(msgspec.Struct):
    maybe: int | None
    certain: bool


class Outer(msgspec.Struct):
    inner: Annotated[Inner | None, ColumnSpec(parts={"sessions": ("maybe",)})]
    after: int = 7


def test_the_columns_of_a_struct_that_may_be_none_are_nullable_and_may_be_some_of_its_fields() -> None:
    assert [(column.path, column.nullable) for column in columns_of(Outer, "sessions")] == [
        ("inner.maybe", True),
        ("after", False),
    ]
    assert [(column.path, column.nullable) for column in columns_of(Outer, "scored_sessions")] == [
        ("inner.maybe", True),
        ("inner.certain", True),
        ("after", False),
    ]


@pytest.mark.parametrize(
    "record",
    [Outer(Inner(3, False)), Outer(Inner(None, True)), Outer(None)],
    ids=["whole", "unknown part", "none"],
)
def test_a_struct_that_may_be_none_comes_back_as_it_was(record: Outer) -> None:
    columns = list(columns_of(Outer, "scored_sessions"))
    values = compile_tuple_getter([column.path for column in columns], optional=["inner"])(record)
    row = dict(zip([column.name for column in columns], values, strict=True))
    assert readers(Outer, columns)["inner"](row) == record.inner


def test_a_struct_of_which_a_table_has_a_part_has_no_reader_there() -> None:
    assert set(readers(Outer, list(columns_of(Outer, "sessions")))) == {"after"}


def test_an_intent_shows_the_signals_that_its_row_has() -> None:
    assert set(ListedSignals.__struct_fields__) == set(LISTED_SIGNALS)
    kept = {column.name: column.nullable for column in SESSION_COLUMNS if column.field == "signals"}
    assert kept == dict.fromkeys(LISTED_SIGNALS, True)
