"""The server SDKs of integrations/, each driven by a small program in its language, and a server that fails."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.wiring import ingest
from ingest.publish import ListPublisher
from tests.support.ingest_app import SITES, WRITE_KEY, settings
from tests.support.upstream import served

ROOT = Path(__file__).parents[2]
INTEGRATIONS, DRIVERS = ROOT / "integrations", ROOT / "tests/integrations/drivers"
SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
#: What each SDK calls its errors.
NAMES = {"python": "Error", "node": "Error", "php": "Exception"}

Language = Literal["python", "node", "php"]
#: busy: 503. lost: the event is taken, the answer is not. tampered: a proxy changes an amount on its way.
Fault = Literal["busy", "rate", "lost", "tampered"]


@dataclass
class Driven:
    """What a driver said: the result of each step, and what its client reported of lost events."""

    results: list[Any]
    problems: list[tuple[str, str | None]]


@dataclass
class FaultyServer:
    """The ingest API behind a proxy that does the next of `script` with each request; `statuses` it answered."""

    app: ASGIApp
    log: ListPublisher
    script: list[Fault] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _body(receive)
        match self.script.pop(0) if self.script else None:
            case "busy":
                await self._answer(503, send)
            case "rate":
                await self._answer(429, send)
            case "lost":
                await self.app(scope, _replayed(body), _nowhere)
                await self._answer(500, send)
            case "tampered":
                await self.app(scope, _replayed(body.replace(b"49.9", b"99.9")), self._counted(send))
            case None:
                await self.app(scope, _replayed(body), self._counted(send))

    def _counted(self, send: Send) -> Send:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.statuses.append(message["status"])
            await send(message)

        return counted

    async def _answer(self, status: int, send: Send) -> None:
        body = json.dumps({"error": "unavailable", "reason": "not now"}).encode()
        headers = [(b"content-length", str(len(body)).encode()), (b"retry-after", b"1")]
        await self._counted(send)({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def faulty(*script: Fault, **of_ingest: Any) -> AsyncIterator[FaultyServer]:
    """The ingest API with a purchase secret of the site shop, behind `script`."""
    sites = {**SITES, "shop": {**SITES["shop"], "purchase_secrets": [SECRET]}}
    log = ListPublisher()
    app = ingest.app(settings(sites, **of_ingest), log)
    server = FaultyServer(app, log, list(script))
    try:
        async with served(server) as port:
            server.url = f"http://127.0.0.1:{port}"
            yield server
    finally:
        await app.close()


async def drive(
    language: Language,
    steps: Sequence[tuple[str, Any]],
    url: str = "http://127.0.0.1:1",
    key: str = WRITE_KEY,
    secret: str | None = SECRET,
    **options: int,
) -> Driven:
    """Do the steps (name, value) with one client of the SDK; times in ms. Skips where the language is missing."""
    given = {"url": url, "key": key, "secret": secret, "options": options, "steps": steps}

    def ended() -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(INTEGRATIONS / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            _command(language), input=json.dumps(given), env=environment, capture_output=True, text=True, check=False
        )

    done = await asyncio.to_thread(ended)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    answer = json.loads(done.stdout)
    return Driven(answer["results"], [(problem, event_id) for problem, event_id in answer["problems"]])


def program(name: str, said: str) -> str:
    """Where a program is; skips where it is not."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(said)
    return found


def _command(language: Language) -> list[str]:
    match language:
        case "python":
            return [sys.executable, str(DRIVERS / "driver.py")]
        case "node":
            node = program("node", "no Node: its SDK is not run")
            return [node, str(DRIVERS / "driver.mjs"), str(INTEGRATIONS / "node/index.js")]
        case "php":
            php = program("php", "no PHP: its SDK is not run")
            return [
                php,
                "-d",
                "error_reporting=-1",
                str(DRIVERS / "driver.php"),
                str(INTEGRATIONS / "php/autoload.php"),
            ]


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _nowhere(_: Message) -> None:
    pass
