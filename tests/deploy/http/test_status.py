"""What a part without another HTTP face says of itself."""

from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import CollectorRegistry

from deploy.errors import PortTakenError
from deploy.http.status import create_status_app
from deploy.processes import data_folder
from deploy.processes.ports import listen
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring.writer import WriterStatus
from tests.support.ports import free_port


async def test_a_writer_that_has_not_begun_is_alive_and_not_ready() -> None:
    port = free_port()
    settings = Settings(storage=StorageSettings(metrics_port=port))
    async with WriterStatus("writer").serving(settings), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        answers = {path: await http.get(path) for path in ("/livez", "/readyz", "/metrics", "/else")}
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/livez": 200, "/readyz": 503, "/metrics": 200, "/else": 404,
    }  # fmt: skip
    assert answers["/readyz"].text == "databases not open or partitions not assigned yet\n"
    assert answers["/readyz"].headers["retry-after"] == "1"


async def test_port_0_is_none() -> None:
    async with WriterStatus("writer").serving(Settings(storage=StorageSettings(metrics_port=0))):
        pass


async def test_the_address_is_a_setting() -> None:
    with pytest.raises(PortTakenError, match=r"192\.0\.2\.1:8003: this machine has no such address"):
        async with WriterStatus().serving(Settings(storage=StorageSettings(metrics_host="192.0.2.1"))):
            pass


async def test_a_status_port_that_is_taken_is_reported() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(PortTakenError):
        async with WriterStatus("writer").serving(
            Settings(storage=StorageSettings(metrics_port=taken.getsockname()[1]))
        ):
            pass


@pytest.mark.parametrize(
    ("ready", "degraded", "status", "line"),
    [
        (False, "", 503, "recovering partition 0: 5 of 9 records folded\n"),
        (False, "a database is away", 503, "recovering partition 0: 5 of 9 records folded\n"),
        (True, "a database is away", 503, "degraded: a database is away\n"),
        (True, "", 200, "ok\n"),
    ],
    ids=["not yet", "not yet and degraded", "degraded", "ready"],
)
async def test_readiness_states_why(ready: bool, degraded: str, status: int, line: str) -> None:
    def not_yet() -> str:
        return "recovering partition 0: 5 of 9 records folded"

    app = create_status_app(CollectorRegistry(), lambda: ready, not_yet, lambda: degraded)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://part") as client:
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.text) == (status, line)


def test_a_full_disk_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_folder.disk_full(tmp_path / "not there yet") == ""
    monkeypatch.setattr(data_folder.shutil, "disk_usage", lambda _: SimpleNamespace(free=3_000_000))
    assert data_folder.disk_full(tmp_path) == (f"the disk of data_dir ({tmp_path}) has 3 MB left of 200: make room")
