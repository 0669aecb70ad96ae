"""A log in memory: records with offsets, and the pieces that a fold of them needs."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ingest.events import Control, Event, encode, key_of
from stream.experiments.history import Experiments
from stream.fold.calendar import Calendars
from stream.fold.erasures import Erasures
from stream.fold.mark import Mark
from stream.fold.pages import PageStatistics
from stream.fold.partition import Partition
from stream.fold.result import FoldResult


class LogRecord(NamedTuple):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def log_of(said: Iterable[Event | Control], start: int = 0) -> list[LogRecord]:
    """The records of a log that says this, from offset `start` on."""
    return [
        LogRecord(
            offset,
            -1,
            key_of(record.site, record.session_id) if isinstance(record, Event) else None,
            encode(record),
        )
        for offset, record in enumerate(said, start)
    ]


def partition(
    start: Mark | None = None,
    statistics: PageStatistics | None = None,
    number: int = 0,
    erasures: Erasures | None = None,
    experiments: Experiments | None = None,
) -> Partition:
    known = statistics or PageStatistics()
    return Partition("log", number, Calendars({}), known, start or Mark(0, {}), erasures, experiments)


def folded(records: Sequence[LogRecord], state: Partition | None = None) -> FoldResult:
    """What comes of folding these records, from the beginning unless a state is given."""
    state = state or partition()
    into = FoldResult()
    for record in records:
        state.fold(record, into)
    return into
