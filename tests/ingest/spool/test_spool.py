"""The spool's entrance and its files: one fsync for many, a bound, a full disk, damage that is reported."""

import asyncio
import errno
import logging
import os
from pathlib import Path

import pytest

from ingest.publish import LogUnavailableError
from ingest.spool import files
from ingest.spool.folder import SpoolFolder
from ingest.spool.frames import FRAME_BYTES, HEAD
from tests.ingest.spool.test_kills import Lives, lives

__all__ = ["lives"]


async def test_many_requests_share_an_fsync(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    life, synced = lives(), 0
    real = os.fdatasync

    def counted(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        real(descriptor)

    monkeypatch.setattr(files.os, "fdatasync", counted)
    await asyncio.gather(*(life.accept([0, 1]) for _ in range(50)))
    assert synced <= 3, "the head of the file, and one or two frames"
    await life.drain_all()
    life.accepted.sort(key=lambda record: record.timestamp)
    life.check()


async def test_no_request_is_answered_before_the_disk_has_it(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    life = lives()
    await life.accept([0])
    order: list[str] = []
    real = os.fdatasync

    def noted(descriptor: int) -> None:
        real(descriptor)
        order.append("synced")

    monkeypatch.setattr(files.os, "fdatasync", noted)
    await life.accept([0])
    order.append("accepted")
    assert order == ["synced", "accepted"]


async def test_a_full_spool_refuses_and_takes_again_when_it_is_drained(lives: Lives) -> None:
    life = lives(None, 500)
    while life.folder.size < 450:
        await life.accept([0])
    with pytest.raises(LogUnavailableError, match=r"ingest\.spool_bytes") as full:
        await life.accept([0, 0])
    assert full.value.retry_after == 5
    assert life.folder.size <= 500
    life.kill()
    life.begin()
    await life.drain_all()
    await life.accept([0])
    await life.drain_all()
    life.check()


async def test_records_beyond_the_bound_are_refused_at_once(lives: Lives) -> None:
    life = lives()
    with pytest.raises(LogUnavailableError, match=r"ingest\.max_in_flight"):
        await life.spool.append(life.records([0] * 10_001))
    assert life.spool.in_flight == 0


async def test_a_disk_that_is_full_refuses_and_nothing_accepted_is_lost(
    lives: Lives, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    life = lives()
    await life.accept([0, 1])
    real = os.write

    def half_then_full(descriptor: int, data: bytes) -> int:
        if len(data) > 10:
            return real(descriptor, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "write", half_then_full)
    for _ in range(3):
        with pytest.raises(LogUnavailableError, match=r"\(data_dir\) cannot be written: .*No space left"):
            await life.spool.append(life.records([0]))
    with pytest.raises(LogUnavailableError, match="No space left"):
        await life.spool.check()
    assert len(caplog.records) == 1, "one line for an outage"
    monkeypatch.setattr(files.os, "write", real)
    await life.spool.check()
    await life.accept([1, 0])
    life.kill()
    life.begin()
    await life.drain_all()
    life.check()
    assert life.folder.lost == 0


async def test_what_a_failed_fsync_left_behind_is_passed_over(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    life = lives()
    await life.accept([0])
    monkeypatch.setattr(files.os, "fdatasync", _broken)
    monkeypatch.setattr(files.os, "ftruncate", _broken)
    with pytest.raises(LogUnavailableError, match="Input/output error"):
        await life.spool.append(life.records([0, 0]))
    monkeypatch.undo()
    await life.accept([0, 1, 2])
    life.kill()
    life.begin()
    await life.drain_all()
    life.check()
    assert life.folder.lost == 0


async def test_damage_is_one_line_that_names_file_and_place_and_all_else_is_sent(
    lives: Lives, caplog: pytest.LogCaptureFixture
) -> None:
    life = lives()
    for partitions in ([0], [1, 1], [2]):
        await life.accept(partitions)
    (file,) = life.path.glob("*.spool")
    data = bytearray(file.read_bytes())
    begin = len(HEAD) + FRAME_BYTES + 16 + 3
    data[begin + FRAME_BYTES + 5] ^= 1
    life.kill()
    file.write_bytes(data)
    life.begin()
    await life.drain_all()
    assert [len(log) for log in life.log.partitions] == [1, 0, 1]
    assert life.folder.lost == 2
    (line,) = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert f"{file} is damaged from byte {begin} to" in line
    assert "2 accepted events are lost" in line
    assert [path.name for path in life.path.glob("*.damaged")] == [file.with_suffix(".damaged").name]


async def test_a_segment_that_somebody_removed_is_reported(lives: Lives, caplog: pytest.LogCaptureFixture) -> None:
    life = lives()
    await life.accept([0, 1])
    life.kill()
    life.begin()
    await life.accept([2])
    sorted(life.path.glob("*.spool"))[0].unlink()
    await life.drain_all()
    assert [len(log) for log in life.log.partitions] == [0, 0, 1]
    assert life.folder.lost == 2
    assert "2 accepted events are lost" in caplog.text


def test_a_file_without_a_whole_record_is_kept_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "00000000000000000007.spool").write_bytes(HEAD + b"noise")
    (tmp_path / "00000000000000000003.spool").write_bytes(HEAD[:4])
    folder = SpoolFolder(tmp_path)
    assert [segment.first for segment in folder.segments] == [3]
    assert "00000000000000000007.damaged" in caplog.text
    folder.close()


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    first = SpoolFolder(tmp_path)
    with pytest.raises(BlockingIOError):
        SpoolFolder(tmp_path)
    first.close()
    SpoolFolder(tmp_path).close()


def _broken(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")
