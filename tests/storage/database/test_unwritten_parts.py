"""Writes that the system refuses: chDB takes no notice, a look at the files does, and a restart brings rows back."""

import asyncio
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from deploy.settings.model import Settings
from deploy.wiring import unwritten
from deploy.wiring.storage import databases
from storage.database.detached_parts import detached_parts
from storage.database.unwritten_parts import unwritten_parts
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.writer import WriterError
from tests.support.refused_writes import refused_writes
from tests.support.scored import scored
from tests.support.sinks import block

BLOCKS = 5
ROWS = "SELECT count() FROM scored_sessions"


def write_blocks(client: Any) -> None:
    client.command("SYSTEM STOP MERGES")
    for first in range(1, 4 * BLOCKS, 4):
        AnalyticsSink(client).write(block(*(scored(offset) for offset in range(first, first + 4))))


async def test_rows_of_a_merge_that_was_not_written_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwritten, "LOOK_SECONDS", 0.01)
    settings, stop = Settings(data_dir=tmp_path), asyncio.Event()
    async with databases(settings) as opened:
        write_blocks(opened.client)
        assert unwritten_parts(opened.client) == []
        opened.client.command("SYSTEM START MERGES")
        with refused_writes():
            opened.client.command("OPTIMIZE TABLE scored_sessions FINAL")
        watching = asyncio.create_task(unwritten.end_when_unwritten(opened.client, stop))
        with pytest.raises(WriterError, match=r"data_dir refused .*scored_sessions: all_1_\d+_\d+.*: see that it has"):
            async with asyncio.timeout(90):
                await watching
        assert stop.is_set()
        with pytest.raises(WriterError):
            unwritten.raise_failure(watching)
    async with databases(settings) as opened:
        assert opened.client.query(ROWS).result_rows == [(4 * BLOCKS,)]
        # With whatever the engine merged by itself meanwhile.
        assert "scored_sessions" in {part.table for part in detached_parts(opened.client)}
        assert unwritten_parts(opened.client) == []


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        pytest.param({"data.bin": 900, "checksums.txt": 100}, True, id="cut"),
        pytest.param({"data.bin": 1_000, "checksums.txt": 0}, True, id="checksums empty"),
        pytest.param({"data.bin": 0, "checksums.txt": 0}, True, id="empty"),
        pytest.param({"data.bin": 1_001, "checksums.txt": 100}, False, id="whole"),
        pytest.param({"data.bin": 1_001}, False, id="being removed"),
        pytest.param(None, False, id="gone"),
    ],
)
def test_a_part_is_named_by_its_files(sizes: dict[str, int] | None, named: bool, tmp_path: Path) -> None:
    folder = tmp_path / "all_1_8_2"
    if sizes is not None:
        folder.mkdir()
        for file, size in sizes.items():
            (folder / file).write_bytes(bytes(size))
    client = Mock()
    client.query.return_value.result_rows = [("events", folder.name, f"{folder}/", 1_001)]
    assert unwritten_parts(client) == (["events: all_1_8_2"] if named else [])


async def test_whole_parts_let_the_writer_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[None] = []

    def look(client: Any) -> list[str]:
        looks.append(None)
        return unwritten_parts(client)

    monkeypatch.setattr(unwritten, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(unwritten, "unwritten_parts", look)
    stop = asyncio.Event()
    async with databases(Settings(data_dir=tmp_path)) as opened:
        write_blocks(opened.client)
        opened.client.command("SYSTEM START MERGES")
        opened.client.command("OPTIMIZE TABLE scored_sessions FINAL")
        watching = asyncio.create_task(unwritten.end_when_unwritten(opened.client, stop))
        async with asyncio.timeout(90):
            while len(looks) < 3:  # noqa: ASYNC110 - counted by a thread
                await asyncio.sleep(0.01)
        stop.set()
        await watching
        unwritten.raise_failure(watching)
