"""Requests to routes of scope admin beside a database of drafts, by keys of all sites and of some."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine, create_engine

from storage.database import migrate
from storage.http.access import Access
from storage.http.audit import AuditTrail
from storage.http.refusals import add_refusals
from storage.http.secret_keys import SecretKey, digest_of

#: The keys and their sites, None: all.
KEYS = {"all": None, "shop": frozenset({"shop"}), "other": frozenset({"other"})}


class AdminClient:
    """Requests by one of KEYS; "all" where none is named."""

    def __init__(self, folder: Path, routes: Callable[[Engine, Access], APIRouter]) -> None:
        engine = create_engine(f"sqlite:///{folder / 'drafts.sqlite'}")
        migrate.migrate("sqlite", migrate.relational_run(engine))
        known = [SecretKey(name, digest_of(name), frozenset({"admin"}), sites) for name, sites in KEYS.items()]
        app = FastAPI()
        add_refusals(app)
        app.include_router(routes(engine, Access(lambda: known, False, "admin")))
        app.add_middleware(AuditTrail)
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")

    async def __call__(
        self, method: str, path: str, body: Any = None, status: int = 200, key: str = "all"
    ) -> dict[str, Any]:
        answer = await self._client.request(method, path, json=body, headers={"X-OPECOM-Key": key})
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def close(self) -> None:
        await self._client.aclose()
