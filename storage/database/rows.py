"""A scored session and its page views as rows of the relational tables."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from storage.database.columns import OPTIONAL_STRUCTS, SESSION_COLUMNS, VIEW_COLUMNS, StoredColumn
from stream.codegen import compile_tuple_getter
from stream.scored import Identity, ScoredSession, View, identity_of, stored_list

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1)  # columns hold UTC without saying so


def session_row(log: str, update: ScoredSession) -> Row:
    """The columns of `sessions`, in their order."""
    row = _session_values(update)
    ended_at = None if update.status == "open" else row[_LAST_EVENT_AT]
    return (*row, ended_at, log)


def view_row(log: str, identity: Identity, version: int, view: View) -> Row:
    """The columns of `page_views`, in their order."""
    return (*identity, *_view_values(view), version, log)


def order_rows(log: str, update: ScoredSession) -> list[Row]:
    """The rows of `orders` that the session has, in their columns' order."""
    identity, last = identity_of(update), (update.version, log)
    return [(*identity, each.id, each.at, each.amount, each.currency, *last) for each in update.orders]


def refund_rows(log: str, update: ScoredSession) -> list[Row]:
    """The rows of `refunds` that the session has, in their columns' order."""
    identity, last = identity_of(update), (update.version, log)
    return [(*identity, each.id, each.order_id, each.at, each.amount, each.currency, *last) for each in update.refunds]


def _moment(ms: int) -> str:
    """Milliseconds as MariaDB and SQLite read them."""
    seconds, rest = divmod(ms, 1000)
    return f"{_second(seconds)}.{rest:03d}"


@lru_cache(maxsize=1 << 16)
def _second(seconds: int) -> str:
    # Sessions and views come again and again with the same times; formatting one takes 2 µs.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(" ")


def _list(values: Sequence[Any]) -> str:
    return stored_list(values).decode()


def _values(columns: Sequence[StoredColumn]) -> Callable[[Any], Row]:
    """A function that reads these columns' values off a record, times and lists converted to the text stored."""
    written: dict[str, Callable[[Any], Any]] = {column.path: _moment for column in columns if column.is_time}
    written |= {column.path: _list for column in columns if column.is_json}
    return compile_tuple_getter([column.path for column in columns], written, OPTIONAL_STRUCTS)


_session_values = _values(SESSION_COLUMNS)
_view_values = _values(VIEW_COLUMNS)
_LAST_EVENT_AT = [column.name for column in SESSION_COLUMNS].index("last_event_at")
