"""Every fail point and every planted bug names what the program has."""

import inspect
import subprocess
import sys

import pytest

from deploy.chaos.faults.kinds import FAMILIES
from deploy.chaos.planted import PLANTED
from deploy.chaos.points import POINTS, resolve, stop_ticks
from stream.fold.clock import IDLE
from stream.publish import ListRecordPublisher
from stream.worker import Worker
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, FakeClient, FakeLog, worker_on
from tests.support.log import log_of


@pytest.mark.parametrize("name", POINTS)
def test_a_point_wraps_a_function_of_its_part(name: str) -> None:
    holder, last = resolve(POINTS[name].target)
    assert inspect.isfunction(inspect.getattr_static(holder, last))
    assert name.startswith(f"{POINTS[name].part}: ")


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_can_be_planted_and_has_a_fault_that_shows_it(name: str) -> None:
    kinds = {kind for family in FAMILIES.values() for kind in family}
    assert PLANTED[name].kind in kinds | {""}
    lines = f"from deploy.chaos.planted import PLANTED; PLANTED[{name!r}].apply()"
    subprocess.run([sys.executable, "-c", lines], check=True)


@pytest.mark.parametrize(
    ("target", "how"),
    [
        pytest.param("before", "", id="before"),
        pytest.param("after", "passed\n", id="after"),
    ],
)
def test_an_armed_point_ends_the_process_at_the_passage(target: str, how: str) -> None:
    lines = (
        "import sys",
        "from deploy.chaos import points",
        "from stream.fold import partition",
        "partition.lateness = lambda *_: print('passed', flush=True)",
        f"points.POINTS['here'] = points.FailPoint('worker', 'stream.fold.partition:lateness', {target!r})",
        "points.arm('here', 2)",
        "partition.lateness(1, 1, 1); print('one', flush=True); partition.lateness(1, 1, 1); print('two')",
    )
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert ended.returncode == -9
    assert ended.stdout == f"passed\none\n{how}"


@pytest.mark.parametrize(("part", "lost"), [("worker", [False, True]), ("writer", [True, False])])
def test_a_fetch_is_lost_by_the_part_that_is_to_lose_it_though_all_are_imported(part: str, lost: list[bool]) -> None:
    lines = (
        "from aiokafka import AIOKafkaConsumer",
        "from deploy.chaos import points",
        "from stream.kafka.consumer import RoundsConsumer",
        "fetches = lambda: (AIOKafkaConsumer.getmany, RoundsConsumer._wait_next_records)",
        "before = fetches()",
        f"points.drop_next_fetch({part!r})",
        "print([one is not other for one, other in zip(before, fetches(), strict=True)])",
    )
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert ended.stdout == f"{lost}\n"


def test_snapshots_are_due_sooner_where_they_are_hurried() -> None:
    lines = (
        "from types import SimpleNamespace as Fake",
        "from deploy.chaos import points",
        "from stream.snapshot.writer import SnapshotWriter",
        "points.hurry_snapshots(10, 0.0)",
        "writer = SnapshotWriter(None)",
        "at = lambda begin, next: Fake(recovery_mark=lambda: Fake(next=begin), next=next)",
        "print(writer.is_due(0, at(5, 14), 4), writer.is_due(0, at(5, 15), 4))",
        "points.hurry_snapshots(10, 60.0)",
        "print(writer.is_due(0, at(5, 15), 4), writer.is_due(0, at(5, 25), 4), writer.is_due(1, at(5, 25), 4))",
    )
    ended = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert ended.stdout == "False True\nTrue False True\n"


@pytest.mark.parametrize("commit_every", [pytest.param(0.0, id="with a commit"), pytest.param(60.0, id="between two")])
async def test_a_worker_whose_ticks_are_stopped_appends_none_however_late_it_is(
    commit_every: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream.worker.COMMIT_EVERY", commit_every)
    assert await ticks_of_a_late_worker() == 1
    # So that it is put back when this test ends.
    monkeypatch.setattr(Worker, "_append_tick", Worker._append_tick)
    stop_ticks()
    assert await ticks_of_a_late_worker() == 0


async def ticks_of_a_late_worker() -> int:
    log, records = FakeLog({0: log_of([event(1, NOON)])}), ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    await worker.commit(client)
    await worker.run_maintenance(client, NOON + IDLE)
    return len(records.topics.get(TOPICS.events, []))
