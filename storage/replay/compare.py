"""What a replay made against what is stored, row by row and column by column. Pure.

Numbers are equal within 1e-6 and a relative 1e-9: ONNX differs in the last bits with the batch. Versions are not
compared, as a replay's are its own.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import isclose
from typing import Any

from storage.database.columns import TIMELINE_COLUMNS
from storage.database.rows import Row, session_row, view_row
from storage.database.tables import page_views, sessions
from storage.replay.account import Account, Mover, TableDiff
from storage.write.clickhouse_sink import scored_columns
from stream.scored import Identity, ScoredSession, View, identity_of
from stream.step import ScoredUpdate

ABSOLUTE, RELATIVE = 1e-6, 1e-9
#: Columns that say where a row comes from, not what it says.
ORIGIN = frozenset({"version", "log", "backfill", "partition", "void"})

#: (identity, offset, closed): what makes a row of the timeline one.
Moment = tuple[Identity, int, bool]

_SESSION = tuple(column.name for column in sessions.columns)
_VIEW = tuple(column.name for column in page_views.columns)
_PROBABILITY = _SESSION.index("probability")
_REASON = ("value", "contribution")
_LISTS = frozenset(column.name for column in TIMELINE_COLUMNS if column.is_json)


def compare_sessions(
    log: str, closed: Iterable[ScoredSession], stored: Mapping[Identity, Row], account: Account
) -> None:
    """Count the closed sessions against their rows, and how far their scores moved."""
    table = account.table("sessions")
    for update in closed:
        identity = identity_of(update)
        row = stored.get(identity)
        if row is None:
            table.added += 1
            continue
        table.count(differing(_SESSION, row, session_row(log, update)))
        before = float(row[_PROBABILITY])
        mover = Mover(update.probability - before, *identity, before, update.probability)
        account.movement.count(mover, update.revenue)


def compare_views(
    log: str, closed: Iterable[ScoredSession], stored: Mapping[Identity, Mapping[str, Row]], account: Account
) -> None:
    """Count the page views of the closed sessions against their rows."""
    table = account.table("page_views")
    for update in closed:
        identity = identity_of(update)
        left = dict(stored.get(identity, {}))
        for view in update.views:
            _compare_view(table, _view(log, identity, view), left.pop(view.event_id, None))
        table.gone += len(left)


def compare_updates(
    log: str, updates: Sequence[ScoredUpdate], stored: Mapping[Moment, Mapping[str, Any]], account: Account
) -> set[Moment]:
    """Count updates against the rows of the timeline; returns the stored ones that were not made, uncounted."""
    table, left = account.table("scored_sessions"), set(stored)
    for moment, made in made_updates(log, updates):
        row = stored.get(moment)
        if row is None:
            table.added += 1
        else:
            names = [name for name in made if name in row and name not in ORIGIN]
            table.count(differing(names, [row[name] for name in names], [made[name] for name in names]))
        left.discard(moment)
    return left


def made_updates(log: str, updates: Sequence[ScoredUpdate]) -> Iterator[tuple[Moment, dict[str, Any]]]:
    """The updates as rows of the timeline, by what makes them one."""
    columns = scored_columns(log, [(update.partition, update.record) for update in updates])
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        yield ((row["site"], row["session_id"], row["opened_at"]), row["offset"], row["closed"]), row


def differing(names: Sequence[str], stored: Sequence[Any], made: Sequence[Any]) -> list[str]:
    """The columns in which two rows differ."""
    return [
        name
        for name, before, after in zip(names, stored, made, strict=True)
        if before != after and name not in ORIGIN and not _same(name, before, after)
    ]


def _same(name: str, before: Any, after: Any) -> bool:
    if isinstance(before, datetime):
        return bool(before == (datetime.fromisoformat(after) if isinstance(after, str) else after))
    if name == "reasons":
        return _same_reasons(json.loads(before), json.loads(after))
    if isinstance(before, int | float) and isinstance(after, int | float):
        return isclose(before, after, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    if name in _LISTS:
        return _same_list(json.loads(before), json.loads(after))
    return False


def _same_list(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    """Both are JSON, as ClickHouse gives it (text) and as the writer makes it (bytes)."""
    return len(before) == len(after) and all(
        one.keys() == other.keys() and not differing(tuple(one), tuple(one.values()), tuple(other[key] for key in one))
        for one, other in zip(before, after, strict=True)
    )


def _same_reasons(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> bool:
    """By feature, as two of nearly the same size may change places."""
    mine, theirs = ({each["feature"]: each for each in reasons} for reasons in (before, after))
    return mine.keys() == theirs.keys() and not any(
        differing(_REASON, [mine[name][key] for key in _REASON], [theirs[name][key] for key in _REASON])
        for name in mine
    )


def _compare_view(table: TableDiff, made: Row, stored: Row | None) -> None:
    if stored is None:
        table.added += 1
    else:
        table.count(differing(_VIEW, stored, made))


def _view(log: str, identity: Identity, view: View) -> Row:
    return view_row(log, identity, 0, view)
