"""One partition of a replay: what is open at the cut, then every batch folded, compared, published and kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from functools import partial
from time import monotonic
from typing import NamedTuple, TypeVar

from scoring.model import Model
from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.compare import compare_sessions, compare_updates, compare_views
from storage.replay.context import ReplayContext
from storage.replay.errors import ReplayError
from storage.replay.identity_set import IdentitySet
from storage.replay.journal import Checkpoint
from storage.replay.plan import source_of
from storage.replay.request import PartitionPlan, ReplaySelection
from storage.replay.targets import ReplayTarget
from stream.fold.late import LateEvents
from stream.fold.mark import Mark
from stream.fold.partition import LogRecord, Partition
from stream.replay import NEVER, Backfill, PartitionReplay, ReplayBatch, between, follow
from stream.required import in_force_at, required_versions
from stream.scored import Identity, identity_of
from stream.step import ScoredUpdate

#: Seconds between two checkpoints.
CHECKPOINT_EVERY = 1.0
#: How long a database may be away, in seconds, and the pauses between two tries.
PATIENCE, PAUSE = 60.0, 0.5

Result = TypeVar("Result")


class OpenSession(NamedTuple):
    """A session of the window that is open at the cut, which is the live workers'."""

    first_offset: int
    identity: Identity
    updates: int
    views: int


