"""Who comes: new visitors, and those who were here before, with the history that their browser would send. Pure."""

from bisect import insort
from collections.abc import Callable

from msgspec import Struct

from deploy.simulate.shop.parameters import VisitorClass
from ingest.commerce import VisitorHistory

DAY_MS = 86_400_000
#: Nobody comes again sooner, in ms: the tracker ends sessions after 30 minutes.
PAUSE = 3_600_000
#: Of returning sessions, the share whose visitor was last here before the simulation began.
FROM_BEFORE = 0.2


class ShopVisitor(Struct, frozen=True, order=True):
    """After a session that ended at `last`, ms UTC. Sorts by that."""

    last: int
    id: str
    sessions: int
    purchases: int


class ReturningVisitors:
    """Visitors with an earlier session, the last one first to come again; those who bought apart from the others."""

    def __init__(self) -> None:
        self._pools: dict[VisitorClass, list[ShopVisitor]] = {"returning": [], "customer": []}

    def take(self, kind: VisitorClass, at: int, new_id: str, draw: Callable[[], float]) -> ShopVisitor:
        """The visitor of a session that begins at `at`; `draw` gives numbers uniform in [0, 1)."""
        if kind == "new":
            return ShopVisitor(at, new_id, 0, 0)
        pool = self._pools[kind]
        if draw() >= FROM_BEFORE:
            ready = _ready(pool, at)
            if ready:
                return pool.pop(ready - 1 - int(ready * draw() ** 3))
        days = 0.5 + 20 * draw() ** 2
        purchases = 1 + int(2.5 * draw() ** 3) if kind == "customer" else 0
        return ShopVisitor(at - int(days * DAY_MS), new_id, 1 + purchases + int(6 * draw() ** 3), purchases)

    def put(self, visitor: ShopVisitor) -> None:
        """Take a visitor back after a session."""
        insort(self._pools["customer" if visitor.purchases else "returning"], visitor)


def history(visitor: ShopVisitor, at: int) -> VisitorHistory:
    """What the browser knows of a visitor who begins a session at `at`."""
    if not visitor.sessions:
        return VisitorHistory(0)
    return VisitorHistory(visitor.sessions, visitor.purchases, round((at - visitor.last) / DAY_MS, 3))


def _ready(pool: list[ShopVisitor], at: int) -> int:
    """How many were last here PAUSE before `at` or earlier; the newest ones are at the end of the pool."""
    ready = len(pool)
    while ready and pool[ready - 1].last > at - PAUSE:
        ready -= 1
    return ready
