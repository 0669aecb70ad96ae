"""What `/readyz` of a part without a face of its own says."""

from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import CollectorRegistry

from deploy.http.status import create_status_app
from deploy.processes import data_folder


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
async def test_readiness_says_why(ready: bool, degraded: str, status: int, line: str) -> None:
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
