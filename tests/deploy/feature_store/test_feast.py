"""The real Feast takes the repository, and finds at each time what the query API has at the offset of that time."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from deploy.feature_store.api_source import ApiFeatureSource
from deploy.feature_store.export import export
from deploy.feature_store.feast_repository import write_repository
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import Settings
from deploy.terminal.query_client import QueryApi
from deploy.wiring import api
from deploy.wiring.keys import machine_key
from scoring.features import NAMES
from scoring.signals import RATES, SIGNALS
from tests.support.databases import filled
from tests.support.events import NOON
from tests.support.scored import SIGNALS as KNOWN
from tests.support.stored_visits import StoredVisits
from tests.support.upstream import served

ROOT = Path(__file__).parents[3]
PYTHON = ROOT / ".venv-feast/bin/python"
pytestmark = [
    pytest.mark.train,
    pytest.mark.skipif(not PYTHON.is_file(), reason="no Feast: make test-train installs it, and runs this"),
]
HOUR = timedelta(hours=1)


def visits(stored: StoredVisits) -> None:
    """Sessions of two days: one id twice, events of one millisecond, statistics of pages or none, a purchase."""
    cart = replace(KNOWN, has_page_statistics=True, cart_value=None)
    stored.visit("s1", 4)
    stored.visit("s2", 5, buys_at=4, opened_at=NOON + 500, signals=cart)
    stored.visit("s3", 3, opened_at=NOON + 700, updated_at=NOON + 9_000)
    stored.visit("s1", 3, opened_at=NOON + 7_200_000, probability=0.7)
    stored.visit("s4", 2, opened_at=NOON + 20 * 3_600_000, signals=None)


@pytest.fixture
async def query(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the query API over these sessions."""
    settings = Settings(data_dir=tmp_path / "data")
    async with filled(settings, []) as opened:
        visits(StoredVisits(opened.client, opened.engine))
        jobs = api.jobs(settings, opened)
        app = api.app(settings, opened, api.access(settings), CollectorRegistry(), asyncio.Event(), jobs)
        headers = {"x-opecom-key": machine_key(settings)}
        async with (
            served(app) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=90) as http,
        ):
            yield http


def feast(*words: str | Path, given: str = "") -> str:
    done = subprocess.run(words, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def joined(folder: Path, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What Feast finds of these entities and times."""
    lines = "\n".join(json.dumps(each) for each in asked)
    views = ("uci_features", "session_signals", "live_score", "outcome")
    said = feast(PYTHON, ROOT / "tests/support/feast_client.py", folder, *views, given=lines)
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


async def known_at(query: httpx.AsyncClient, row: dict[str, Any]) -> dict[str, Any]:
    """The features that the API has of a session at an offset, unknown as null."""
    answer = await query.get(f"/sessions/{row['session_id']}/features", params={"at": row["offset"]})
    found = answer.json()
    signals = found["signals"] or dict.fromkeys((*SIGNALS, "has_page_statistics"))
    rates = {} if signals["has_page_statistics"] else dict.fromkeys(NAMES[RATES])
    return {**found["features"], **{name: signals[name] for name in SIGNALS}, **rates}


async def test_features_joined_by_time_are_those_of_the_offset(query: httpx.AsyncClient, tmp_path: Path) -> None:
    reached = QueryApi(ProbeAddress("127.0.0.1", query.base_url.port or 0))
    source = ApiFeatureSource(reached, query.headers["x-opecom-key"], "default")
    folder = tmp_path / "export"
    now = int(datetime.now(UTC).timestamp() * 1000)
    account = await asyncio.to_thread(export, source, folder, "default", None, now, now)
    assert (account.rows, len(account.written)) == (17, 2)
    await asyncio.to_thread(write_repository, folder)
    await asyncio.to_thread(feast, PYTHON.with_name("feast"), "-c", folder, "apply")

    rows = pq.read_table(folder / "rows").to_pylist()
    newest, compared = {row["session_id"]: row["opened_at"] for row in rows}, 0
    first, second = (row for row in rows if row["session_id"] == "s2" and row["event_number"] in (2, 3))
    half = (second["event_timestamp"] - first["event_timestamp"]) / 2
    others = [_entity(first, half), _entity(rows[0], -HOUR), _entity(rows[-1], 25 * HOUR)]
    asked = [*(_entity(row, timedelta()) for row in rows), *others]
    found = await asyncio.to_thread(joined, folder, asked)
    by_place = {(each["session_id"], each["event_timestamp"]): each for each in found}
    *of_feast, between, before, after = [by_place.get((each["session_id"], each["event_timestamp"])) for each in asked]
    for row, values in zip(rows, of_feast, strict=True):
        assert values is not None
        assert (values["probability"], values["bought_afterwards"]) == (row["probability"], row["bought_afterwards"])
        # The API has the newest session of an id alone.
        if row["opened_at"] == newest[row["session_id"]]:
            of_api = await known_at(query, row)
            assert {name: values[name] for name in of_api} == of_api, row
            compared += 1
    assert compared == len(rows) - 4

    assert between is not None
    assert between["probability"] == first["probability"] != second["probability"]
    # Before the first update and a day after the last one nothing is known; Feast leaves such rows out.
    assert (before, after) == (None, None)


def _entity(row: dict[str, Any], later: timedelta) -> dict[str, Any]:
    at = (row["event_timestamp"] + later).isoformat()
    return {"site": row["site"], "session_id": row["session_id"], "event_timestamp": at}
