"""While a fault is held, parts that run are killed, and no others."""

import time
from typing import Any

import pytest

from deploy.chaos import kills_meanwhile
from deploy.chaos.kills_meanwhile import KillsMeanwhile


class FakePart:
    def __init__(self, alive: bool) -> None:
        self.alive = alive


class FakeInstallation:
    """Two parts that run, and one that does not."""

    def __init__(self) -> None:
        self.parts = {"ingest": FakePart(True), "worker-1": FakePart(True), "writer": FakePart(False)}
        self.killed: list[str] = []

    def kill(self, name: str) -> None:
        self.killed.append(name)


def test_some_that_run_are_killed_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    installation: Any = FakeInstallation()
    killing = KillsMeanwhile(installation, ["ingest", "worker-1", "writer", "worker-9"], 1, "Kafka away")
    killing()
    assert installation.killed == []
    for _ in range(20):
        clock[0] += kills_meanwhile.LAST
        killing()
    assert set(installation.killed) == {"ingest", "worker-1"}
    assert [part for part, _, _ in killing.killed] == [name.partition("-")[0] for name in installation.killed]
    assert {note for _, _, note in killing.killed} == {"ingest, during: Kafka away", "worker-1, during: Kafka away"}
