"""Where a partition was, folded again: from the committed mark, silently, up to the committed offset.

The state is a function of the log, so a crash, a rebalance and a first start are the same operation. A snapshot of the
open sessions (stream/snapshot/) makes it short; it is a cache, and without it the same comes of the log.
"""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple, Protocol

import msgspec

from stream.errors import StreamError
from stream.fold.mark import Mark, SnapshotPlace, decode_mark
from stream.fold.partition import LogRecord, Partition
from stream.models import refuse_unusable_models
from stream.required import WaitForVersions, in_force_at, required_versions
from stream.silent_fold import SilentFold
from stream.snapshot.loader import load
from stream.snapshot.store import SnapshotStore
from stream.snapshot.writer import RECORDS
from stream.step import ModelLoader

log = logging.getLogger(__name__)

#: How long a fold may keep the event loop from everything else, in seconds; looked at every so many records.
YIELD_SECONDS, YIELD_RECORDS = 0.02, 64
#: How long the log may give nothing while committed records are still to be read, in seconds.
PATIENCE = 30.0


class LogCutError(StreamError):
    """The log is not the one that was committed to; the message says what to do."""


class LogReader(Protocol):
    """One partition of the log as recovery reads it."""

    async def committed(self, partition: int) -> tuple[int, str] | None:
        """Committed offset and metadata; None where nothing was ever committed."""
        ...

    async def start_of(self, partition: int) -> int: ...

    async def end_of(self, partition: int) -> int: ...

    def read(self, partition: int, offset: int) -> "PartitionReader": ...


class PartitionReader(Protocol):
    """Records of one partition, in order, from an offset on."""

    async def __aenter__(self) -> "PartitionReader": ...
    async def __aexit__(self, *error: object) -> None: ...
    async def fetch(self) -> list[LogRecord]:
        """The next records; an empty list when there are none for now."""
        ...


class RecoveredPartition(NamedTuple):
    """A partition, and the snapshot that its committed mark names."""

    partition: Partition
    snapshot: SnapshotPlace | None


#: Called with how many records of a recovery are folded, and how many there are.
RecoveryReport = Callable[[int, int], None]


def records_to_fold(committed: tuple[int, str] | None, kept: Partition | None) -> int:
    """About how many records a recovery will fold: what it costs, beside what it costs to read a snapshot."""
    if committed is None:
        return 0
    offset, metadata = committed
    mark = decode_mark(metadata)
    begins = [0 if mark is None else mark.next]
    if mark is not None and mark.snapshot is not None:
        begins.append(mark.snapshot.next)
    if kept is not None:
        begins.append(kept.next)
    return max(0, offset - max(begins))


async def recover(
    log_reader: LogReader,
    number: int,
    committed: tuple[int, str] | None,
    kept: Partition | None,
    make: Callable[[Mark], Partition],
    wait_for_versions: WaitForVersions,
    models: ModelLoader,
    report: RecoveryReport = lambda done, total: None,
    snapshots: SnapshotStore | None = None,
    begun: Callable[[Partition], None] = lambda partition: None,
) -> RecoveredPartition:
    """The state of a partition, ready to emit from its `next`; `kept` is what this process knows of it from before.

    `committed` is what LogReader.committed has of it.

    `begun` is given the partition before it is folded further: a recovery that is cancelled can go on with it.

    Raises LogCutError when the log ends before what was committed: another log stands under its name. Raises
    TopicMissingError when the page statistics in force at the mark are not there.
    """
    start = await log_reader.start_of(number)
    if committed is None:
        return RecoveredPartition(kept or make(Mark(start, {})), None)
    offset, metadata = committed
    mark = decode_mark(metadata)
    place = None if mark is None else mark.snapshot
    if offset < start:
        log.error(
            "partition %d: events from %d to %d are gone from the log; going on at its start", number, offset, start
        )
        return RecoveredPartition(await _begun(_usable(mark, number, start), make, wait_for_versions), None)
    if kept is not None and kept.next >= offset:
        return RecoveredPartition(kept, place)
    partition = kept
    if snapshots is not None and mark is not None and _is_ahead(place, kept, start, offset):
        partition = await load(snapshots, number, mark, lambda begin: _begun(begin, make, wait_for_versions)) or kept
    if partition is None:
        partition = await _begun(_usable(mark, number, start), make, wait_for_versions)
    begun(partition)
    if offset > start:
        await _fold_to(log_reader, partition, offset, wait_for_versions, models, report)
    return RecoveredPartition(partition, place)


