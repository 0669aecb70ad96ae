"""What a part without another HTTP face says of itself."""

import httpx
import pytest

from deploy.errors import PortTakenError
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


async def test_a_status_port_that_is_taken_is_told() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(PortTakenError):
        async with WriterStatus("writer").serving(
            Settings(storage=StorageSettings(metrics_port=taken.getsockname()[1]))
        ):
            pass
