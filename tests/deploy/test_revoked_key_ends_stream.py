"""A key that another process revokes in the access file ends the streams that it opened in a running API."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.settings.access_file import Reloading
from deploy.settings.model import Settings
from deploy.sites import changes
from storage.http import key_lease
from storage.live.subscribe import PositionedUpdate
from tests.support.apis import running

#: Seconds within which a condition must come true, however busy the machine is.
PATIENCE = 90.0


class QuietFollower:
    """A log in which nothing comes."""

    resume_id = "0@log"

    async def more(self, seconds: float) -> list[PositionedUpdate]:
        await asyncio.sleep(seconds)
        return []


@contextlib.asynccontextmanager
async def _follow_nothing(*_: Any) -> AsyncIterator[QuietFollower]:
    yield QuietFollower()


async def _read(answer: httpx.Response, begun: asyncio.Event) -> None:
    """Read until the answer ends or breaks off."""
    with contextlib.suppress(httpx.RemoteProtocolError):
        async for _ in answer.aiter_bytes():
            begun.set()


async def _open(http: httpx.AsyncClient, url: str, key: str) -> httpx.Response:
    request = http.build_request("GET", f"{url}/intents/stream", headers={"X-OPECOM-Key": key})
    return await http.send(request, stream=True)


async def test_a_revoked_key_ends_its_streams_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.wiring.api._Following", lambda *_: _follow_nothing)
    async with running(tmp_path) as apis, httpx.AsyncClient(timeout=PATIENCE) as http:
        settings = Settings(data_dir=tmp_path)
        keys = [changes.add_key(settings, name, {"read"}, None) for name in ("leaves", "stays")]
        async with asyncio.timeout(PATIENCE):
            answers = []
            for key in keys:
                # The API looks at the file again and again: a new key opens nothing before that.
                while (answer := await _open(http, apis.query, key)).status_code == 401:
                    await answer.aclose()
                    await asyncio.sleep(0.05)
                assert answer.status_code == 200
                answers.append(answer)
            begun = [asyncio.Event() for _ in answers]
            leaves, stays = (
                asyncio.create_task(_read(answer, event)) for answer, event in zip(answers, begun, strict=True)
            )
            for event in begun:
                await event.wait()
            assert not leaves.done()
            changes.revoke_key(settings, "leaves")
            await leaves
        assert not stays.done()
        refused = await _open(http, apis.query, keys[0])
        assert refused.status_code == 401
        await refused.aclose()
        stays.cancel()
        await asyncio.gather(stays, return_exceptions=True)
        for answer in answers:
            await answer.aclose()


def test_both_looks_together_take_less_than_a_second() -> None:
    look_at_file = Reloading.__init__.__defaults__
    assert look_at_file
    assert look_at_file[0] + key_lease.LOOK < 1