class PartitionRun:
    """Publishes one partition; `moved` is called with how many records were folded, `kept` gets each checkpoint."""

    def __init__(
        self,
        world: ReplayContext,
        request: ReplaySelection,
        number: int,
        target: ReplayTarget,
        moved: Callable[[int], None],
        kept: Callable[[Checkpoint], None],
        made: IdentitySet | None = None,
    ) -> None:
        self._world = world
        self._request = request
        self._number = number
        self._target = target
        self._moved = moved
        self._kept = kept
        self._made = made
        self._left: set[Identity] = set()

    async def write(self, checkpoint: Checkpoint) -> list[OpenSession]:
        """Go on at the checkpoint until the plan's end; returns what is open at the cut."""
        plan, account = checkpoint.plan, checkpoint.account
        late = await self._late(plan)
        left = await self._open(plan, late)
        self._left = {each.identity for each in left}
        if checkpoint.done:
            return left
        restored = await patiently(lambda: in_thread(self._lost, plan, left))
        firsts = frozenset(each.first_offset for each in left)
        replay = PartitionReplay(
            await self._state(plan.partition, checkpoint.mark),
            plan.cut,
            Backfill(self._request.window, self._number, plan.cut, firsts, restored),
            self._models,
            checkpoint.next,
            late and late.again(),
        )
        await self._target.resume(plan.partition, account)
        keep_at = monotonic() + CHECKPOINT_EVERY
        async for records in _cut_at(
            checkpoint.counted,
            source_of(self._world, self._request).read(plan.partition, checkpoint.mark.next, plan.cut + 1),
        ):
            await self._world.wait_for_versions(required_versions(records))
            before = max(replay.partition.next, checkpoint.next)
            replay.partition.mark()
            mark = plan.begin if late is not None else replay.partition.recovery_mark()
            batch = await in_thread(replay.take, records)
            after = replay.partition.next
            if before >= checkpoint.counted:
                await self._count(plan, batch, account, before, after)
            if batch.updates or monotonic() >= keep_at:
                await self._keep(Checkpoint(plan, before, max(after, checkpoint.counted), mark, account))
                keep_at = monotonic() + CHECKPOINT_EVERY
            fresh = between(records, before, after)
            await patiently(partial(self._target.take, plan, fresh, batch, account))
            self._moved(max(0, after - before))
            if after > plan.last and not self._wanted(replay):
                break
        account.left_open += len(left) - len(restored)
        account.restored += len(restored)
        await self._keep(Checkpoint(plan, plan.cut + 1, plan.cut + 1, plan.begin, account))
        return left

    async def open(self, plan: PartitionPlan) -> list[OpenSession]:
        """The sessions of the window that are open at the cut."""
        return await self._open(plan, await self._late(plan))

    async def _open(self, plan: PartitionPlan, late: LateEvents | None) -> list[OpenSession]:
        partition, again = await self._state(plan.partition, plan.tail), late and late.again()
        async for records in source_of(self._world, self._request).read(plan.partition, plan.tail.next, plan.cut + 1):
            await self._world.wait_for_versions(required_versions(records))
            await in_thread(follow, partition, records, again)
        return [
            OpenSession(
                session.first_offset,
                (session.site, session.session_id, session.opened_at),
                session.events,
                len(session.views),
            )
            for session in partition.sessions()
            if self._request.window.holds(session.site, session.opened_at)
        ]

    async def _state(self, number: int, mark: Mark) -> Partition:
        """The partition as it stood at the mark; models that live workers refused are refused again."""
        await self._world.wait_for_versions(in_force_at(mark))
        partition = self._world.make(number, mark)
        partition.refused |= await patiently(lambda: in_thread(self._world.stored.refused, number))
        return partition

    async def _keep(self, checkpoint: Checkpoint) -> None:
        await patiently(lambda: in_thread(self._kept, checkpoint))

    async def _count(self, plan: PartitionPlan, batch: ReplayBatch, account: Account, first: int, end: int) -> None:
        """Compare one batch with what is stored, and count it."""
        if self._request.reads_databases:
            await patiently(lambda: in_thread(self._compare, plan, batch.updates, account, first, end))
        for outcome, count in batch.counts.items():
            account.records[outcome] = account.records.get(outcome, 0) + count
        account.updates += len(batch.updates)
        account.sessions += sum(update.record.status == "closed" for update in batch.updates)

    def _compare(
        self, plan: PartitionPlan, updates: Sequence[ScoredUpdate], account: Account, first: int, end: int
    ) -> None:
        world, log = self._world, self._world.log
        closed = [update.record for update in updates if update.record.status == "closed"]
        identities = [identity_of(update) for update in closed]
        rows = world.sessions.sessions(identities)
        views = world.sessions.views(identities) if self._request.diff else {}
        moments = world.timeline.updates(plan.partition, first, end) if self._request.diff else {}
        # Nothing below fails, so a batch that is compared again was not counted before.
        compare_sessions(log, closed, rows, account)
        if self._request.diff:
            compare_views(log, closed, views, account)
            gone = compare_updates(log, updates, moments, account)
            if self._made is not None:
                account.table("scored_sessions").gone += sum(
                    self._request.window.holds(site, opened_at) and (site, session_id, opened_at) not in self._left
                    for (site, session_id, opened_at), _, _ in gone
                )
        if self._made is not None:
            self._made.add(identities)

    def _lost(self, plan: PartitionPlan, left: Collection[OpenSession]) -> frozenset[int]:
        """Those of the open sessions of which a database lacks something; another model does not concern them."""
        if self._request.into != "databases" or self._request.model or not left:
            return frozenset()
        identities = [each.identity for each in left]
        rows = self._world.sessions.sessions(identities)
        views = self._world.sessions.view_counts(identities)
        first = min(each.first_offset for each in left)
        updates = self._world.timeline.update_counts(plan.partition, first, plan.cut)
        return frozenset(
            each.first_offset
            for each in left
            if each.identity not in rows
            or views.get(each.identity, 0) < each.views
            or updates.get(each.identity, 0) < each.updates
        )

    async def _late(self, plan: PartitionPlan) -> LateEvents | None:
        if not self._request.include_late:
            return None
        late = LateEvents(self._world.calendars, self._world.erasures, plan.begin.clocks)
        source = source_of(self._world, self._request)
        async for records in source.read(plan.partition, plan.begin.next, plan.cut + 1):
            await in_thread(_look, late, records)
        return late

    def _models(self, in_force: str) -> Model:
        return self._world.models(self._request.model or in_force)

    def _wanted(self, replay: PartitionReplay) -> bool:
        window = self._request.window
        return any(window.holds(session.site, session.opened_at) for session in replay.partition.sessions())


async def _cut_at(offset: int, batches: AsyncIterator[Sequence[LogRecord]]) -> AsyncIterator[Sequence[LogRecord]]:
    """The batches, none of them with records from both sides of the offset."""
    async for records in batches:
        for part in (between(records, 0, offset), between(records, offset, NEVER)):
            if part:
                yield part


def _look(late: LateEvents, records: Sequence[LogRecord]) -> None:
    for record in records:
        late.look(record)


async def patiently(act: Callable[[], Awaitable[Result]]) -> Result:
    """What `act` gives, once the databases are there; raises ReplayError when one stays away for PATIENCE."""
    deadline = monotonic() + PATIENCE
    while True:
        try:
            return await act()
        except DatabaseUnavailableError as error:
            if monotonic() > deadline:
                raise ReplayError(
                    f"a database has been away for {PATIENCE:.0f} s ({error}): see storage.url and "
                    "storage.clickhouse_host; the same command goes on where it stopped"
                ) from error
            await asyncio.sleep(PAUSE)
