"""The worker's round: one fetch in, acknowledged scores out, in an order that makes a crash anywhere harmless.

Knows Kafka only through the small protocols below, so tests drive it with lists.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import chain
from time import monotonic, perf_counter, time
from typing import NamedTuple, Protocol

from ingest.events import LIVE_CLOCK, Tick
from ingest.events import encode as encode_event
from stream.errors import StreamError
from stream.fold.mark import Mark, SnapshotPlace, encode_mark, with_snapshot
from stream.fold.partition import LogRecord, Partition
from stream.metrics import WorkerMetrics
from stream.models import refuse_unusable_models, require_usable
from stream.publish import KeyedRecord, RecordPublisher
from stream.recovery import LogReader, pass_gap, records_to_fold, recover
from stream.required import WaitForVersions, required_versions
from stream.scored import dead_record, encode
from stream.snapshot.writer import SnapshotWriter
from stream.step import FAILURES_IN_A_ROW, ModelLoader, fold, score, unbroken

log = logging.getLogger(__name__)

#: Seconds between two commits.
COMMIT_EVERY = 1.0
#: Seconds after which a tick that did not come back is sent again.
TICK_AGAIN = 10.0
#: Seconds without an event after which an import counts as abandoned: no tick of its own came.
IMPORT_ABANDONED = 3_600.0
#: How far its clock is moved then, in ms, past IDLE in any case. `opecom simulate` ends its own imports so far ahead;
#: `opecom sites finish` moves the clock by IDLE.
IMPORT_END = 24 * 3_600_000
#: A time that no clock reaches; ms UTC.
NEVER = 1 << 53


class WorkerError(StreamError):
    """The worker must stop (exit 70); nothing that it did not finish has moved."""


class ConsumerClient(Protocol):
    """What the worker asks of its Kafka consumer."""

    async def seek(self, partition: int, offset: int) -> None: ...

    async def pause(self, partitions: Collection[int]) -> None:
        """Fetch nothing of these until they are resumed."""
        ...

    async def resume(self, partition: int) -> None: ...

    async def position(self, partition: int) -> int | None:
        """The offset that it will fetch next; None where it does not know."""
        ...

    async def commit_offsets(self, offsets: Mapping[int, tuple[int, str]]) -> None:
        """Commit offsets with metadata; a commit refused because the partitions moved on is no error."""
        ...


class WorkerTopics(NamedTuple):
    """Names of the topics that a worker reads and writes."""

    events: str
    scored: str
    dead: str


class Worker:
    """Owns the states of the partitions that are assigned to this process."""

    def __init__(
        self,
        *,
        topics: WorkerTopics,
        log_reader: LogReader,
        make: Callable[[int, Mark], Partition],
        wait_for_versions: WaitForVersions,
        models: ModelLoader,
        records: RecordPublisher,
        metrics: WorkerMetrics,
        first_tick_seconds: float = 0.0,
        snapshots: SnapshotWriter | None = None,
    ) -> None:
        """`first_tick_seconds` after it has claimed partitions, a worker appends ticks: for a log into which older
        events may come first."""
        self.partitions: dict[int, Partition] = {}
        #: Of the assignment before, and of one that was cancelled: where the next recovery may go on.
        self._kept: dict[int, Partition] = {}
        #: How far a recovery is, as a line; "" while there is none.
        self.recovery = ""
        self._topics = topics
        self._log = log_reader
        self._make = make
        self._wait_for_versions = wait_for_versions
        self._models = models
        self._records = records
        self._metrics = metrics
        self._first_tick_seconds = first_tick_seconds
        self._snapshots = snapshots
        self._snapshotting: asyncio.Task[None] | None = None
        self._failure_run = 0
        #: Held while updates are folded and not yet scored.
        self._deciding = asyncio.Lock()
        #: `next` of each partition and its snapshot, as committed.
        self._committed: dict[int, tuple[int, SnapshotPlace | None]] = {}
        self._commit_at = 0.0
        #: Until when no tick is appended, by the monotonic clock, and the tick that this waits for, in ms by its clock.
        self._ticked: dict[int, tuple[float, int]] = {}
        self._sought: dict[int, int] = {}
        #: When each import's clock was last seen to move: (clock, by the monotonic clock).
        self._import_clocks: dict[tuple[int, str], tuple[int, float]] = {}

    def release(self) -> None:
        """Give up all partitions; their states are kept for the next `claim`."""
        if self._snapshotting is not None:
            self._snapshotting.cancel()
        self._kept |= self.partitions
        # Not there during recovery, so that the watchdog does not count them as stalled.
        self.partitions = {}

    async def claim(self, assigned: set[int], client: ConsumerClient) -> None:
        """Take over the partitions of a new assignment, one after the other, those with the least to fold first.

        Each is recovered, the client is put where it goes on, and its rounds may begin; the others are paused. Where
        this is cancelled, what is recovered so far is kept.
        """
        began = monotonic()
        self.release()
        self._kept = {number: partition for number, partition in self._kept.items() if number in assigned}
        self._committed = {}
        self._ticked = {}
        self._sought = {}
        self._metrics.forget_partitions()
        self.recovery = "recovering" if assigned else ""
        await client.pause(assigned)
        committed = {number: await self._log.committed(number) for number in sorted(assigned)}
        kept = self._kept.get
        for number in sorted(committed, key=lambda number: records_to_fold(committed[number], kept(number))):
            partition = await self._recover(number, committed[number])
            await client.seek(number, partition.next)
            await client.resume(number)
            self._ticked[number] = monotonic() + self._first_tick_seconds, NEVER
            self.partitions[number] = partition
            self._kept.pop(number, None)
            self._metrics.claims.inc()
        self.recovery = ""
        self._metrics.recovery_left.set(0)
        self._metrics.stall_seconds.observe(monotonic() - began)

    async def _recover(self, number: int, committed: tuple[int, str] | None) -> Partition:
        def keep(partition: Partition) -> None:
            self._kept[number] = partition

        snapshots = self._snapshots
        partition, snapshot = await recover(
            self._log,
            number,
            committed,
            self._kept.get(number),
            partial(self._make, number),
            self._wait_for_versions,
            self._models,
            partial(self._report_recovery, number),
            None if snapshots is None else snapshots.store,
            keep,
        )
        if snapshots is not None:
            snapshots.adopt(number, snapshot)
        self._metrics.refused_models.inc(await require_usable(partition, self._models))
        return partition

    def _report_recovery(self, number: int, done: int, total: int) -> None:
        self.recovery = f"recovering partition {number}: {done:,} of {total:,} records folded"
        self._metrics.recovery_left.set(total - done)

    async def round(self, batches: Mapping[int, Sequence[LogRecord]], client: ConsumerClient) -> None:
        """One round.

        1 Wait for the page statistics and the erasures that the batches name, and refuse the models that cannot score
        here. 2 Fold: what does not begin at its partition's `next` is trimmed or sought again. 3 Publish the
        dead letters. 4 Score, some updates at a time, and publish each part; every publish waits for its
        acknowledgements. 5 Every folded record has been published, so its offset may be committed. A failure before 5
        ends the process; then the records are folded again from the last commit, and the same updates are published
        again.
        """
        async with self._deciding:
            await self._round(batches, client)

    async def _round(self, batches: Mapping[int, Sequence[LogRecord]], client: ConsumerClient) -> None:
        metrics = self._metrics
        began = start = perf_counter()
        await self._wait_for_versions(required_versions(chain.from_iterable(batches.values())))
        for number, records in batches.items():
            partition = self.partitions[number]
            following = unbroken(records, partition.next)
            self._metrics.refused_models.inc(await refuse_unusable_models(partition, following, self._models))
        folded, seek = fold(self.partitions, batches, self._failure_run)
        self._failure_run = folded.failure_run
        began = self._end_stage("fold", began)
        if folded.dead:
            await self._records.publish(
                self._topics.dead,
                [KeyedRecord(letter.partition, *dead_record(letter)) for letter in folded.dead],
            )
            began = self._end_stage("dead", began)
        own_models = self._own_models()
        for ready in score(folded.updates, self._models):
            keyed = [KeyedRecord(update.partition, update.key, encode(update.record)) for update in ready]
            began = self._end_stage("score", began)
            await self._records.publish(self._topics.scored, keyed)
            began = self._end_stage("publish", began)
            metrics.count_updates([update.record for update in ready], own_models)
        for outcome, count in folded.counts.items():
            metrics.records.labels(outcome).inc(count)
        metrics.round_records.observe(sum(map(len, batches.values())))
        metrics.round_seconds.observe(perf_counter() - start)
        oldest = min((records[0].timestamp for records in batches.values() if records), default=0)
        if oldest > 0:
            metrics.age_seconds.observe(max(0.0, time() - oldest / 1000))
        for number in seek:
            await self._reposition(number, client)
        if folded.longest_failure_run >= FAILURES_IN_A_ROW:
            await self.commit(client)
            raise WorkerError(
                f"{FAILURES_IN_A_ROW} events in a row could not be folded: see the dead letters (reason failed)"
            )

    def _own_models(self) -> set[str]:
        """The sites that have a model of their own."""
        return {site for partition in self.partitions.values() for site in partition.models.sites}

    async def run_maintenance(self, client: ConsumerClient, wall: int) -> None:
        """Append due ticks; every COMMIT_EVERY seconds commit, and compare the consumer's positions with `next`."""
        if monotonic() >= self._commit_at:
            await self.commit(client)
            await self.check_positions(client)
            await self.tick(wall)
            self._write_due_snapshots()
        else:
            await self._append_due_ticks(wall)

    def _write_due_snapshots(self) -> None:
        """Begin with the snapshots that are due, unless some are being written."""
        if self._snapshots is None or (self._snapshotting is not None and not self._snapshotting.done()):
            return
        due = [
            number
            for number, partition in self.partitions.items()
            if self._snapshots.is_due(number, partition, len(self.partitions))
        ]
        if due:
            self._snapshotting = asyncio.create_task(self._write_snapshots(due))

    async def _write_snapshots(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                await self.snapshot(number)
            except Exception as error:
                # Without it recovery takes longer; scoring goes on.
                why = str(error) or type(error).__name__
                log.warning("partition %d: no snapshot, the next one is tried later: %s", number, why)

    async def snapshot(self, number: int) -> None:
        """Write a snapshot of a partition, while rounds go on; the next commit names it."""
        if self._snapshots is not None and number in self.partitions:
            began = monotonic()
            await self._snapshots.write(number, self.partitions[number], self._deciding)
            self._metrics.snapshot_seconds.observe(monotonic() - began)

    def _claimed(self) -> list[tuple[int, Partition]]:
        """For what waits between two partitions: a claim adds others meanwhile."""
        return list(self.partitions.items())

    async def check_positions(self, client: ConsumerClient) -> None:
        for number, partition in self._claimed():
            position = await client.position(number)
            if position is not None and position > partition.next:
                await self._reposition(number, client)

    async def _reposition(self, number: int, client: ConsumerClient) -> None:
        """Seek the consumer back to `next`; the second time, check whether the log still has those records."""
        partition = self.partitions[number]
        self._metrics.seeks.inc()
        if self._sought.get(number) == partition.next:
            async with self._log.read(number, partition.next) as reading:
                records = await reading.fetch()
            if records and records[0].offset > partition.next:
                pass_gap(partition, records[0].offset)
        self._sought[number] = partition.next
        log.warning("partition %d: the client was not at %d; seeking back", number, partition.next)
        await client.seek(number, partition.next)

    async def commit(self, client: ConsumerClient) -> None:
        """Commit `next` of each partition (step 5), with the mark from which recovery folds to this state."""
        self._commit_at = monotonic() + COMMIT_EVERY
        offsets, committed = {}, {}
        for number, partition in self.partitions.items():
            self._metrics.next_offset.labels(number).set(partition.next)
            self._metrics.open_sessions.labels(number).set(partition.open_sessions)
            snapshot = None if self._snapshots is None else self._snapshots.newest(number)
            if self._committed.get(number) != (partition.next, snapshot):
                partition.mark()
                mark = with_snapshot(partition.recovery_mark(), snapshot)
                offsets[number] = (partition.next, encode_mark(mark))
                committed[number] = (partition.next, snapshot)
        if offsets:
            await client.commit_offsets(offsets)
            self._committed |= committed
        self._metrics.committed.set_to_current_time()

    async def tick(self, wall: int) -> None:
        """Append a tick where, by wall time (ms), live sessions should have closed, or a silence has come that an
        intervention waits for.

        Only the log closes a session; the tick is how time gets into a log to which nobody writes.
        """
        await self._append_due_ticks(wall)
        await self._end_abandoned_imports()

    async def _append_due_ticks(self, wall: int) -> None:
        for number, partition in self._claimed():
            tick = partition.due_tick(wall)
            until, awaited = self._ticked.get(number, (0.0, NEVER))
            live = partition.clocks.get(LIVE_CLOCK)
            if tick is not None and (monotonic() >= until or (live is not None and live.now >= awaited)):
                self._ticked[number] = monotonic() + TICK_AGAIN, tick.to
                await self._append_tick(number, tick)

    async def _end_abandoned_imports(self) -> None:
        """End each import whose clock has stood still for IMPORT_ABANDONED, by a tick IMPORT_END ahead."""
        clocks = {
            (number, name): now
            for number, partition in self.partitions.items()
            for name, now in partition.import_clocks().items()
        }
        self._import_clocks = {key: seen for key, seen in self._import_clocks.items() if key in clocks}
        for key, now in clocks.items():
            seen, since = self._import_clocks.get(key, (-1, 0.0))
            if seen != now:
                self._import_clocks[key] = (now, monotonic())
            elif monotonic() - since > IMPORT_ABANDONED:
                del self._import_clocks[key]
                number, name = key
                await self._append_tick(number, Tick(name, now + IMPORT_END))

    async def _append_tick(self, number: int, tick: Tick) -> None:
        await self._records.publish(self._topics.events, [KeyedRecord(number, None, encode_event(tick))])
        self._metrics.ticks.inc()

    def _end_stage(self, stage: str, since: float) -> float:
        """Count the seconds since `since` for this stage; returns now, where the next one begins."""
        now = perf_counter()
        self._metrics.stage_seconds.labels(stage).inc(now - since)
        return now
