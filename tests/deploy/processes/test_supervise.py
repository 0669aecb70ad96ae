"""The supervisor with small children: what dies comes back, what must end ends, in order, and nothing is left."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from deploy.errors import AwayError, SetupError
from deploy.local.launch import LaunchPlan, run
from deploy.processes.rotation import BoundedLog
from deploy.processes.supervise import Supervisor
from tests.support.children import IGNORE, alive, child, kill, pids, wait_for


class Stage:
    """A supervisor in a folder, with what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor(folder, self.said.append, patience=5, pause=0.05)
        self.stop = asyncio.Event()

    def plan(self, *names: str, broker: str = "") -> LaunchPlan:
        async def prepare(supervisor: Supervisor) -> None:
            self.said.append("prepared")

        parts = tuple(child(name, self.folder) for name in names)
        return LaunchPlan(parts, prepare, (lambda: child("broker", self.folder, broker)) if broker else None)

    async def until(self, *starts: tuple[str, int]) -> None:
        """Waits until each name was started so often."""
        await asyncio.to_thread(wait_for, lambda: all(len(pids(name, self.folder)) >= count for name, count in starts))


def read(file: Path) -> list[str]:
    return file.read_text().splitlines(keepends=True) if file.exists() else []


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_what_dies_is_started_again_and_the_others_go_on(stage: Stage) -> None:
    running = asyncio.create_task(run(stage.plan("a", "b"), stage.supervisor, stage.stop, stage.said.append))
    await stage.until(("a", 1), ("b", 1))
    kill(pids("a", stage.folder)[0])
    await stage.until(("a", 2))
    stage.stop.set()
    await running
    assert len(pids("b", stage.folder)) == 1
    (line,) = stage.said[1:]
    assert line.startswith("a ended (killed by SIGKILL; by the operator, or by the kernel where memory ran out: see ")
    assert line.endswith("a.log): a says hello; it starts again in 0.05 s")
    assert not any(alive(pid) for name in "ab" for pid in pids(name, stage.folder))


async def test_a_stop_goes_through_the_parts_in_order(stage: Stage) -> None:
    plan = stage.plan("first", "second", "third", broker="time.sleep(600)")
    running = asyncio.create_task(run(plan, stage.supervisor, stage.stop, stage.said.append))
    await stage.until(("first", 1), ("second", 1), ("third", 1))
    stage.stop.set()
    await running
    assert (stage.folder / "ended").read_text().split() == ["first", "second", "third", "broker"]
    assert stage.said == ["prepared"]


async def test_a_deaf_child_is_killed_in_time(stage: Stage) -> None:
    stage.supervisor.patience = 0.2
    deaf = child("deaf", stage.folder, IGNORE)
    running = asyncio.create_task(stage.supervisor.keep([deaf], stage.stop))
    await asyncio.to_thread(wait_for, lambda: "deaf\n" in read(stage.folder / "deaf.log"))
    stage.stop.set()
    await asyncio.wait_for(running, 90)
    assert not alive(pids("deaf", stage.folder)[0])


async def test_pauses_grow(stage: Stage) -> None:
    running = asyncio.create_task(
        stage.supervisor.keep([child("weak", stage.folder, "print('no Kafka'); sys.exit(70)")], stage.stop)
    )
    await stage.until(("weak", 4))
    stage.stop.set()
    await running
    assert stage.said[:3] == [
        "weak ended (exit code 70; what it needs was away or failed, as its last line says; nothing is lost): "
        f"no Kafka; it starts again in {pause} s"
        for pause in ("0.05", "0.1", "0.2")
    ]


async def test_a_child_that_cannot_start_ends_everything_with_its_line(stage: Stage) -> None:
    refused = child("refused", stage.folder, "print('opecom: cannot listen', file=sys.stderr); sys.exit(2)")
    with pytest.raises(SetupError, match=r"^refused cannot start: cannot listen$"):
        await stage.supervisor.keep([child("other", stage.folder), refused], stage.stop)
    assert not any(alive(pid) for pid in pids("other", stage.folder))


async def test_when_the_broker_dies_everything_starts_anew(stage: Stage) -> None:
    plan = stage.plan("a", "b", broker="time.sleep(600)")
    running = asyncio.create_task(run(plan, stage.supervisor, stage.stop, stage.said.append))
    await stage.until(("a", 1), ("b", 1))
    kill(pids("broker", stage.folder)[0])
    await stage.until(("broker", 2), ("a", 2), ("b", 2))
    stage.stop.set()
    await running
    assert not any(alive(pid) for name in ("a", "b", "broker") for pid in pids(name, stage.folder))
    assert [stage.said[0], stage.said[2]] == ["prepared", "prepared"]
    assert stage.said[1].startswith("the broker ended (killed by SIGKILL; by the operator, or by the kernel")
    last = "its last line: broker says hello); everything starts again, and its log goes on"
    assert stage.said[1].endswith(last)


async def test_a_broker_that_goes_while_things_are_prepared_is_started_again(stage: Stage) -> None:
    prepared = 0

    async def prepare(supervisor: Supervisor) -> None:
        nonlocal prepared
        prepared += 1
        if prepared == 1:
            raise AwayError("Kafka does not answer")

    plan = LaunchPlan((child("a", stage.folder),), prepare, lambda: child("broker", stage.folder))
    running = asyncio.create_task(run(plan, stage.supervisor, stage.stop, stage.said.append))
    await stage.until(("a", 1))
    stage.stop.set()
    await running
    assert prepared == 2


async def test_a_broker_that_never_starts_is_given_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.launch.ATTEMPTS", 2)
    broken = dataclasses.replace(child("broker", stage.folder, "print('bad option'); sys.exit(1)"), ready=lambda: False)
    plan = LaunchPlan((), stage.plan().prepare, lambda: broken)
    with pytest.raises(SetupError, match=r"does not start \(exit code 1; a fault of the .*last line: bad option\)"):
        await run(plan, stage.supervisor, stage.stop, stage.said.append)
    assert len(pids("broker", stage.folder)) == 2


async def test_environment_and_output_of_a_child(stage: Stage) -> None:
    speaker = child("speaker", stage.folder, "print(os.environ['OPECOM_X']); print('x' * 3_000_000); print('last')")
    speaker = dataclasses.replace(speaker, environment={"OPECOM_X": "given"})
    code, last = await stage.supervisor.run_once(speaker, stage.stop)
    assert (code, last) == (0, "last")
    assert (stage.folder / "speaker.log").read_text().splitlines()[:2] == ["speaker says hello", "given"]
    assert (stage.folder / "speaker.log").stat().st_size > 3_000_000


def test_logs_are_bounded(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "a.log", limit=100)
    for number in range(100):
        log.write(b"line %d\n" % number)
    log.close()
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(sizes) == {"a.log", "a.log.1"}
    assert max(sizes.values()) <= 100
    assert log.last_words() == "line 99"


def test_a_full_disk_costs_log_lines_only() -> None:
    log = BoundedLog(Path("/dev/full"))
    log.write(b"important\n")
    log.close()
    assert log.last_words() == "important"
