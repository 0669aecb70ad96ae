"""`opecom retention` over the query API of a folder of its own: what is shown, counted and removed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, select

from deploy.cli import retention
from deploy.processes.audit_file import audit_file, entries
from deploy.settings.model import ApiSettings, Settings, SiteSettings
from deploy.wiring import api
from deploy.wiring.keys import machine_key
from storage.database.tables import sessions
from tests.support.databases import filled
from tests.support.scored import scored
from tests.support.upstream import served


@asynccontextmanager
async def shop(folder: Path) -> AsyncIterator[tuple[Settings, Engine]]:
    """The API with a session of 2025 of the site shop, with a limit of 30 days, and one of a site without."""
    sites = {"shop": SiteSettings(retention_days=30, aggregates_days=400), "other": SiteSettings()}
    settings = Settings(data_dir=folder, sites=sites)
    rows = [scored(1, True, site=name, session_id=name, status="closed") for name in sites]
    async with filled(settings, rows) as opened:
        built = api.app(
            settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened)
        )
        async with served(built) as port:
            yield settings.model_copy(update={"api": ApiSettings(port=port)}), opened.engine


async def test_it_shows_counts_and_removes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop(tmp_path) as (settings, engine):
        monkeypatch.setattr(retention, "load", lambda: settings)
        await asyncio.to_thread(retention.show)
        shown = capsys.readouterr().out
        assert "shop" in shown
        assert "400" in shown
        assert "for ever" in shown
        await asyncio.to_thread(retention.run, "", True)
        counted = capsys.readouterr().out.splitlines()
        assert "sessions: 1 rows would go" in counted
        await asyncio.to_thread(retention.run, "shop", False, True)
        done = json.loads(capsys.readouterr().out)
        assert done["state"] == "done"
        assert done["removed"]["sessions"] == done["removed"]["clickhouse.scored_sessions"] == 1
        await asyncio.to_thread(retention.run)
        assert capsys.readouterr().out == "nothing is old enough\n"
        await asyncio.to_thread(retention.run, "other")
        assert "retention_days" in capsys.readouterr().out
        await asyncio.to_thread(retention.show, True)
        assert [each["state"] for each in json.loads(capsys.readouterr().out)["runs"]] == ["done"] * 3
        with engine.connect() as connection:
            assert [row[0] for row in connection.execute(select(sessions.c.site))] == ["other"]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.api.port}") as http:
            key = {"X-OPECOM-Key": machine_key(settings)}
            refused = await http.post("/retention", json={"site": "away"}, headers=key, timeout=60)
            assert (refused.status_code, refused.json()["error"]) == (404, "not_found")
            stranger = await http.post("/retention", json={}, headers={"X-OPECOM-Key": "guessed"}, timeout=60)
            assert stranger.status_code == 401
            await http.get("/retention", headers=key, timeout=60)
        # What was changed stands in the file that `opecom audit` exports; reads and strangers do not.
        kept = [(each.action, each.site, each.subject, each.result) for each in entries(audit_file(settings))]
        assert kept == [
            ("POST /retention", "all of the key", "dry run", "200"),
            ("POST /retention", "shop", "", "200"),
            ("POST /retention", "all of the key", "", "200"),
            ("POST /retention", "other", "", "200"),
            ("POST /retention", "away", "", "404"),
        ]
