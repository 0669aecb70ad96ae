"""What both databases must hold, worked out from the topics alone, and what they do hold.

Rows are compared without what says where they come from: versions, numbers of replays, partitions.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isclose
from typing import Any, Protocol

from sqlalchemy import Engine, text

from deploy.chaos.topic_reader import read_topic
from deploy.log.client_options import kafka_clients
from deploy.log.topics import log_id
from deploy.settings.model import Settings
from deploy.wiring.calendars import calendars
from deploy.wiring.models import models
from storage.database.columns import SESSION_COLUMNS, TIMELINE_COLUMNS
from storage.database.rows import session_row, view_row
from storage.database.tables import page_views, sessions
from storage.write.block import newest, newest_views
from storage.write.clickhouse_sink import scored_columns
from stream.experiments.definition import Unit
from stream.experiments.history import Experiments
from stream.fold.erasures import Erasures
from stream.fold.mark import Mark
from stream.fold.pages import PagesMarker, PageStatistics
from stream.fold.pages import Row as PagesRow
from stream.fold.pages import decode as decode_page
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import FoldResult
from stream.fold.update import UnscoredUpdate
from stream.scored import Identity
from stream.step import ScoredUpdate, score

#: Where a row comes from, not what it says.
ORIGIN = {"version", "backfill", "partition", "void", "log"}
#: Columns that hold JSON.
_LISTS = {column.name for column in (*SESSION_COLUMNS, *TIMELINE_COLUMNS) if column.is_json}
#: What another model changes.
SCORES = {"probability", "label", "band", "reasons", "model_version"}
KEYS = {
    "sessions": ("site", "session_id", "opened_at"),
    "page_views": ("site", "session_id", "opened_at", "event_id"),
    "scored_sessions": ("site", "session_id", "opened_at", "offset", "closed"),
}

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]


class PartitionRecord(LogRecord, Protocol):
    """A record of the log that says of which partition it is."""

    @property
    def partition(self) -> int: ...


# No repr of its fields: asyncio.run writes down the result of its task at the end, gigabytes here, and drops it.
@dataclass(repr=False)
class Recomputed:
    """A fold of the whole log: the rows of both databases, the sessions that are open in the end, the dead letters."""

    tables: Tables
    open: set[Identity]
    dead: dict[tuple[int, int], str]
    records: int
    events: dict[str, int] = field(default_factory=dict)
    #: What an experiment takes for one, a visitor or a session.
    units: dict[str, Unit] = field(default_factory=dict)

    def closed(self) -> Tables:
        """The rows of closed sessions."""
        return {
            name: {key: row for key, row in rows.items() if key[:3] not in self.open}
            for name, rows in self.tables.items()
        }


async def recompute(
    settings: Settings,
    model: str = "",
    read_page: Callable[[bytes], PagesRow | PagesMarker] = decode_page,
    erasures: Erasures | None = None,
) -> Recomputed:
    """Fold and score all that the topics hold; closed sessions by `model`, where one is given.

    `read_page` decodes a record of `page-stats`, and may make another one of it. `erasures` are those whose visitors
    are left out from the first record on.
    """
    log = await read_topic(settings.kafka, settings.kafka.events_topic)
    statistics, experiments = PageStatistics(), Experiments()
    one = settings.kafka.model_copy(update={"partitions": 1})
    for record in await read_topic(one, settings.kafka.pages_topic):
        statistics.read(record.offset, read_page(record.value))
    for record in await read_topic(one, settings.kafka.experiments_topic):
        experiments.take(record.offset, record.value)
    name = await log_id(kafka_clients(settings.kafka))
    return refolded(settings, log, statistics, name, model, erasures, experiments)


def refolded(
    settings: Settings,
    log: Sequence[PartitionRecord],
    statistics: PageStatistics,
    name: str,
    model: str = "",
    erasures: Erasures | None = None,
    experiments: Experiments | None = None,
) -> Recomputed:
    """The same of these records of the log of this name; each says of which partition it is."""
    states, into = _folded(settings, log, statistics, erasures, experiments)
    left = {
        (each.site, each.session_id, each.opened_at) for state in states.values() for each in state.sessions()
    }  # fmt: skip
    known = models(settings.scoring, name)
    live = [update for update in into.updates if not model or _identity(update) in left]
    again = [update for update in into.updates if model and _identity(update) not in left]
    scored = [update for ready in score(live, known) for update in ready]
    scored += [update for ready in score(again, lambda _: known(model)) for update in ready]
    dead: dict[tuple[int, int], str] = {(letter.partition, letter.offset): letter.reason for letter in into.dead}
    units = {} if experiments is None else {each.name: each.unit for each in experiments.definitions()}
    return Recomputed(_rows(scored), left, dead, len(log), dict(into.counts), units)


def stored(engine: Engine, client: Any | None) -> Tables:
    """What every read sees in the databases; `client` None leaves ClickHouse out."""
    found: Tables = {}
    with engine.connect() as connection:
        for name, where in (("sessions", " WHERE status <> 'void'"), ("page_views", "")):
            rows = connection.execute(text(f"SELECT * FROM {name}{where}")).mappings().fetchall()  # noqa: S608 - ours
            found[name] = _by_key(name, rows)
    if client is not None:
        columns = client.query("SELECT * FROM scored_sessions FINAL WHERE NOT void")
        found["scored_sessions"] = _by_key("scored_sessions", columns.named_results())
    return found


def differences(expected: Tables, found: Tables) -> list[str]:
    """Every row that one has and the other has not, and every value that differs, as a line each."""
    lines = []
    for name, rows in found.items():
        wanted = expected[name]
        lines += [f"{name} lacks {key}" for key in wanted.keys() - rows.keys()]
        lines += [f"{name} has {key}, which should not be" for key in rows.keys() - wanted.keys()]
        for key in wanted.keys() & rows.keys():
            lines += [
                f"{name} {key} {column}: {wanted[key][column]!r} expected, {value!r} found"
                for column, value in rows[key].items()
                if column in wanted[key] and not alike(wanted[key][column], value)
            ]
    return lines


def changed_columns(before: Tables, after: Tables) -> dict[str, set[str]]:
    """The columns in which rows that both have differ, by table."""
    return {
        name: {
            column
            for key in rows.keys() & after[name].keys()
            for column, value in rows[key].items()
            if not alike(value, after[name][key][column])
        }
        for name, rows in before.items()
    }


def newest_scores(tables: Tables) -> dict[tuple[Any, ...], float]:
    """The probability of each session's newest update in the timeline, whose offset is the greatest, closing last."""
    best: dict[tuple[Any, ...], tuple[int, bool, float]] = {}
    for key, row in tables["scored_sessions"].items():
        place = (key[3], key[4], row["probability"])
        best[key[:3]] = max(best.get(key[:3], place), place)
    return {identity: place[2] for identity, place in best.items()}


