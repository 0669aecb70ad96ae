"""The path of a worker without its services: records through the real fold and the scores, in one partition."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ingest.events import Control, Event, encode, key_of
from stream.fold.calendar import Calendars
from stream.fold.mark import Mark
from stream.fold.pages import PageStatistics
from stream.fold.partition import Partition
from stream.fold.update import UnscoredUpdate
from stream.step import ModelLoader, ScoredUpdate, fold

#: What scores the updates of a fold: stream.step.score, or another one under test.
Score = Callable[[Sequence[UnscoredUpdate], ModelLoader], Iterator[Sequence[ScoredUpdate]]]


class LogLine(NamedTuple):
    """A record as Kafka would hand it over."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes


def log_line(offset: int, record: Event | Control) -> LogLine:
    if isinstance(record, Event):
        return LogLine(offset, record.received_at, key_of(record.site, record.session_id), encode(record))
    return LogLine(offset, 0, None, encode(record))


class ShopPipeline:
    """One partition from its first record on; `not_folded` counts what ended outside every session, by outcome."""

    def __init__(self, statistics: PageStatistics, calendars: Calendars, score: Score, models: ModelLoader) -> None:
        self._partition = Partition("simulated", 0, calendars, statistics, Mark(0, {}))
        self._score = score
        self._models = models
        self.not_folded: dict[str, int] = {}

    def append(self, records: Iterable[Event | Control]) -> list[UnscoredUpdate]:
        """Append records to the log and fold them; the updates that they made."""
        return self.fold([log_line(offset, record) for offset, record in enumerate(records, self._partition.next)])

    def fold(self, lines: Sequence[LogLine]) -> list[UnscoredUpdate]:
        """Fold the lines that follow; the updates that they made."""
        folded = fold({0: self._partition}, {0: lines}).folded
        for outcome, count in folded.counts.items():
            if outcome not in ("scored", "control"):
                self.not_folded[outcome] = self.not_folded.get(outcome, 0) + count
        return folded.updates

    def scored(self, updates: Sequence[UnscoredUpdate]) -> Iterator[ScoredUpdate]:
        """The updates with their scores."""
        for ready in self._score(updates, self._models):
            yield from ready
