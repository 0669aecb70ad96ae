"""The documents of both APIs are whole where there is no internet."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from deploy.settings.model import Settings
from deploy.wiring import api, ingest
from ingest.publish import ListPublisher
from tests.support.databases import filled


async def documents(app: FastAPI) -> list[str]:
    """The page and everything that it names, each answered by the app itself."""
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        page = await http.get("/docs")
        assert page.status_code == 200
        named = re.findall(r"""(?:src|href|url)\s*[=:]\s*["']([^"']+)""", page.text)
        assert len(named) >= 4
        for path in named:
            assert path.startswith("/"), f"{path} is another server's"
            assert (await http.get(path)).status_code == 200, path
        return named


@pytest.mark.parametrize("name", ["ingest", "queries"])
async def test_the_page_and_all_that_it_names_come_from_here(name: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    if name == "ingest":
        named = await documents(ingest.app(settings, ListPublisher()))
    else:
        async with filled(settings, []) as opened:
            jobs = api.jobs(settings, opened)
            named = await documents(
                api.app(settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), jobs)
            )
    assert "/openapi.json" in named