def _is_ahead(place: SnapshotPlace | None, kept: Partition | None, start: int, offset: int) -> bool:
    """Whether a snapshot is worth reading: what is known already may be nearly as far."""
    if place is None or not start <= place.next <= offset:
        return False
    return kept is None or place.next - kept.next > RECORDS


async def _begun(mark: Mark, make: Callable[[Mark], Partition], wait_for_versions: WaitForVersions) -> Partition:
    await wait_for_versions(in_force_at(mark))
    return make(mark)


def _usable(mark: Mark | None, number: int, start: int) -> Mark:
    if mark is None:
        return Mark(start, {})
    if mark.next < start:
        log.error(
            "partition %d: open sessions began at %d, the log begins at %d; what is gone is missing from them",
            number, mark.next, start,
        )  # fmt: skip
        return msgspec.structs.replace(mark, next=start)
    return mark


async def _fold_to(
    log_reader: LogReader,
    partition: Partition,
    end: int,
    wait_for_versions: WaitForVersions,
    models: ModelLoader,
    report: RecoveryReport,
) -> None:
    """Fold silently up to `end`, and see that the log really reaches that far; probes are answered meanwhile."""
    first = min(partition.next, end - 1)
    report(0, end - first)
    patience = monotonic() + PATIENCE
    began = yielded = monotonic()
    folded = 0
    silent = SilentFold(partition, models)
    async with log_reader.read(partition.number, first) as reading:
        try:
            reached = first
            while reached < end:
                records = await reading.fetch()
                if not records:
                    if monotonic() > patience:
                        raise await _why_silent(log_reader, partition.number, reached, end)
                    continue
                patience = monotonic() + PATIENCE
                await wait_for_versions(required_versions(records))
                await refuse_unusable_models(partition, records, models)
                for record in records:
                    if record.offset % YIELD_RECORDS == 0 and monotonic() - yielded >= YIELD_SECONDS:
                        report(record.offset - first, end - first)
                        await asyncio.sleep(0)
                        yielded = monotonic()
                    if partition.next < record.offset < end:
                        pass_gap(partition, record.offset)
                    if record.offset == partition.next and record.offset < end:
                        silent.fold(record)
                        folded += 1
                reached = records[-1].offset + 1
                report(min(reached, end) - first, end - first)
        finally:
            # What is cancelled goes on with this partition later.
            silent.decide()
    if folded:
        log.info("partition %d: folded %d events in %.1f s", partition.number, folded, monotonic() - began)


async def _why_silent(log_reader: LogReader, number: int, reached: int, end: int) -> LogCutError:
    """Why the log gave nothing for PATIENCE although it was committed up to `end`."""
    if await log_reader.end_of(number) < end:
        return LogCutError(
            f"partition {number} was committed up to {end}, but the log ends at {reached}: the topic was created again "
            "under its old name. Give the worker another group (OPECOM_WORKER__GROUP)"
        )
    return LogCutError(f"Kafka gave no records of partition {number} after {reached} for {PATIENCE:.0f} s")


def pass_gap(partition: Partition, offset: int) -> None:
    """Go on at `offset`: what was before it is not in the log any more."""
    log.error("partition %d: events from %d to %d are gone from the log", partition.number, partition.next, offset)
    partition.skip_to(offset)
