"""Parts that die while another fault is in force: a service away, a network that does not pass."""

import random
import time
from collections.abc import Sequence

from deploy.chaos.installation import Installation

#: Seconds from one time to the next, at least and at most, and parts that die at once then.
FIRST, LAST, MOST = 1.0, 3.0, 3


class KillsMeanwhile:
    """Kills some running parts now and then, whenever it is called.

    `killed`: which part, when (seconds since 1970), a note.
    """

    def __init__(self, installation: Installation, parts: Sequence[str], seed: int, kind: str) -> None:
        self.killed: list[tuple[str, float, str]] = []
        self._installation = installation
        self._parts = parts
        self._chance = random.Random(seed)  # noqa: S311 - choices of a fault, no secret
        self._kind = kind
        self._due = self._next()

    def __call__(self) -> None:
        if time.monotonic() < self._due:
            return
        self._due = self._next()
        parts = self._installation.parts
        alive = [name for name in self._parts if name in parts and parts[name].alive]
        for name in self._chance.sample(alive, min(len(alive), self._chance.randint(1, MOST))):
            self._installation.kill(name)
            self.killed.append((name.partition("-")[0], time.time(), f"{name}, during: {self._kind}"))

    def _next(self) -> float:
        return time.monotonic() + self._chance.uniform(FIRST, LAST)
