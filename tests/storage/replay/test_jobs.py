"""Replays and page statistics over HTTP: who may, one at a time, watched, stopped."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from deploy.settings.model import ApiSettings, KafkaSettings, Settings
from deploy.wiring import api
from storage.replay.account import Account
from storage.replay.context import ProgressListener
from storage.replay.errors import ReplayError
from storage.replay.jobs import Jobs
from storage.replay.request import ReplaySelection
from tests.support.databases import filled
from tests.support.scored import scored

READ, ADMIN = "read-key-of-sixteen-or-more", "admin-key-of-sixteen-or-more"
JSON = {"content-type": "application/json"}


class Replays:
    """Stands for the replay itself: runs until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked: list[tuple[ReplaySelection, bool]] = []
        self.failure: Exception | None = None

    async def run(self, request: ReplaySelection, watcher: ProgressListener, anew: bool, own_only: bool) -> Account:
        self.asked.append((request, anew))
        self.own_only = own_only
        watcher.planned(3, 100, 40)
        watcher.moved(10)
        watcher.report("going on with replay 3, which was interrupted")
        await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return Account(sessions=7)


@asynccontextmanager
async def service(
    folder: Path, replays: Replays, profile: str = "embedded", peer: str = "127.0.0.1", key: str = ADMIN
) -> AsyncIterator[httpx.AsyncClient]:
    # A broker that is not there: reads of sessions need none.
    kafka = KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000)
    keys = ApiSettings(read_keys=(SecretStr(READ),), admin_keys=(SecretStr(ADMIN),))
    embedded = Settings(data_dir=folder, api=keys, kafka=kafka)
    settings = embedded.model_copy(update={"profile": profile})
    async with filled(embedded, [scored(1)]) as opened:
        app = api.app(settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), Jobs(replays.run))
        transport = httpx.ASGITransport(app, client=(peer, 5000))
        headers = {"x-opecom-key": key} if key else {}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers) as http:
            yield http


async def ended(http: httpx.AsyncClient, job: int, headers: dict[str, str] | None = None) -> dict[str, Any]:
    for _ in range(500):
        found = dict((await http.get(f"/replays/{job}", headers=headers)).json())
        if found["state"] != "running":
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(found)


async def test_a_job_is_begun_watched_and_ends_with_its_account(tmp_path: Path) -> None:
    replays = Replays()
    async with service(tmp_path, replays) as http:
        begun = await http.post("/replays", json={"request": {"diff": True, "site": "uci"}, "anew": True})
        assert begun.status_code == 202
        assert begun.json()["id"] == 1
        await asyncio.sleep(0.01)
        running = (await http.get("/replays/1")).json()
        assert (running["state"], running["number"], running["records"], running["done"]) == ("running", 3, 100, 50)
        assert running["remarks"] == ["going on with replay 3, which was interrupted"]
        twice = await http.post("/replays", json={})
        assert (twice.status_code, twice.json()["error"]) == (409, "busy")
        replays.go_on.set()
        done = await ended(http, 1)
        assert (done["state"], done["account"]["sessions"]) == ("done", 7)
        assert (await http.post("/replays", json={})).json()["id"] == 2
        assert [job["id"] for job in (await http.get("/replays")).json()["jobs"]] == [2, 1]
    assert replays.asked[0] == (ReplaySelection(diff=True, site="uci"), True)


async def test_a_job_that_is_stopped_states_how_it_goes_on(tmp_path: Path) -> None:
    replays = Replays()
    async with service(tmp_path, replays) as http:
        await http.post("/replays", json={})
        await asyncio.sleep(0.01)
        stopped = (await http.delete("/replays/1")).json()
        assert stopped["state"] == "stopped"
        assert "the same request goes on where it stopped" in stopped["failure"]
        assert (await http.delete("/replays/1")).status_code == 200


