"""What one site needs of the log, folded: its own events, and the clock of the others. Scores nothing.

Sessions of other sites change a fold by their live clock alone, so their events only move it. What ClickHouse has of
the log is read from there, where a site's events are found without reading the others'; the rest from the source.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from ingest.events import base_site
from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.plan import indexed, source_of
from storage.replay.request import PartitionPlan, ReplaySelection
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import FoldResult
from stream.fold.session import Session
from stream.fold.update import UnscoredUpdate
from stream.replay import UNWRITTEN, Backfill, require_folding
from stream.required import in_force_at, required_versions

#: Takes the updates of a partition, in their order; returns how many sessions closed.
TakeUpdates = Callable[[int, Sequence[UnscoredUpdate]], int]


class SiteFold:
    """Folds partitions one after the other; raises FoldError, SourceError and ReplayError."""

    def __init__(
        self,
        world: ReplayContext,
        request: ReplaySelection,
        take: TakeUpdates,
        is_sampled: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        """`is_sampled`: of the sessions that are folded, by their key; the others move their clocks alone."""
        self._world = world
        self._request = request
        self._take_updates = take
        self._is_sampled = is_sampled
        #: By the site of a key.
        self._wanted: dict[bytes, bool] = {}

    async def fold(self, plan: PartitionPlan, account: Account, watcher: ProgressListener) -> None:
        """Fold one partition; what is closed at its cut goes to `take`."""
        await self._world.wait_for_versions(in_force_at(plan.begin))
        partition = self._world.make(plan.partition, plan.begin)
        partition.refused |= await in_thread(self._world.stored.refused, plan.partition)
        policy = Backfill(self._request.window, UNWRITTEN, plan.cut)
        before = partition.next
        async for records in self._records(plan):
            await self._world.wait_for_versions(required_versions(records))
            await in_thread(self._take, partition, records, policy, account)
            watcher.moved(max(0, min(partition.next, plan.last + 1) - before))
            before = partition.next
            if before > plan.last and not self._open(partition):
                break
        watcher.moved(max(0, plan.last + 1 - before))
        account.left_open += len(self._open(partition))

    async def _records(self, plan: PartitionPlan) -> AsyncIterator[Sequence[LogRecord]]:
        at, stored = plan.begin.next, self._world.stored
        kept = await indexed(self._world, plan.partition) if self._request.site else None
        if kept is not None and kept.start <= at < kept.end:
            async for records in stored.read_site(plan.partition, at, min(kept.end, plan.cut + 1), self._request.site):
                yield records
            at = min(kept.end, plan.cut + 1)
        async for records in source_of(self._world, self._request).read(plan.partition, at, plan.cut + 1):
            yield records

    def _take(self, partition: Partition, records: Sequence[LogRecord], policy: Backfill, account: Account) -> None:
        folded = FoldResult(policy=policy, has_views=False)
        for record in records:
            partition.skip_to(record.offset)
            if record.key is None or (self._is_wanted(record.key) and self._is_sampled(record.key)):
                partition.fold(record, folded)
            else:
                partition.advance_clock(record, folded)
        require_folding(partition, folded)
        for outcome, count in folded.counts.items():
            account.records[outcome] = account.records.get(outcome, 0) + count
        account.sessions += self._take_updates(partition.number, folded.updates)

    def _is_wanted(self, key: bytes) -> bool:
        prefix = key.partition(b"/")[0]
        wanted = self._wanted.get(prefix)
        if wanted is None:
            site, name = self._request.site, prefix.decode(errors="replace")
            wanted = self._wanted[prefix] = site in ("", name, base_site(name))
        return wanted

    def _open(self, partition: Partition) -> list[Session]:
        window = self._request.window
        return [each for each in partition.sessions() if window.holds(each.site, each.opened_at)]
