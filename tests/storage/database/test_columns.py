"""Columns made from declarations: their types follow from what a field says of itself."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ingest.events import LATEST_MS, Millis
from storage.database.columns import columns_of
from stream.stored import ColumnSpec


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
