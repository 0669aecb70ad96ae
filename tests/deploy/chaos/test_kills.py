"""A kill while a part ends in order meets that process, never the one that starts after it."""

import random
import signal
from typing import Any

from deploy.chaos.faults.kills import KILLS


class RecordedInstallation:
    """Writes down what is asked of it; a part has ended by itself when SIGKILL comes."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.workers = ["worker-1"]
        self.parts = dict.fromkeys(("ingest", "writer", "worker-1"), self)

    def any_worker(self, chance: random.Random) -> str:
        return "worker-1"

    def hold_down(self, name: str) -> None:
        self.steps.append("held down")

    def release(self, name: str) -> None:
        self.steps.append("released")

    def expect_death(self, name: str) -> None:
        self.steps.append("death expected")

    def signal(self, number: signal.Signals) -> None:
        self.steps.append(number.name)


class Context:
    def __init__(self) -> None:
        self.installation: Any = RecordedInstallation()
        self.chance = random.Random(1)
        self.note = ""

    def rest(self, shortest: float, longest: float) -> None:
        self.installation.steps.append("rest")


def test_a_part_that_is_draining_does_not_start_again_before_it_is_killed() -> None:
    context: Any = Context()
    assert KILLS["kill -9 while draining"].inject(context) is not None
    assert context.installation.steps == ["held down", "death expected", "SIGTERM", "rest", "SIGKILL", "released"]
