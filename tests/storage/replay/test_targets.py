"""A replay into a file: parts, what an interruption leaves of them, and the file that comes of them."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storage.replay.account import Account
from storage.replay.errors import ReplayError
from storage.replay.request import PartitionPlan
from storage.replay.targets import FileTarget
from stream.fold.mark import Mark
from stream.replay import ReplayBatch


@pytest.fixture(autouse=True)
def _lines_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.replay.targets.encode_lines", b"".join)


class Process:
    """A process that tells partitions of a replay; accounts are those that the journal kept."""

    def __init__(self, file: Path, kept: dict[int, Account]) -> None:
        self._target = FileTarget(file)
        self._kept = kept

    def begin(self, partition: int) -> None:
        asyncio.run(self._target.resume(partition, self._account(partition)))

    def append_lines(self, partition: int, *lines: bytes, kept: bool = True) -> None:
        """Tell lines; with `kept` False this process dies before the journal has them."""
        account = self._account(partition)
        told = ReplayBatch([SimpleNamespace(record=line) for line in lines], (), {})  # type: ignore[misc]
        before = account.bytes
        asyncio.run(self._target.take(_plan(partition), (), told, account))
        if not kept:
            account.bytes = before

    def whole(self, partition: int, *lines: bytes) -> None:
        self.begin(partition)
        self.append_lines(partition, *lines)

    def finish(self) -> None:
        asyncio.run(self._target.finish([_plan(number) for number in range(3)]))

    def _account(self, partition: int) -> Account:
        return self._kept.setdefault(partition, Account())


def _plan(number: int) -> PartitionPlan:
    mark = Mark(0, {})
    return PartitionPlan(number, mark, 9, 9, mark)


def _files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "scores.jsonl"


def test_one_process_writes_one_part_that_becomes_the_file(file: Path) -> None:
    kept: dict[int, Account] = {}
    process = Process(file, kept)
    for number in range(3):
        process.whole(number, b"%d\n" % number)
    assert _files(file.parent) == ["scores.jsonl.0.part"]
    process.finish()
    assert (file.read_text(), _files(file.parent)) == ("0\n1\n2\n", ["scores.jsonl"])


@pytest.mark.parametrize("within", [0, 1, 2], ids=["the first", "one in the middle", "the last"])
@pytest.mark.parametrize("kept", [True, False], ids=["some of it kept", "nothing of it kept"])
def test_a_process_that_dies_within_a_partition(file: Path, within: int, kept: bool) -> None:
    accounts: dict[int, Account] = {}
    dies = Process(file, accounts)
    for number in range(within):
        dies.whole(number, b"%d\n" % number)
    dies.begin(within)
    if kept:
        dies.append_lines(within, b"%d begun\n" % within)
    dies.append_lines(within, b"lost\n", kept=False)
    again = Process(file, accounts)
    again.begin(within)
    again.append_lines(within, b"%d\n" % within)
    for number in range(within + 1, 3):
        again.whole(number, b"%d\n" % number)
    again.finish()
    told = [f"{number}\n" for number in range(3)]
    told[within] = (f"{within} begun\n" if kept else "") + told[within]
    assert (file.read_text(), _files(file.parent)) == ("".join(told), ["scores.jsonl"])


def test_a_process_that_dies_between_partitions(file: Path) -> None:
    kept: dict[int, Account] = {}
    Process(file, kept).whole(0, b"0\n")
    again = Process(file, kept)
    again.whole(1, b"1\n")
    again.whole(2, b"2\n")
    assert _files(file.parent) == ["scores.jsonl.0.part", "scores.jsonl.1.part"]
    again.finish()
    assert (file.read_text(), _files(file.parent)) == ("0\n1\n2\n", ["scores.jsonl"])


def test_processes_that_share_the_partitions(file: Path) -> None:
    kept: dict[int, Account] = {}
    one, other = Process(file, kept), Process(file, kept)
    one.begin(0)
    other.begin(1)
    other.append_lines(1, b"1\n")
    one.append_lines(0, b"0\n")
    one.whole(2, b"2\n")
    one.finish()
    assert (file.read_text(), _files(file.parent)) == ("0\n1\n2\n", ["scores.jsonl"])


@pytest.mark.parametrize("step", ["replace", "unlink"])
@pytest.mark.parametrize("at", [0, 1], ids=["at the first", "at the next"])
def test_finishing_can_be_interrupted_at_each_step(
    file: Path, step: str, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[int, Account] = {}
    for number in range(3):
        Process(file, kept).whole(number, b"%d\n" % number)
    done, act = [], getattr(Path, step)

    def dies(self: Path, *given: Any, **named: Any) -> Any:
        done.append(self)
        if len(done) > at:
            raise InterruptedError
        return act(self, *given, **named)

    with monkeypatch.context() as context:
        context.setattr(Path, step, dies)
        with pytest.raises((InterruptedError, ReplayError)):
            Process(file, kept).finish()
    Process(file, kept).finish()
    assert (file.read_text(), _files(file.parent)) == ("0\n1\n2\n", ["scores.jsonl"])
    Process(file, kept).finish()
    assert file.read_text() == "0\n1\n2\n"


def test_what_a_replay_left_behind_is_not_reported(file: Path) -> None:
    left: dict[int, Account] = {}
    for number in range(3):
        Process(file, left).whole(number, b"left\n")
    file.with_name("scores.jsonl.whole").write_text("left\n")
    process = Process(file, {})
    for number in range(3):
        process.whole(number, b"%d\n" % number)
    process.finish()
    assert (file.read_text(), _files(file.parent)) == ("0\n1\n2\n", ["scores.jsonl"])


def test_a_part_that_is_gone_is_reported(file: Path) -> None:
    kept: dict[int, Account] = {}
    Process(file, kept).whole(0, b"0\n")
    file.with_name("scores.jsonl.0.part").unlink()
    with pytest.raises(ReplayError, match=r"0.part is gone.*begin it again with --new"):
        Process(file, kept).begin(0)
