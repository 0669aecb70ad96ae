"""A block that chDB took for written although the disk did not take it is written again, and nothing is missing."""

import os
from pathlib import Path
from typing import Any

import pytest

from deploy.settings.model import Settings
from deploy.wiring.storage import databases
from storage.database.errors import DatabaseUnavailableError
from storage.write.block import Block
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.written_sink import WrittenSink
from tests.support.scored import scored
from tests.support.sinks import block

ROWS = "SELECT count() FROM scored_sessions FINAL"
NEWEST = (
    "SELECT path FROM system.parts WHERE active AND table = 'scored_sessions' ORDER BY max_block_number DESC LIMIT 1"
)


class FullDisk:
    """Writes as the real sink does, and leaves the files empty, as the engine does on a disk that refuses them.

    (clickhouse-connect hands chDB its rows in a file, so a limit of the process would show before the engine writes.)
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def write(self, written: Block) -> None:
        AnalyticsSink(self._client).write(written)
        folder = Path(self._client.query(NEWEST).result_rows[0][0])
        for file in folder.iterdir():
            os.truncate(file, 0)


async def test_a_block_that_is_not_on_the_disk_is_not_taken(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    async with databases(settings) as opened:
        opened.client.command("SYSTEM STOP MERGES")
        WrittenSink(AnalyticsSink(opened.client), opened.client).write(block(scored(1), scored(2)))
        assert opened.client.query(ROWS).result_rows == [(2,)]
        with pytest.raises(DatabaseUnavailableError, match=r"refused .*scored_sessions: all_\d+_\d+.*: make room"):
            WrittenSink(FullDisk(opened.client), opened.client).write(block(scored(3), scored(4)))
    async with databases(settings) as opened:
        assert opened.client.query(ROWS).result_rows == [(2,)]
        WrittenSink(AnalyticsSink(opened.client), opened.client).write(block(scored(3), scored(4)))
        assert opened.client.query(ROWS).result_rows == [(4,)]


async def test_what_was_refused_a_while_ago_is_no_matter_of_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with databases(Settings(data_dir=tmp_path)) as opened:
        opened.client.command("SYSTEM STOP MERGES")
        FullDisk(opened.client).write(block(scored(1)))
        monkeypatch.setattr("storage.write.written_sink.time.time", lambda: 4_000_000_000.0)
        WrittenSink(AnalyticsSink(opened.client), opened.client).write(block(scored(2)))
