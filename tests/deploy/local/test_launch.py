"""The lives of a broker in memory: parts that start again with it, and those that run on."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import SetupError
from deploy.local import launch
from deploy.local.broker_memory import wait_full
from deploy.local.launch import LaunchPlan
from deploy.processes.supervise import Child, Supervisor
from tests.support.children import alive, child, kill, pids, wait_for


async def prepare(supervisor: Supervisor) -> None:
    pass


class Launched:
    """A plan that runs: a broker, `part` on it, and `lasting` beside."""

    def __init__(
        self,
        folder: Path,
        lasting: Child,
        most_bytes: int = 0,
        drain: Callable[[], Coroutine[Any, Any, None]] = launch.at_once,
    ) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.stop = asyncio.Event()
        part = child("part", folder)
        plan = LaunchPlan(
            (part,),
            prepare,
            lambda: child("broker", folder),
            lasting=(lasting,),
            most_bytes=most_bytes,
            drain=drain,
        )
        supervisor = Supervisor(folder, self.lines.append, patience=5, pause=0.05)
        self.running = asyncio.create_task(launch.run(plan, supervisor, self.stop, self.lines.append))

    def starts(self, name: str) -> int:
        return len(pids(name, self.folder))

    async def until(self, holds: Callable[[], bool]) -> None:
        await asyncio.to_thread(wait_for, holds)

    def alive(self) -> set[str]:
        return {name for name in ("broker", "part", "lasting") if any(map(alive, pids(name, self.folder)))}


async def test_a_lasting_part_runs_on_when_the_broker_dies(tmp_path: Path) -> None:
    system = Launched(tmp_path, child("lasting", tmp_path))
    await system.until(lambda: system.starts("part") == system.starts("lasting") == 1)
    kill(pids("broker", tmp_path)[0])
    await system.until(lambda: system.starts("part") == 2)
    assert (system.starts("broker"), system.starts("lasting")) == (2, 1)
    system.stop.set()
    await system.running
    assert not system.alive()
    # What it accepted last goes through the others.
    assert (tmp_path / "ended").read_text().split()[-3:] == ["lasting", "part", "broker"]


async def test_a_full_broker_is_replaced_once_it_has_grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = dict[int, int]()

    def resident(pid: int) -> int:
        """Of a first broker 40 MB more each time; what comes after it stays at 90 MB, with which it was filled."""
        held[pid] = held.get(pid, 0) + (40 << 20) if pid == pids("broker", tmp_path)[0] else 90 << 20
        return held[pid]

    monkeypatch.setattr(launch, "wait_full", lambda pid, most: wait_full(pid, most, resident, 0.05))
    system = Launched(tmp_path, child("lasting", tmp_path), most_bytes=64 << 20)
    await system.until(lambda: system.starts("part") == 2)
    await asyncio.sleep(0.5)
    system.stop.set()
    await system.running
    assert (system.starts("broker"), system.starts("lasting")) == (2, 1)
    assert system.lines == ["the broker holds 64 MB (kafka.broker_megabytes): a new one takes over"]


async def test_a_lasting_part_that_cannot_run_ends_everything(tmp_path: Path) -> None:
    refused = child("lasting", tmp_path, "print('opecom: no port'); sys.exit(2)")
    system = Launched(tmp_path, refused)
    with pytest.raises(SetupError, match=r"^lasting cannot start: no port$"):
        await system.running
    assert not system.alive()


async def test_a_broker_without_a_bound_is_never_full() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await wait_full(lambda: 1, 0, lambda _: 1 << 40, 0.01)


def full_once() -> Callable[..., Coroutine[Any, Any, None]]:
    """A first broker is full at once, and those after it never are."""
    lives = iter([0.0])

    async def wait(*_: object) -> None:
        await asyncio.sleep(next(lives, 3_600))

    return wait


async def test_a_full_broker_ends_once_it_is_drained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drained, draining = asyncio.Event(), asyncio.Event()

    async def drain() -> None:
        draining.set()
        await drained.wait()

    monkeypatch.setattr(launch, "wait_full", full_once())
    system = Launched(tmp_path, child("lasting", tmp_path), most_bytes=64 << 20, drain=drain)
    async with asyncio.timeout(60):
        await draining.wait()
    await asyncio.sleep(0.3)
    assert system.alive() == {"broker", "part", "lasting"}
    assert system.starts("broker") == 1
    drained.set()
    await system.until(lambda: system.starts("broker") == 2)
    system.stop.set()
    await system.running


async def test_a_broker_that_dies_while_it_is_drained_is_replaced_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draining = asyncio.Event()

    async def drain() -> None:
        draining.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(launch, "wait_full", full_once())
    system = Launched(tmp_path, child("lasting", tmp_path), most_bytes=64 << 20, drain=drain)
    async with asyncio.timeout(60):
        await draining.wait()
    kill(pids("broker", tmp_path)[0])
    await system.until(lambda: system.starts("part") == 2)
    system.stop.set()
    await system.running
    assert not system.alive()
