"""The ingest API and the query API on ports of this machine, over databases that hold one session, and programs of npm
that read their documents.
"""

import asyncio
import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from deploy.services.artefacts import made_once
from deploy.settings.model import IngestSettings, Settings, user_cache
from deploy.wiring import api, ingest
from deploy.wiring.keys import machine_key
from ingest.publish import ListPublisher
from tests.support.databases import filled
from tests.support.scored import scored
from tests.support.upstream import served

#: Where package.json and its lock are.
CLIENTS = Path(__file__).parents[1] / "clients"


@dataclass(frozen=True)
class RunningApis:
    """Where both are; `key` is the machine's own, of scope admin; `log` has what the ingest API took."""

    ingest: str
    query: str
    key: str
    log: ListPublisher

    async def documents(self, folder: Path) -> dict[str, Path]:
        """The three documents as they are served, as files."""
        async with httpx.AsyncClient(timeout=60) as http:
            served = {
                # First: it is made once, and the ingest API, which passes some of it on, waits two seconds for it.
                "query": (await http.get(f"{self.query}/openapi.json")).json(),
                "ingest": (await http.get(f"{self.ingest}/openapi.json")).json(),
                "topics": (await http.get(f"{self.query}/asyncapi.json")).json(),
            }
        for name, document in served.items():
            (folder / f"{name}.json").write_text(json.dumps(document, indent=1))
        return {name: folder / f"{name}.json" for name in served}


@contextlib.asynccontextmanager
async def running(folder: Path, **given: Any) -> AsyncIterator[RunningApis]:
    """Both APIs; the ingest API passes /admin on to the query API, which has session s1. `given` are more settings."""
    settings = Settings(data_dir=folder, **given)
    async with filled(settings, [scored(1), scored(2)]) as opened:
        queries = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        async with served(queries) as query:
            log, url = ListPublisher(), f"http://127.0.0.1:{query}"
            events = ingest.app(settings.model_copy(update={"ingest": IngestSettings(api_url=url)}), log)
            try:
                async with served(events) as port:
                    yield RunningApis(f"http://127.0.0.1:{port}", url, machine_key(settings), log)
            finally:
                await events.close()


@functools.cache
def node_modules() -> Path:
    """What package-lock.json names, installed once for this user; skips where there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm: no client in TypeScript is made")
    lock = (CLIENTS / "package-lock.json").read_bytes()
    folder = user_cache() / f"clients-{hashlib.sha256(lock).hexdigest()[:12]}"
    with made_once(folder) as fresh:
        if fresh is not None:
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(CLIENTS / name, fresh / name)
            done = subprocess.run(
                [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
                cwd=fresh,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    return folder / "node_modules"


@functools.cache
def client_generator() -> Path:
    """openapi-python-client in an environment of its own, once for this user: it wants an older Typer than ours. Skips
    where there is no uv.
    """
    root = CLIENTS.parents[1]
    own = root / ".uv/bin/uv"
    uv = str(own) if own.is_file() else shutil.which("uv")
    if uv is None:
        pytest.skip("no uv: no client in Python is made")
    lock = root / "requirements/clients.txt"
    folder = user_cache() / f"clients-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    with made_once(folder) as fresh:
        if fresh is not None:
            environment = fresh / "environment"
            steps = (
                [uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(environment)],
                [uv, "pip", "install", "--quiet", "--python", str(environment), "--require-hashes", "-r", str(lock)],
            )
            for step in steps:
                done = subprocess.run(step, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
    return folder / "environment/bin/python"


async def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """What a program wrote; it must end with 0. The event loop, in which the APIs are, goes on meanwhile."""

    def ended() -> subprocess.CompletedProcess[str]:
        environment: dict[str, Any] = {**os.environ, "REDOCLY_TELEMETRY": "off", **variables}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    done = await asyncio.to_thread(ended)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
