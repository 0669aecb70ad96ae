"""The routes of the overview: periods in the site's zone, keys, and parameters that are refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from deploy.settings.model import Settings, SiteSettings
from deploy.wiring import api
from storage.http.access import Access
from storage.http.secret_keys import SecretKey, digest_of
from stream.scored import ScoredSession, VerifiedOrder
from tests.support.databases import filled
from tests.support.events import NOON
from tests.support.scored import scored

EXPORT, OTHER = "export-key-of-the-tests", "export-key-of-another-site"
KEYS = [
    SecretKey("e", digest_of(EXPORT), frozenset({"export"})),
    SecretKey("o", digest_of(OTHER), frozenset({"export"}), frozenset({"other"})),
]
ROUTES = ["summary", "series", "funnel", "carts", "bands", "calibration", "segments", "pages"]
#: In Tokyo NOON is 21:00 of the first of January.
SITES = {"shop": SiteSettings(timezone="Asia/Tokyo", currency="EUR")}
PERIOD = {"site": "shop", "from": "2025-01-01", "to": "2025-01-03"}


@asynccontextmanager
async def client(folder: Path, *updates: ScoredSession, key: str = EXPORT) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(data_dir=folder)
    settings = settings.model_copy(update={"sites": {**settings.sites, **SITES}})
    async with filled(settings, updates) as opened:
        access = Access(lambda: KEYS, True)
        app = api.app(settings, opened, access, CollectorRegistry(), asyncio.Event(), api.jobs(settings, opened))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 5000))
        headers = {"x-opecom-key": key}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000", headers=headers) as made:
            yield made


def two_sessions() -> list[ScoredSession]:
    order = {"revenue": True, "amount": 30.0, "currency": "EUR", "orders": (VerifiedOrder("o1", NOON, 30.0, "EUR"),)}
    return [
        scored(1, True, site="shop", session_id="s1", opened_at=NOON, **order),
        # 01:00 of the second of January in Tokyo.
        scored(2, True, site="shop", session_id="s2", opened_at=NOON + 4 * 3_600_000),
    ]


async def test_days_are_those_of_the_site_and_equal_the_statistics(tmp_path: Path) -> None:
    async with client(tmp_path, *two_sessions()) as http:
        series = (await http.get("/admin/overview/series", params=PERIOD)).json()
        compared = {**PERIOD, "from": "2025-01-02", "compare": "previous"}
        summary = (await http.get("/admin/overview/summary", params=compared)).json()
        totals = (await http.get("/admin/stats", params={"site": "shop"})).json()["totals"]
    spans = series["current"]["spans"]
    assert (series["zone"], series["compared"]) == ("Asia/Tokyo", None)
    assert [span["at"] for span in spans] == [NOON - 21 * 3_600_000, NOON + 3 * 3_600_000]
    assert [span["figures"]["sessions"] for span in spans] == [1, 1]
    assert sum(span["figures"]["revenue"] for span in spans) == totals["revenue"] == 30.0
    assert summary["current"]["figures"]["revenue"] == 0.0
    assert summary["compared"]["figures"]["average_order_value"] == 30.0
    assert summary["compared"]["period"] == {"since": spans[0]["at"], "until": spans[1]["at"]}


async def test_a_key_of_another_site_sees_nothing(tmp_path: Path) -> None:
    async with client(tmp_path, key=OTHER) as http:
        for route in ROUTES:
            refused = await http.get(f"/admin/overview/{route}", params=PERIOD)
            assert (refused.status_code, refused.json()["error"]) == (403, "wrong_scope"), route
            own = await http.get(f"/admin/overview/{route}", params={**PERIOD, "site": "other"})
            assert own.status_code == 200, own.text


#: A route, its parameters, and what the refusal names.
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("summary", {"site": "shop", "form": "2025-01-01"}, "form"),
    ("summary", {}, "site"),
    ("summary", {"site": "shop", "compare": "last"}, "compare"),
    ("funnel", {"site": "shop", "compare": "previous"}, "compare"),
    ("series", {"site": "shop", "from": "2020-01-01"}, "366 days"),
    ("series", {"site": "shop", "from": "2025-01-01", "to": "2025-03-01", "by": "hour"}, "by=day"),
    ("carts", {"site": "shop", "days": 61}, "days"),
    ("segments", {"site": "shop", "dimension": "colour"}, "dimension"),
]


async def test_other_questions_are_refused(tmp_path: Path) -> None:
    async with client(tmp_path) as http:
        for route, params, reason in REFUSED:
            refused = await http.get(f"/admin/overview/{route}", params=params)
            assert (refused.status_code, refused.json()["error"]) == (422, "invalid"), (route, params)
            assert reason in refused.json()["reason"]
