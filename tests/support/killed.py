"""Parts of the services profile that a test kills at random and starts again."""

import random
import time
from pathlib import Path

from tests.support.processes import Part
from tests.support.stack import Stack

#: The exit code of a part that a service failed.
FAILED = 70


class Parts:
    """Ingest, worker and writer as processes; what is killed, or finds a service away at its start, starts again."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        settings = stack.settings
        self._variables = stack.environment
        self._folder = folder
        self._ports = {
            "ingest": settings.ingest.port,
            "worker": settings.worker.metrics_port,
            "writer": settings.storage.metrics_port,
        }
        self.running: dict[str, Part] = {}
        self.kills = dict.fromkeys(self._ports, 0)
        self.ended = dict.fromkeys(self._ports, 0)

    def start(self) -> None:
        for name in self._ports:
            self._begin(name)
        for part in self.running.values():
            part.wait_ready(90)

    def settle(self, seconds: float = 120) -> None:
        """Until all are ready."""
        deadline = time.monotonic() + seconds
        while not all(part.ready for part in self.running.values()):
            assert time.monotonic() < deadline, "\n".join(part.words() for part in self.running.values())
            self._revive()
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """kill -9, and a new one in its place, whether or not the old one was ready yet."""
        self._revive()
        self.running[name].kill()
        self.kills[name] += 1
        self._begin(name)

    def order(self, times: int, chance: random.Random) -> list[str]:
        """Names of parts to kill, all of them equally often, in any order."""
        chosen = (list(self._ports) * (times // len(self._ports) + 1))[:times]
        chance.shuffle(chosen)
        return chosen

    def end(self) -> None:
        for part in self.running.values():
            part.kill()

    def _revive(self) -> None:
        """Start what ended by itself, as a supervisor does; only for the reason that a service was away."""
        for name, part in list(self.running.items()):
            if not part.alive:
                assert part.code == FAILED, part.words()
                self.ended[name] += 1
                self._begin(name)

    def _begin(self, name: str) -> None:
        self.running[name] = Part(name, self._folder, self._variables, self._ports[name])
