"""What a replay needs from outside, built by deploy/wiring/replay.py; and who watches it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from storage.database.money import Money
from storage.replay.journal import Journal
from storage.replay.request import ReplaySelection
from storage.replay.stored_log import StoredLog
from storage.replay.stored_sessions import StoredSessions
from storage.replay.stored_timeline import StoredTimeline
from storage.replay.targets import ReplayTarget
from stream.experiments.history import Experiments
from stream.fold.calendar import Calendars
from stream.fold.erasures import Erasures
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.kafka.source import Source
from stream.required import WaitForVersions
from stream.step import ModelLoader


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """One log with its databases.

    `committed` gives the workers' committed offset and metadata of a partition; `written` waits until workers and
    writer have passed the given offsets and says what it did not see; `models` gives a model by version, and raises
    ReplayError for one that there is not.
    """

    log: str
    partitions: int
    kafka: Source
    stored: StoredLog
    sessions: StoredSessions
    timeline: StoredTimeline
    journal: Journal
    calendars: Calendars
    models: ModelLoader
    make: "MakePartition"
    erasures: Erasures
    experiments: Experiments
    wait_for_versions: WaitForVersions
    committed: Callable[[int], Awaitable[tuple[int, str] | None]]
    written: Callable[[Mapping[int, int]], Awaitable[str]]
    target: Callable[[ReplaySelection], ReplayTarget]
    #: The reporting currencies of the sites, for training sets.
    money: Money = field(default_factory=dict)


class MakePartition(Protocol):
    """Makes a partition that folds from a mark on; with other `experiments` than those that the log has, if given."""

    def __call__(self, number: int, mark: Mark, experiments: Experiments | None = None) -> Partition: ...


class ProgressListener(Protocol):
    """Hears how a replay goes."""

    def planned(self, number: int, records: int, done: int) -> None:
        """There are so many records to fold, of which so many are done by an earlier run."""

    def moved(self, done: int) -> None:
        """So many records are folded."""

    def report(self, line: str) -> None:
        """Something that a person should know."""
