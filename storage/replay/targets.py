"""Where a replay publishes: both databases, a topic, a file, or nowhere.

Each takes a batch as often as it comes: databases by versions, a file by being cut back to its checkpoint, a topic by
its own at-least-once.
"""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.errors import ReplayError, writing
from storage.replay.request import PartitionPlan
from storage.replay.stored_sessions import StoredSessions
from storage.write.block import Block, TopicRecord, block_of, read
from storage.write.deliver import deliver
from storage.write.erased import is_erased, redact
from storage.write.sink import REPLAY_NUMBER_MASK, Sink
from stream.fold.erasures import Erasures
from stream.fold.partition import LogRecord
from stream.publish import KeyedRecord, RecordPublisher
from stream.replay import ReplayBatch
from stream.scored import encode, encode_lines, identity_of
from stream.step import ScoredUpdate


class ReplayTarget(Protocol):
    """Takes what a replay publishes."""

    async def resume(self, partition: int, account: Account) -> None:
        """Go on after the updates that this account has counted."""

    async def take(
        self, plan: PartitionPlan, records: Sequence[LogRecord], batch: ReplayBatch, account: Account
    ) -> None:
        """Take one batch of a partition, whole before this returns; raises ReplayError or DatabaseUnavailableError."""

    async def finish(self, plans: Sequence[PartitionPlan]) -> None:
        """Everything was taken."""


class DryRunTarget:
    """For a dry run."""

    async def resume(self, partition: int, account: Account) -> None: ...

    async def take(
        self, plan: PartitionPlan, records: Sequence[LogRecord], batch: ReplayBatch, account: Account
    ) -> None: ...

    async def finish(self, plans: Sequence[PartitionPlan]) -> None: ...


class DatabaseTarget:
    """Closed sessions into the relational database, every update into the timeline."""

    def __init__(self, log: str, relational: Sink, analytics: Sink, stored: StoredSessions, erasures: Erasures) -> None:
        self._log = log
        self._relational = relational
        self._analytics = analytics
        self._stored = stored
        self._erasures = erasures

    async def resume(self, partition: int, account: Account) -> None: ...

    async def take(
        self, plan: PartitionPlan, records: Sequence[LogRecord], batch: ReplayBatch, account: Account
    ) -> None:
        await in_thread(self._take, plan, records, batch, account)

    async def finish(self, plans: Sequence[PartitionPlan]) -> None: ...

    def _take(self, plan: PartitionPlan, records: Sequence[LogRecord], batch: ReplayBatch, account: Account) -> None:
        """1 rows of sessions and page views · 2 page views that are no more · 3 the timeline, and the log itself."""
        rows = [
            (_record(update), update.record) for update in batch.updates if not is_erased(self._erasures, update.record)
        ]
        # Only what is closed, or published as live workers do: the rows of other updates would be replaced at once.
        whole = [
            (record, update)
            for record, update in rows
            if update.status == "closed" or not update.version & REPLAY_NUMBER_MASK
        ]
        refusals = deliver(self._relational, Block(self._log, scored=tuple(whole)))
        closings = {identity_of(update): update.version for _, update in whole if update.status == "closed"}
        self._stored.drop_views(closings)
        stored = self._log_rows(plan.partition, records, batch) if plan.store_log else Block(self._log)
        block = Block(self._log, scored=tuple(rows), events=stored.events, dead=stored.dead)
        refusals += deliver(self._analytics, block)
        account.refused += len({(record.partition, record.offset) for record, _ in refusals})

    def _log_rows(self, partition: int, records: Sequence[LogRecord], batch: ReplayBatch) -> Block:
        entries = [
            read("events", partition=partition, offset=r.offset, timestamp=r.timestamp, key=r.key, value=r.value)
            for r in records
        ]
        letters = [TopicRecord("dead", each.partition, each.offset, 0, each.key, b"", each) for each in batch.dead]
        block, _ = block_of(self._log, [*entries, *letters], partial(redact, erasures=self._erasures))
        return Block(self._log, events=block.events, dead=block.dead)


class TopicTarget:
    """Every update, on the partition of its event; after an interruption some come twice."""

    def __init__(self, records: RecordPublisher, topic: str) -> None:
        self._records = records
        self._topic = topic

    async def resume(self, partition: int, account: Account) -> None: ...

    async def take(
        self, plan: PartitionPlan, records: Sequence[LogRecord], batch: ReplayBatch, account: Account
    ) -> None:
        keyed = [KeyedRecord(update.partition, update.key, encode(update.record)) for update in batch.updates]
        if keyed:
            await self._records.publish(self._topic, keyed)

    async def finish(self, plans: Sequence[PartitionPlan]) -> None: ...


class FileTarget:
    """JSON Lines as on the topic, partition after partition; the file is there when it is whole.

    A process writes neighbouring partitions into one part, so that the gigabytes of years are written once, not twice.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._whole = file.with_name(f"{file.name}.whole")
        #: The partition that was written last, and the part that it stands in.
        self._written, self._open = -1, -1

    async def resume(self, partition: int, account: Account) -> None:
        with writing(self._file):
            # Not every partition is written, so it is of a replay that was left.
            self._whole.unlink(missing_ok=True)
            if not account.begin + account.bytes:
                self._begin(partition, account)
            part = self._part(account.part)
            if not part.exists() or part.stat().st_size < account.begin + account.bytes:
                raise ReplayError(f"{part} is gone, so this replay cannot go on: begin it again with --new")
            os.truncate(part, account.begin + account.bytes)
        self._written, self._open = partition, account.part

    async def take(
        self, plan: PartitionPlan, records: Sequence[LogRecord], batch: ReplayBatch, account: Account
    ) -> None:
        lines = encode_lines([update.record for update in batch.updates])
        await in_thread(self._append, account.part, lines)
        account.bytes += len(lines)

    async def finish(self, plans: Sequence[PartitionPlan]) -> None:
        await in_thread(self._join, [self._part(plan.partition) for plan in plans])

    def _begin(self, partition: int, account: Account) -> None:
        """Behind the partition before, where this process wrote it; else in a part of its own."""
        own = self._part(partition)
        own.unlink(missing_ok=True)
        if 0 <= self._written == partition - 1:
            account.part, account.begin = self._open, self._part(self._open).stat().st_size
        else:
            account.part = partition
            own.touch()

    def _append(self, part: int, lines: bytes) -> None:
        with writing(self._file), self._part(part).open("ab") as opened:
            opened.write(lines)

    def _join(self, parts: Sequence[Path]) -> None:
        """1 the parts become one, `whole`, at once · 2 the parts go · 3 it gets its name; each step can be repeated."""
        with writing(self._file):
            there = [part for part in parts if part.exists()]
            if not there and not self._whole.exists():
                self._file.touch()
                return
            if not self._whole.exists():
                self._make_whole(there)
            for part in there:
                part.unlink(missing_ok=True)
            self._whole.replace(self._file)

    def _make_whole(self, parts: Sequence[Path]) -> None:
        if len(parts) == 1:
            parts[0].replace(self._whole)
            return
        made = self._file.with_name(f"{self._file.name}.joined")
        with made.open("wb") as joined:
            for part in parts:
                with part.open("rb") as one:
                    shutil.copyfileobj(one, joined)
        made.replace(self._whole)

    def _part(self, partition: int) -> Path:
        return self._file.with_name(f"{self._file.name}.{partition}.part")


def _record(update: ScoredUpdate) -> TopicRecord:
    """What stands for the update where a database refuses it."""
    return TopicRecord("scored", update.partition, update.record.event.offset, 0, update.key, b"", update.record)
