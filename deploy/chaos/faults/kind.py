"""What a kind of fault is, and what it is given."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deploy.chaos.installation import Installation
from deploy.chaos.services import ServiceName


@dataclass
class FaultContext:
    """`chance` makes the fault's own choices; `away_seconds` is how long a service stays away. `erased` takes the
    sessions that a fault has had erased, with their visitors; `note` is what people want to know of the fault."""

    installation: Installation
    chance: random.Random
    away_seconds: float
    #: Fail points still to come, so that a run meets them all.
    points: Iterator[str]
    #: Seconds in which the system must be whole again after the fault.
    recovers_within: float
    erased: dict[str, str] = field(default_factory=dict)
    note: str = ""
    #: Called again and again while a fault is held; it may kill parts.
    meanwhile: Callable[[], None] = lambda: None

    def any_service(self) -> ServiceName:
        return self.chance.choice(("kafka", "mariadb", "clickhouse"))

    def rest(self, shortest: float, longest: float) -> None:
        self.installation.rest(self.chance.uniform(shortest, longest))

    def hold(self, shortest: float, longest: float) -> None:
        """The same for a fault that lasts as long: other faults may come meanwhile."""

        def ended() -> bool:
            self.meanwhile()
            return False

        self.installation.until(ended, self.chance.uniform(shortest, longest))


@dataclass(frozen=True, slots=True)
class FaultKind:
    """`inject` does the whole of it and returns when its cause ended, by the monotonic clock; None: it did not happen.

    `weight` is how often it comes in a round of the plan. `unavailable` says why this machine cannot have it. Where the
    recovery is `measured`, a fault that is left alone waits until the system has recovered from those before.
    """

    inject: Callable[[FaultContext], float | None]
    weight: int = 1
    unavailable: Callable[[], str] = lambda: ""
    measured: bool = False


def now() -> float:
    return time.monotonic()
