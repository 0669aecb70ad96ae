"""The folder with which an embedded log goes on: it gives back what it was given, and a torn file counts as missing."""

from pathlib import Path

import msgspec
import pytest

from deploy.local.log_folder import LogFolder, PartitionCheckpoint


@pytest.fixture
def folder(tmp_path: Path) -> LogFolder:
    return LogFolder(tmp_path / "log")


def test_a_log_keeps_its_name_once_it_has_begun(folder: LogFolder) -> None:
    assert folder.name() is None
    name = folder.begin(4)
    assert (folder.name(), name.begun) == (name, False)
    folder.begun(name)
    assert folder.name() == msgspec.structs.replace(name, begun=True)


def test_another_log_has_nothing_of_the_one_before(folder: LogFolder) -> None:
    first = folder.begin(4)
    folder.keep_checkpoint({0: PartitionCheckpoint(events=3)})
    folder.keep_marks({0: (3, "{}")})
    second = folder.begin(4)
    assert second.id != first.id
    assert (folder.checkpoint(), folder.mark(0)) == ({}, None)


def test_checkpoint_and_marks_come_back(folder: LogFolder) -> None:
    kept = {0: PartitionCheckpoint(7, 9, 1, 5, "z:mark", b"site/s", b"\xff\x00"), 3: PartitionCheckpoint()}
    folder.keep_checkpoint(kept)
    folder.keep_marks({0: (5, '{"next":1, "clocks":{}}'), 1: (0, "")})
    assert folder.checkpoint() == kept
    assert [folder.mark(number) for number in range(3)] == [(5, '{"next":1, "clocks":{}}'), (0, ""), None]


@pytest.mark.parametrize("name", ["log.json", "checkpoint.json", "marks/0"])
def test_a_torn_file_counts_as_missing(folder: LogFolder, name: str) -> None:
    folder.begin(1)
    folder.keep_checkpoint({0: PartitionCheckpoint(events=3)})
    folder.keep_marks({0: (3, "{}")})
    (folder.folder / name).write_bytes(b"\xff{")
    found = {"log.json": folder.name(), "checkpoint.json": folder.checkpoint() or None, "marks/0": folder.mark(0)}
    assert found[name] is None


def test_a_broker_is_one_life_after_the_other(folder: LogFolder) -> None:
    folder.begin(1)
    lives = []
    for _ in range(2):
        folder.keep_marks({0: (3, "{}")})
        folder.filling()
        # What a worker committed to the broker before may not have come to any database.
        assert (folder.generation(), folder.mark(0)) == ("", None)
        folder.filled()
        lives.append(folder.generation())
    assert len(set(lives)) == 2
