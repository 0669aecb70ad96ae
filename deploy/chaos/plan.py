"""Which fault comes next: a seeded plan. Pure; knows no process and no clock."""

import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

#: The part of the faults that is followed by the next one before the system has recovered; of those whose recovery is
#: measured never more than that.
OVERLAPPING = 0.5
#: Seconds between two faults, at least and at most.
FIRST_PAUSE, LAST_PAUSE = 0.2, 2.0


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault: `seed` is that of its own choices, `alone` says that the next one waits for the recovery."""

    number: int
    kind: str
    seed: int
    pause: float
    alone: bool


def plan(
    weights: Mapping[str, int], seed: int, overlap: float = OVERLAPPING, measured: Collection[str] = ()
) -> Iterator[PlannedFault]:
    """Faults without end: rounds in which each kind comes as often as it weighs, in any order.

    The first round has each kind once, so that a short run meets as many kinds as it has time for. `overlap` is the
    part of the faults that the next one does not wait for; of the `measured` kinds OVERLAPPING at most, unless it is
    all of them.
    """
    chance = random.Random(seed)  # noqa: S311 - a plan, no secret
    number = 0
    whole = [kind for kind, weight in sorted(weights.items()) for _ in range(weight)]
    kinds = sorted(weights)
    while True:
        for kind in chance.sample(kinds, len(kinds)):
            pause = round(chance.uniform(FIRST_PAUSE, LAST_PAUSE), 2)
            overlapping = min(overlap, OVERLAPPING) if kind in measured and overlap < 1 else overlap
            yield PlannedFault(number, kind, chance.getrandbits(32), pause, chance.random() >= overlapping)
            number += 1
        kinds = whole
