"""What is stored of the window and the replay did not make: taken out of every read, or only counted."""

from collections.abc import Collection, Sequence

from storage.database.threads import each_in_thread, in_thread
from storage.replay.account import Account
from storage.replay.context import ReplayContext
from storage.replay.identity_set import IdentitySet
from storage.replay.request import PartitionPlan, ReplaySelection
from stream.replay import UNWRITTEN
from stream.scored import Identity


async def void_stale(
    world: ReplayContext,
    request: ReplaySelection,
    number: int,
    plans: Sequence[PartitionPlan],
    left: Collection[Identity],
) -> Account:
    """Void the sessions and updates that replay `number` did not write, up to its cuts; `left` are open there.

    Raises UnavailableError, and may then be called again: what is counted is what this replay has voided, whenever.
    """
    sessions, timeline = world.sessions, world.timeline
    async for stale in each_in_thread(sessions.stale(request.window, number, _cuts(plans), world.partitions, left)):
        await in_thread(sessions.void, stale)
    for plan in plans:
        async for moments in each_in_thread(timeline.stale(request.window, number, plan.partition, plan.cut, left)):
            await in_thread(timeline.void, plan.partition, number, moments)
    account = Account()
    account.voided = await in_thread(sessions.voided, number)
    account.table("sessions").gone = account.voided
    account.table("scored_sessions").gone = await in_thread(timeline.voided, number)
    return account


async def count_gone(
    world: ReplayContext,
    request: ReplaySelection,
    plans: Sequence[PartitionPlan],
    left: Collection[Identity],
    made: IdentitySet,
) -> Account:
    """Count the stored sessions of the window that are neither made nor open at the cut; changes nothing."""
    account = Account()
    stored = world.sessions.stale(request.window, UNWRITTEN, _cuts(plans), world.partitions, left)
    async for stale in each_in_thread(stored):
        account.voided += sum(each.identity not in made for each in stale)
    account.table("sessions").gone += account.voided
    return account


def _cuts(plans: Sequence[PartitionPlan]) -> dict[int, int]:
    return {plan.partition: plan.cut for plan in plans}
