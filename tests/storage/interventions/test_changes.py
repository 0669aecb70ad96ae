"""Interventions from draft to end, by their routes: what is written to the log, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from sqlalchemy import Engine

from storage.http.access import Access
from storage.interventions.api import intervention_routes
from storage.interventions.changes import InterventionChanges
from storage.interventions.drafts import InterventionDrafts
from stream.interventions.definition import MOST_INTERVENTIONS, InterventionDefinition
from tests.storage.experiments.test_changes import ListLog
from tests.support.admin_client import AdminClient
from tests.support.interventions import intervention

HELP = {
    "name": "help",
    "site": "shop",
    "when": "probability > 0.5 and idle_seconds >= 60",
    "payload": '{"text":"May we help?"}',
    "quiet": {"since": 22, "until": 8},
    "visitor_cooldown_seconds": 3600,
}


class InterventionClient(AdminClient):
    """Requests to the routes of interventions."""

    def __init__(self, log: ListLog, tmp_path: Path) -> None:
        def routes(engine: Engine, access: Access) -> APIRouter:
            changes = InterventionChanges(InterventionDrafts(engine), log, lambda: 1_735_732_800_000)
            return intervention_routes(changes, access)

        super().__init__(tmp_path, routes)


@pytest.fixture
def log() -> ListLog:
    return ListLog()


@pytest.fixture
async def client(log: ListLog, tmp_path: Path) -> AsyncIterator[InterventionClient]:
    made = InterventionClient(log, tmp_path)
    yield made
    await made.close()


async def test_from_draft_to_end(client: InterventionClient, log: ListLog) -> None:
    draft = await client("POST", "/interventions", HELP, 201)
    assert (draft["status"], draft["version"], log.written) == ("draft", 0, [])
    started = await client("POST", "/interventions/help/start")
    assert (started["status"], started["version"]) == ("running", 1)
    [record] = log.written
    assert isinstance(record, InterventionDefinition)
    assert (record.when, record.payload, record.by) == (HELP["when"], HELP["payload"], "key all")
    shown = await client("GET", "/interventions/help")
    assert (shown["delivered"], shown["held"], shown["capped"]) == (0, 0, 0)
    stopped = await client("POST", "/interventions/help/stop")
    assert (stopped["status"], stopped["version"]) == ("stopped", 2)
    for change in ("start", "stop"):
        refused = await client("POST", f"/interventions/help/{change}", status=409)
        assert "create another one" in refused["reason"]
    assert [each["name"] for each in (await client("GET", "/interventions"))["interventions"]] == ["help"]


async def test_a_draft_is_dropped_and_its_name_is_taken_once(client: InterventionClient) -> None:
    await client("POST", "/interventions", HELP, 201)
    await client("POST", "/interventions", HELP, 409)
    await client("DELETE", "/interventions/help")
    await client("DELETE", "/interventions/help", status=404)
    await client("POST", "/interventions/help/start", status=404)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"when": "idle >= 60"}, "'idle' is no known name"),
        ({"when": "idle_seconds >= 2400"}, "a session closes after 2400 s"),
        ({"payload": "[1]"}, "payload: no JSON object"),
    ],
)
async def test_what_could_never_fire_is_refused(client: InterventionClient, given: Any, expected: str) -> None:
    refused = await client("POST", "/interventions", HELP | given, 422)
    assert expected in refused["reason"]


async def test_a_site_has_so_many_at_once(client: InterventionClient, log: ListLog) -> None:
    for number in range(MOST_INTERVENTIONS):
        await log.put(intervention(f"rule-{number}", site="shop"))
    await client("POST", "/interventions", HELP, 201)
    refused = await client("POST", "/interventions/help/start", status=409)
    assert "opecom interventions stop" in refused["reason"]


async def test_a_key_of_some_sites_has_those_alone(client: InterventionClient) -> None:
    await client("POST", "/interventions", HELP, 403, key="other")
    await client("POST", "/interventions", HELP, 201, key="shop")
    await client("GET", "/interventions/help", status=404, key="other")
    assert (await client("GET", "/interventions", key="other"))["interventions"] == []
    await client("POST", "/interventions/help/start", status=404, key="other")
