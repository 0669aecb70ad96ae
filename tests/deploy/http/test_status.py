"""What a part without another HTTP face says of itself."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from starlette.applications import Starlette

from deploy.errors import PortTakenError
from deploy.http.status import create_status_app
from deploy.processes import data_folder
from deploy.processes.ports import listen
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring import webhooks, worker
from deploy.wiring.writer import WriterStatus
from tests.support.disk import fill_disk
from tests.support.ports import free_port


async def test_a_writer_that_has_not_begun_is_alive_and_not_ready() -> None:
    port = free_port()
    settings = Settings(storage=StorageSettings(metrics_port=port))
    async with (
        WriterStatus("writer").serving(settings),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=90) as http,
    ):
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
    line = fill_disk(monkeypatch, tmp_path)
    assert data_folder.disk_full(tmp_path) == line
    assert data_folder.disk_full(None) == ""


async def readiness(app: Starlette) -> tuple[int, str]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://part") as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.text


SERVERS = StorageSettings(url=SecretStr("mysql+pymysql://db"), clickhouse_host="ch")
#: By the settings, whether the log and whether the databases are in the data folder.
PROFILES = pytest.mark.parametrize(
    ("given", "log_there", "databases_there"),
    [
        pytest.param({}, True, True, id="embedded"),
        pytest.param({"storage": SERVERS}, True, False, id="embedded with database servers"),
        pytest.param({"profile": "services", "storage": SERVERS}, False, False, id="services"),
        pytest.param({"profile": "services"}, False, True, id="services with databases in the folder"),
    ],
)


@PROFILES
async def test_a_worker_reports_a_full_disk_where_the_log_is_on_it(
    given: dict[str, Any], log_there: bool, databases_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = worker.status_app(Settings(data_dir=tmp_path, **given), CollectorRegistry(), lambda: True, lambda: "")
    assert await readiness(app) == (200, "ok\n")
    line = fill_disk(monkeypatch, tmp_path)
    assert await readiness(app) == ((503, f"degraded: {line}\n") if log_there else (200, "ok\n"))


@PROFILES
async def test_webhooks_report_the_database_and_a_full_disk(
    given: dict[str, Any], log_there: bool, databases_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running: list[Any] = []
    app = webhooks.status_app(Settings(data_dir=tmp_path, **given), CollectorRegistry(), running)
    assert await readiness(app) == (503, "database not open or partitions not assigned yet\n")
    running.append(SimpleNamespace(ready=True, degraded=""))
    assert await readiness(app) == (200, "ok\n")
    line = fill_disk(monkeypatch, tmp_path)
    assert await readiness(app) == ((503, f"degraded: {line}\n") if databases_there else (200, "ok\n"))
    running[0].degraded = "the relational database does not answer (away): see storage.url"
    lines = "; ".join([running[0].degraded, *([line] if databases_there else [])])
    assert await readiness(app) == (503, f"degraded: {lines}\n")
