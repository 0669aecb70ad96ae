"""A Kafka of lists for the worker: a log, a client that may misbehave, and records that may fail to be told."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from scoring.model import ConstantModel
from stream.experiments.history import Experiments
from stream.fold.calendar import Calendars
from stream.fold.erasures import Erasures
from stream.fold.mark import Mark
from stream.fold.pages import PageStatistics
from stream.fold.partition import Partition
from stream.metrics import WorkerMetrics
from stream.publish import KeyedRecord, ListRecordPublisher
from stream.required import RequiredVersions, WaitForVersions
from stream.snapshot.writer import SnapshotWriter
from stream.step import ModelLoader
from stream.worker import Worker, WorkerTopics
from tests.support.log import LogRecord

TOPICS = WorkerTopics("events", "scored-sessions", "events-dead")


class CrashError(Exception):
    """The process dies here."""


class FakeLog:
    """One or more partitions of records, and what was committed of them; see stream.recovery.LogReader."""

    def __init__(self, partitions: Mapping[int, Sequence[LogRecord]]) -> None:
        self.partitions = {number: list(records) for number, records in partitions.items()}
        self.commits: dict[int, tuple[int, str]] = {}

    async def committed(self, partition: int) -> tuple[int, str] | None:
        return self.commits.get(partition)

    async def start_of(self, partition: int) -> int:
        records = self.partitions[partition]
        return records[0].offset if records else 0

    async def end_of(self, partition: int) -> int:
        records = self.partitions[partition]
        return records[-1].offset + 1 if records else 0

    def read(self, partition: int, offset: int) -> "FakeReading":
        return FakeReading([record for record in self.partitions[partition] if record.offset >= offset])


class FakeReading:
    def __init__(self, records: list[LogRecord]) -> None:
        self._records = records

    async def __aenter__(self) -> "FakeReading":
        return self

    async def __aexit__(self, *error: object) -> None: ...

    async def fetch(self) -> list[LogRecord]:
        taken, self._records = self._records[:7], self._records[7:]
        return list(taken)


class FakeClient:
    """Hands out records from a position that anybody may have moved; see stream.worker.Client."""

    def __init__(self, log: FakeLog) -> None:
        self.log = log
        self.position_of = dict.fromkeys(log.partitions, 0)

    async def seek(self, partition: int, offset: int) -> None:
        self.position_of[partition] = offset

    async def position(self, partition: int) -> int | None:
        return self.position_of[partition]

    async def pause(self, partitions: Collection[int]) -> None: ...

    async def resume(self, partition: int) -> None: ...

    async def commit_offsets(self, offsets: Mapping[int, tuple[int, str]]) -> None:
        self.log.commits.update(offsets)

    def fetch(self, partition: int, count: int) -> list[LogRecord]:
        found = [r for r in self.log.partitions[partition] if r.offset >= self.position_of[partition]][:count]
        if found:
            self.position_of[partition] = found[-1].offset + 1
        return list(found)

    def done(self, worker: Worker) -> bool:
        return all(
            not records or worker.partitions[number].next > records[-1].offset
            for number, records in self.log.partitions.items()
        )


class CrashingRecords(ListRecordPublisher):
    """Tells everything, but dies after `survives` more records, in the middle of a batch if need be."""

    def __init__(self, told: ListRecordPublisher, survives: int) -> None:
        super().__init__()
        self.topics = told.topics
        self._left = survives

    async def publish(self, topic: str, records: Iterable[KeyedRecord]) -> None:
        for record in records:
            if self._left == 0:
                raise CrashError
            self._left -= 1
            await super().publish(topic, [record])


async def _reached(_: RequiredVersions) -> None: ...


def worker_on(
    log: FakeLog,
    records: ListRecordPublisher,
    statistics: PageStatistics | None = None,
    models: ModelLoader = lambda _: ConstantModel(),
    metrics: WorkerMetrics | None = None,
    erasures: Erasures | None = None,
    wait_for_versions: WaitForVersions | None = None,
    snapshots: SnapshotWriter | None = None,
    experiments: Experiments | None = None,
) -> Worker:
    known = statistics or PageStatistics()

    def make(number: int, mark: Mark) -> Partition:
        return Partition("log", number, Calendars({}), known, mark, erasures, experiments)

    return Worker(
        topics=TOPICS, log_reader=log, make=make, wait_for_versions=wait_for_versions or _reached, models=models,
        records=records, metrics=metrics or WorkerMetrics(), snapshots=snapshots,
    )  # fmt: skip