@pytest.mark.parametrize(
    ("failure", "line"),
    [
        (ReplayError("model 'm9' is not there"), "model 'm9' is not there"),
        (RuntimeError("a fault of ours"), "RuntimeError: a fault of ours; the log of this process says more"),
    ],
    ids=["explained", "ours"],
)
async def test_a_job_that_fails_states_why(tmp_path: Path, failure: Exception, line: str) -> None:
    replays = Replays()
    replays.failure = failure
    replays.go_on.set()
    async with service(tmp_path, replays) as http:
        await http.post("/replays", json={})
        failed = await ended(http, 1)
    assert (failed["state"], failed["failure"]) == ("failed", line)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"{", JSON, 422, "body: Input data was truncated"),
        (b'{"request": {"into": "nowhere"}}', JSON, 422, "Invalid enum value"),
        (b'{"request": {"since": -1}}', JSON, 422, "Expected `int` >= 0"),
        (b'{"requests": {}}', JSON, 422, "unknown field"),
        (b"{}", {"content-type": "text/plain"}, 422, "Content-Type: application/json"),
        (b"{" + b" " * 20_000 + b"}", JSON, 413, "at most 16,384 bytes"),
        (b'{"request": {"into": "file", "target": "a\\u0000b"}}', JSON, 422, "request.target: it has characters"),
        (b'{"request": {"into": "features", "target": "a\\u001b[2J"}}', JSON, 422, "request.target: it has characters"),
        (b'{"request": {"site": "uci\\u0000"}}', JSON, 422, "request.site: it has characters"),
        (b'{"request": {"into": "file"}}', JSON, 422, "request.target: name a file"),
        (b'{"request": {"into": "topic", "target": "a b"}}', JSON, 422, "request.target: name a topic"),
    ],
    ids=[
        *("broken", "no target", "before 1970", "unknown field", "what a page may send", "long"),
        *("a file with NUL", "a training set with ESC", "a site with NUL", "no file", "no topic"),
    ],
)
async def test_an_order_that_is_none_is_refused(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    replays = Replays()
    async with service(tmp_path, replays) as http:
        answer = await http.post("/replays", content=body, headers=headers)
    assert answer.status_code == status
    assert reason in answer.json()["reason"]
    assert replays.asked == []


CALLS = [
    ("POST", "/replays", b"{}"),
    ("GET", "/replays", None),
    ("GET", "/replays/1", None),
    ("DELETE", "/replays/1", None),
    ("POST", "/pages/refresh", b"{}"),
]
WHO = {
    "here, embedded": ("embedded", "127.0.0.1", {}, False),
    "here with a key, embedded": ("embedded", "127.0.0.1", {"x-opecom-key": ADMIN}, True),
    "elsewhere, embedded": ("embedded", "10.0.0.7", {}, False),
    "a page under a name of its own": ("embedded", "127.0.0.1", {"host": "rebound.example:8000"}, False),
    "here, services": ("services", "127.0.0.1", {}, False),
    "a key of scope read": ("services", "127.0.0.1", {"x-opecom-key": READ}, False),
    "a key of scope admin": ("services", "10.0.0.7", {"x-opecom-key": ADMIN}, True),
}


@pytest.mark.parametrize("who", WHO)
async def test_only_admins_replay_and_refresh(tmp_path: Path, who: str) -> None:
    profile, peer, headers, permitted = WHO[who]
    async with service(tmp_path, Replays(), profile, peer, key="") as http:
        for method, path, body in CALLS:
            answer = await http.request(method, path, content=body, headers=JSON | headers)
            assert (answer.status_code not in (401, 403)) is permitted, (method, path, answer.text)


async def test_a_job_that_there_is_not_is_404(tmp_path: Path) -> None:
    async with service(tmp_path, Replays()) as http:
        assert (await http.get("/replays/9")).status_code == 404
        assert (await http.delete("/replays/9")).status_code == 404


async def test_page_statistics_without_a_kafka_are_503_and_name_what_is_away(tmp_path: Path) -> None:
    async with service(tmp_path, Replays()) as http:
        for path in ("/pages", "/pages/explain?site=default&path=/"):
            answer = await http.get(path, headers={"x-opecom-key": READ})
            assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
            assert answer.headers["retry-after"]


async def test_a_key_of_one_site_sees_and_stops_its_own_replays_alone(tmp_path: Path) -> None:
    replays = Replays()
    key = "admin-of-uci-sixteen-or-more"
    digest = hashlib.sha256(key.encode()).hexdigest()
    (tmp_path / "access.toml").write_text(
        f'[keys.uci]\nsha256 = "{digest}"\nscopes = ["admin"]\nsites = ["uci"]\ncreated_at = 2026-11-01T00:00:00Z\n'
    )
    own = {"x-opecom-key": key}
    async with service(tmp_path, replays, "services", "10.0.0.7") as http:
        everybodys = {"x-opecom-key": ADMIN}
        assert (await http.post("/replays", json={}, headers=own)).status_code == 403
        assert (await http.post("/replays", json={"request": {"site": "default"}}, headers=own)).status_code == 403
        begun = await http.post("/replays", json={"request": {"site": "default"}}, headers=everybodys)
        assert begun.status_code == 202
        await asyncio.sleep(0)
        assert (await http.get("/replays", headers=own)).json() == {"jobs": []}
        assert (await http.get("/replays/1", headers=own)).status_code == 404
        assert (await http.delete("/replays/1", headers=own)).status_code == 404
        replays.go_on.set()
        await ended(http, 1, everybodys)
        assert replays.own_only is False
        answer = await http.post("/replays", json={"request": {"site": "uci"}, "anew": True}, headers=own)
        assert answer.status_code == 202
        assert [job["id"] for job in (await http.get("/replays", headers=own)).json()["jobs"]] == [2]
        await ended(http, 2, own)
        assert replays.own_only is True
