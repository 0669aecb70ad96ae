"""Parts damaged as a power cut leaves them: their rows are gone, and doctor, /readyz and a metric say so."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from deploy.doctor import databases as doctor
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import Settings
from deploy.wiring import api
from deploy.wiring.storage import databases
from deploy.wiring.writer import WriterStatus, watch_parts
from storage.database.detached_parts import DetachedPart, account, detached_parts
from storage.metrics import WriterMetrics
from storage.write.clickhouse_sink import AnalyticsSink
from tests.support.scored import scored
from tests.support.sinks import block

NOBODY = ProbeAddress("127.0.0.1", 1)


async def written(settings: Settings) -> list[Path]:
    """The folders of the parts of two blocks of `scored_sessions`, once nobody holds the database."""
    async with databases(settings) as opened:
        opened.client.command("SYSTEM STOP MERGES")
        for offsets in (range(1, 5), range(5, 9)):
            AnalyticsSink(opened.client).write(block(*(scored(offset) for offset in offsets)))
        found = opened.client.query("SELECT path FROM system.parts WHERE active AND table = 'scored_sessions'")
        return [Path(path) for (path,) in found.result_rows]


def cut_in_half(part: Path) -> None:
    file = part / "data.bin"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def zeroed_checksums(part: Path) -> None:
    file = part / "checksums.txt"
    file.write_bytes(bytes(file.stat().st_size))


async def ready(settings: Settings, opened: Any) -> Any:
    """What the query API answers to /readyz."""
    app = api.app(
        settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000") as http:
        return await http.get("/readyz")


@pytest.mark.parametrize("damage", [cut_in_half, zeroed_checksums], ids=lambda damage: damage.__name__)
async def test_a_damaged_part_is_named_with_what_brings_its_rows_back(damage: Any, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    first, _ = await written(settings)
    damage(first)
    async with databases(settings) as opened:
        assert opened.client.query("SELECT count() FROM scored_sessions").result_rows == [(4,)]
        [part] = detached_parts(opened.client)
        assert (part.table, part.name) == ("scored_sessions", f"broken-on-start_{first.name}")
        answer = await ready(settings, opened)
        standing, metrics, stop = WriterStatus("writer"), None, asyncio.Event()
        metrics = WriterMetrics(standing.registry)
        watching = asyncio.create_task(watch_parts(settings, opened.client, standing, metrics, stop))
        while not standing.notice:  # noqa: ASYNC110 - set by a thread
            await asyncio.sleep(0.01)
        stop.set()
        await watching
    notice = answer.json()["notice"]
    assert answer.status_code == 200
    assert f"scored_sessions: broken-on-start_{first.name}" in notice
    assert "`opecom replay --source clickhouse` brings" in notice
    assert notice == standing.notice
    labels = {"table": "scored_sessions"}
    assert standing.registry.get_sample_value("opecom_writer_detached_parts", labels) == 1
    # By itself, and by the store that holds the folder.
    alone = (await asyncio.to_thread(doctor.clickhouse, settings, NOBODY, lambda *_: (0, "")))[0]
    held = doctor.clickhouse(settings, NOBODY, lambda *_: (200, answer.text))[0]
    assert [(each.state, each.line) for each in alone + held] == [("warning", notice)] * 2


async def test_whole_parts_are_nothing_to_speak_of(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    await written(settings)
    async with databases(settings) as opened:
        assert detached_parts(opened.client) == []
        assert (await ready(settings, opened)).json() == {"status": "ready"}
        # What somebody took out is no damage.
        opened.client.command("ALTER TABLE scored_sessions DETACH PARTITION ID 'all'")
        assert detached_parts(opened.client) == []


@pytest.mark.parametrize(
    ("table", "embedded", "said"),
    [
        ("scored_sessions", False, "`opecom replay` brings"),
        ("page_tally_source", True, "`opecom replay --source clickhouse` brings"),
        ("page_tallies", False, "`opecom pages refresh --whole`"),
        ("events", False, "set the writer's group back"),
        ("dead_letters", True, "a backup of the data folder"),
        ("schema_version", False, "a backup has schema_version"),
    ],
)
def test_each_table_has_its_repair(table: str, embedded: bool, said: str) -> None:
    line = account([DetachedPart(table, f"broken_all_{n}", f"/d/{n}", 9) for n in range(5)], embedded)
    assert said in line
    assert f"({table}: broken_all_0, broken_all_1, broken_all_2 and 2 more)" in line
    assert "\n" not in line


def test_nothing_is_no_line() -> None:
    assert account([], embedded=True) == ""
