"""One replay, from the lock to the last void record."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Generator, Sequence
from functools import partial

from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.errors import ReplayError
from storage.replay.feature_check import FeatureCheck
from storage.replay.identity_set import IdentitySet
from storage.replay.journal import Checkpoint, begun, unfinished
from storage.replay.partition import OpenSession, PartitionRun, patiently
from storage.replay.plan import plan
from storage.replay.request import PartitionPlan, ReplaySelection
from storage.replay.shadow import Shadow
from storage.replay.training import TrainingSet
from storage.replay.trial import InterventionTrial
from storage.replay.void import count_gone, void_stale
from stream.kafka.source import SourceError
from stream.kafka.topic_follower import TopicMissingError
from stream.replay import UNWRITTEN, FoldError

#: Replays partitions in other processes: takes the replay's number and the partitions, returns when they are done.
Elsewhere = Callable[[int, Sequence[int]], Awaitable[None]]
#: What folds sites, by what it makes.
_SITE_FOLDS: dict[str, type[TrainingSet | Shadow | FeatureCheck | InterventionTrial]] = {
    "features": TrainingSet,
    "shadow": Shadow,
    "check": FeatureCheck,
    "trial": InterventionTrial,
}
#: Seconds between two looks at what other processes have done.
LOOK_EVERY = 0.5


async def replay(
    world: ReplayContext,
    request: ReplaySelection,
    watcher: ProgressListener,
    *,
    anew: bool = False,
    own_only: bool = False,
    elsewhere: Elsewhere | None = None,
) -> Account:
    """Replay the log as requested and give an account of it; raises ReplayError.

    What can never run is refused first: kept, it would look like an interrupted replay. `own_only`: whoever asks may
    give up no replay of other sites than its own.

    1 take the log's lock · 2 go on with the interrupted replay of the same request, or plan a new one, whose cuts and
    number are kept before anything is published · 3 wait until workers and writer have passed the cuts, so that nothing
    older is written later · 4 fold, compare and publish each partition, keeping checkpoints · 5 void what is stored and
    was not made · 6 the replay is done. A crash anywhere leaves a replay that goes on at its checkpoints; what it
    tells twice is the same.
    """
    if request.fault:
        raise ReplayError(request.fault)
    with _explained():
        if request.model:
            world.models(request.model)
        if request.folds_sites:
            made = _SITE_FOLDS[request.into](world, request)
            plans = await _plans(world, request)
            watcher.planned(0, sum(each.records for each in plans), 0)
            await _until_written(world, request, plans, watcher)
            return await made.make(plans, watcher)
        if request.into == "nothing":
            return await _unkept(world, request, watcher)
        with world.journal.held():
            number = await _begun(world, request, watcher, anew, own_only)
            checkpoints = world.journal.checkpoints(number)
            plans = [checkpoint.plan for checkpoint in checkpoints]
            watcher.planned(number, sum(each.records for each in plans), sum(map(_folded, checkpoints)))
            await _until_written(world, request, plans, watcher)
            if elsewhere is None:
                left = await _write(world, request, number, checkpoints, watcher.moved)
            else:
                await _watched(world, number, elsewhere(number, [each.partition for each in plans]), watcher)
                run = _run(world, request, number, watcher.moved)
                left = [each for one in plans for each in await run.open(one)]
            account = world.journal.account(number)
            if request.into == "databases":
                identities = {each.identity for each in left}
                account.add(await patiently(lambda: void_stale(world, request, number, plans, identities)))
            await world.target(request).finish(plans)
            world.journal.end(number, "done", account)
            return account


async def write_partitions(world: ReplayContext, number: int, partitions: Collection[int]) -> None:
    """Step 4 for some partitions of a replay that another process has begun; raises ReplayError."""
    with _explained():
        entry = world.journal.entry(number)
        if entry is None:
            raise ReplayError(f"there is no replay {number}: `opecom replay --list` shows those there are")
        chosen = [each for each in world.journal.checkpoints(number) if each.plan.partition in partitions]
        await _write(world, entry.request, number, chosen, lambda _: None)


async def _begun(
    world: ReplayContext, request: ReplaySelection, watcher: ProgressListener, anew: bool, own_only: bool
) -> int:
    """The number of the interrupted replay of this request, or of a new one.

    A replay of other sites neither stands in the way nor is given up.
    """
    interrupted = [each for each in unfinished(world.journal.entries()) if each.request.may_meet(request)]
    for each in interrupted:
        if each.request == request and not anew:
            watcher.report(f"going on with replay {each.number}, which was interrupted")
            return each.number
    for each in interrupted:
        if own_only and not request.covers(each.request):
            raise ReplayError(
                f"replay {each.number} of all sites was interrupted: a key of all sites goes on with it or gives it up"
            )
        if not anew:
            raise ReplayError(
                f"replay {each.number} was interrupted: give its own command again to go on with it "
                "(`opecom replay --list` shows it), or add --new to leave it as it is and begin this one"
            )
    for each in interrupted:
        world.journal.end(each.number, "abandoned", world.journal.account(each.number))
    plans = await _plans(world, request)
    # Where the journal was lost and the timeline was not, its numbers are still taken.
    taken = await patiently(lambda: in_thread(world.timeline.greatest_number))
    return world.journal.begin(request, plans, taken + 1)


async def _plans(world: ReplayContext, request: ReplaySelection) -> list[PartitionPlan]:
    return [await patiently(lambda n=n: plan(world, request, n)) for n in range(world.partitions)]  # type: ignore[misc]


async def _until_written(
    world: ReplayContext, request: ReplaySelection, plans: Sequence[PartitionPlan], watcher: ProgressListener
) -> None:
    if request.reads_databases:
        remark = await world.written({each.partition: each.cut for each in plans})
        if remark:
            watcher.report(remark)


async def _write(
    world: ReplayContext,
    request: ReplaySelection,
    number: int,
    checkpoints: Sequence[Checkpoint],
    moved: Callable[[int], None],
) -> list[OpenSession]:
    run = _run(world, request, number, moved)
    return [left for checkpoint in checkpoints for left in await run.write(checkpoint)]


def _run(world: ReplayContext, request: ReplaySelection, number: int, moved: Callable[[int], None]) -> PartitionRun:
    kept = partial(world.journal.keep, number)
    return PartitionRun(world, request, number, world.target(request), moved, kept)


async def _watched(world: ReplayContext, number: int, work: Awaitable[None], watcher: ProgressListener) -> None:
    """Tell the watcher what the journal says while other processes work."""
    task = asyncio.ensure_future(work)
    seen = sum(map(_folded, world.journal.checkpoints(number)))
    while not task.done():
        await asyncio.wait({task}, timeout=LOOK_EVERY)
        now = sum(map(_folded, world.journal.checkpoints(number)))
        watcher.moved(now - seen)
        seen = now
    await task


async def _unkept(world: ReplayContext, request: ReplaySelection, watcher: ProgressListener) -> Account:
    """A replay that changes nothing that is stored, and keeps no journal: it begins again where it was interrupted."""
    plans = await _plans(world, request)
    watcher.planned(0, sum(each.records for each in plans), 0)
    await _until_written(world, request, plans, watcher)
    made = IdentitySet() if request.diff else None
    target = world.target(request)
    run = PartitionRun(world, request, UNWRITTEN, target, watcher.moved, lambda _: None, made)
    checkpoints = [begun(each) for each in plans]
    left = [each for checkpoint in checkpoints for each in await run.write(checkpoint)]
    account = Account()
    for checkpoint in checkpoints:
        account.add(checkpoint.account)
    if made is not None:
        identities = {each.identity for each in left}
        account.add(await patiently(lambda: count_gone(world, request, plans, identities, made)))
        made.close()
    await target.finish(plans)
    return account


def _folded(checkpoint: Checkpoint) -> int:
    plan = checkpoint.plan
    return min(plan.records, max(0, checkpoint.next - plan.begin.next))


@contextlib.contextmanager
def _explained() -> Generator[None, None, None]:
    """Whatever keeps a replay from going on as one line."""
    try:
        yield
    except (FoldError, SourceError, TopicMissingError, DatabaseUnavailableError) as error:
        raise ReplayError(str(error)) from error
