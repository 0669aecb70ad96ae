"""An ingest API over a list, and how to speak to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from deploy.settings.model import Settings
from deploy.wiring import ingest
from ingest.events import Event, decode
from ingest.publish import ListPublisher
from tests.support.agents import CHROME

WRITE_KEY = "write-key-of-shop"
IMPORT_KEY = "import-key-of-shop"
OTHER_KEY = "write-key-of-other"
READ_KEY = "read-key-of-the-tests"
#: Who may read metrics.
METRICS = {"x-opecom-key": READ_KEY}
PAGE = "https://shop.example"
IDS = {"session_id", "visitor_id", "event_id", "event_ids"}
#: A client that is not this machine.
FAR = "203.0.113.77"

SITES: dict[str, Any] = {
    "default": {"keyless_loopback": True},
    "shop": {
        "write_keys": [WRITE_KEY],
        "import_keys": [IMPORT_KEY],
        "origins": [PAGE],
        "path_rules": [
            {"prefix": "/p", "type": "ProductRelated"},
            {"prefix": "/p/help", "type": "Informational"},
        ],
    },
    "other": {"write_keys": [OTHER_KEY]},
}


def settings(sites: dict[str, Any] | None = None, **of_ingest: Any) -> Settings:
    # Whoever listens on the port of the query API of this machine has no part in a test.
    own = {"api_url": "http://127.0.0.1:1"} | of_ingest
    return Settings(sites=SITES if sites is None else sites, ingest=own, api={"read_keys": [READ_KEY]})  # type: ignore[arg-type]


@asynccontextmanager
async def ingest_client(
    publisher: ListPublisher, given: Settings | None = None, peer: str = FAR
) -> AsyncIterator[httpx.AsyncClient]:
    """A client at `peer`'s address, with the key of the site shop and a browser's headers."""
    transport = httpx.ASGITransport(ingest.app(given or settings(), publisher), client=(peer, 50_000))
    headers = {"x-opecom-key": WRITE_KEY, "user-agent": CHROME, "accept-language": "de-AT,de;q=0.9,en;q=0.8"}
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest", headers=headers) as client:
        yield client


def events(publisher: ListPublisher) -> list[Event]:
    """What was published, as the worker would read it."""
    read = [decode(key, value) for key, value in publisher.records]
    return [record for record in read if isinstance(record, Event)]


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, whose body is one line with a reason; only a failure of ours gives ids too."""
    assert response.text.count("\n") == 0
    body = msgspec.json.decode(response.content)
    assert set(body) - (IDS if response.status_code >= 500 else set()) == {"error", "reason"}
    assert body["reason"]
    return response.status_code, body["error"]