def shown_arms(tables: Tables, units: Mapping[str, Unit]) -> dict[tuple[str, str], set[str]]:
    """Which arms the timeline shows of each experiment for each of its units."""
    arms: dict[tuple[str, str], set[str]] = {}
    for row in tables["scored_sessions"].values():
        for each in row["experiments"]:
            unit = row["visitor_id"] if units.get(each["experiment"]) == "visitor" else row["session_id"]
            arms.setdefault((each["experiment"], unit), set()).add(each["arm"])
    return arms


def alike(one: Any, other: Any) -> bool:
    """Equal, numbers to 1e-6."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[name], other[name]) for name in one)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-6)
    return bool(one == other)


def _identity(update: UnscoredUpdate) -> Identity:
    return update.record.site, update.record.session_id, update.record.opened_at


def _folded(
    settings: Settings,
    log: Sequence[PartitionRecord],
    statistics: PageStatistics,
    erasures: Erasures | None,
    experiments: Experiments | None,
) -> tuple[dict[int, Partition], FoldResult]:
    known, into = calendars(settings), FoldResult()
    states: dict[int, Partition] = {}
    for record in sorted(log, key=lambda each: (each.partition, each.offset)):
        if record.partition not in states:
            states[record.partition] = Partition(
                "again", record.partition, known, statistics, Mark(0, {}), erasures, experiments
            )
        states[record.partition].fold(record, into)
    return states, into


def _rows(scored: Sequence[ScoredUpdate]) -> Tables:
    updates = [update.record for update in scored]
    columns = scored_columns("again", [(update.partition, update.record) for update in scored])
    names = list(columns)
    return {
        "sessions": _by_key("sessions", _named(sessions, (session_row("", u) for u in newest(updates).values()))),
        "page_views": _by_key(
            "page_views",
            _named(page_views, (view_row("", i, v, view) for (i, _), (v, view) in newest_views(updates).items())),
        ),
        "scored_sessions": _by_key(
            "scored_sessions", [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        ),
    }


def _named(table: Any, rows: Iterable[tuple[Any, ...]]) -> list[Mapping[Any, Any]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _by_key(name: str, rows: Iterable[Mapping[Any, Any]]) -> dict[tuple[Any, ...], Row]:
    found = {}
    for each in rows:
        row = {column: _plain(column, value) for column, value in each.items() if column not in ORIGIN}
        found[tuple(row[column] for column in KEYS[name])] = row
    return found


def _plain(column: str, value: Any) -> Any:
    """A value as all three sources can be compared: times in ms, lists parsed, reasons by feature."""
    if column == "reasons":
        return {each.pop("feature"): each for each in json.loads(value)}
    if column in _LISTS:
        return json.loads(value)
    if isinstance(value, datetime):
        return round(value.replace(tzinfo=UTC).timestamp() * 1000)
    if isinstance(value, str) and column.endswith("_at"):
        return round(datetime.fromisoformat(value).replace(tzinfo=UTC).timestamp() * 1000)
    return value
