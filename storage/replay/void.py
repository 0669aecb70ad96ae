"""What is stored of the window and the replay did not make: taken out of every read, or only counted."""

from collections.abc import Collection, Sequence

from storage.block import Identity
from storage.replay.account import Account
from storage.replay.made import Made
from storage.replay.request import Plan, Request
from storage.replay.world import World
from stream.replay import UNWRITTEN


def void_stale(
    world: World, request: Request, number: int, plans: Sequence[Plan], left: Collection[Identity]
) -> Account:
    """Void the sessions and updates that replay `number` did not write, up to its cuts; `left` are open there.

    Blocking. Raises UnavailableError, and may then be called again.
    """
    account = Account()
    for stale in world.sessions.stale(request.window, number, _cuts(plans), world.partitions, left):
        world.sessions.void(stale)
        account.voided += len(stale)
    for plan in plans:
        for moments in world.timeline.stale(request.window, number, plan.partition, plan.cut, left):
            world.timeline.void(plan.partition, number, moments)
            account.table("scored_sessions").gone += len(moments)
    account.table("sessions").gone += account.voided
    return account


def count_gone(
    world: World, request: Request, plans: Sequence[Plan], left: Collection[Identity], made: Made
) -> Account:
    """Count the stored sessions of the window that are neither made nor open at the cut; changes nothing."""
    account = Account()
    for stale in world.sessions.stale(request.window, UNWRITTEN, _cuts(plans), world.partitions, left):
        account.voided += sum(each.identity not in made for each in stale)
    account.table("sessions").gone += account.voided
    return account


def _cuts(plans: Sequence[Plan]) -> dict[int, int]:
    return {plan.partition: plan.cut for plan in plans}
