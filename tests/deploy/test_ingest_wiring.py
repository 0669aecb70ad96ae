"""The ingest API as the settings build it, and as a part that runs."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.errors import PortTakenError, SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.ports import listen
from deploy.settings.model import SIMULATED_SITES, IngestSettings, KafkaSettings, PathRule, Settings, SiteSettings
from deploy.wiring import ingest
from deploy.wiring.keys import import_key
from deploy.wiring.site_access import site_access
from ingest.events import Event, decode
from ingest.publish import ListPublisher
from tests.support.events import NOON
from tests.support.ingest_app import SITES, events
from tests.support.ports import free_port
from tests.support.publishers import read
from tests.support.services import Broker


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param(
            {"sites": {"shop": {"origins": ["shop.example"]}}},
            r"^sites\.shop\.origins: 'shop\.example' is no origin", id="an origin without a scheme",
        ),
        pytest.param(
            {"sites": {"shop": {"own_domains": ["https://shop.example"]}}},
            r"^sites\.shop\.own_domains: 'https://shop\.example' is no host", id="a domain with a scheme",
        ),
        pytest.param(
            {"sites": {"shop": {"ignored_referrers": ["id.example/login"]}}},
            r"^sites\.shop\.ignored_referrers: 'id\.example/login' is no host", id="a host with a path",
        ),
        pytest.param(
            {"ingest": {"trusted_proxies": ["nginx"]}}, r"^ingest\.trusted_proxies: 'nginx'", id="a proxy by name"
        ),
        pytest.param(
            {"ingest": {"api_url": "api:8000"}}, r"^ingest\.api_url: 'api:8000' is no address", id="an API without http"
        ),
        pytest.param(
            {"sites": {"a": {"write_keys": ["same-key"]}, "b": {"write_keys": ["same-key"]}}},
            r"sites\.b and sites\.a", id="a key of two sites",
        ),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_one_line(given: dict[str, Any], line: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=line) as refused:
        ingest.app(Settings(data_dir=tmp_path, **given), ListPublisher())
    assert "\n" not in str(refused.value)


def test_a_sites_domains_and_rules_are_spelled_as_urls_are() -> None:
    given = SiteSettings(
        origins=("https://checkout.shop.example",),
        own_domains=("Bücher.example",),
        ignored_referrers=("ID.bank.example",),
        path_rules=(PathRule(prefix="/b%c3%bccher", type="ProductRelated"),),
    )
    rules = site_access("shop", given, embedded=False).url_rules
    assert rules.own_domains == {"shop.example", "xn--bcher-kva.example"}
    assert rules.ignored_referrers == {"id.bank.example"}
    assert rules.type_of("/bücher/1") == "ProductRelated"


def test_a_data_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(SetupError, match=r"data_dir .* cannot keep the import key"):
        ingest.app(Settings(data_dir=in_the_way), ListPublisher())


@pytest.mark.parametrize("site", [*SIMULATED_SITES, "default", "added"])
async def test_the_embedded_profile_makes_its_own_import_keys(site: str, tmp_path: Path) -> None:
    log = ListPublisher()
    settings = Settings(data_dir=tmp_path, sites={**Settings().sites, "added": SiteSettings()})
    transport = httpx.ASGITransport(ingest.app(settings, log))
    body = {
        "site": f"{site}~run",
        "sent_at": NOON,
        "events": [{"type": "session_end", "session_id": "s1", "received_at": NOON}],
    }
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        response = await client.post("/v1/batch", json=body, headers={"x-opecom-key": import_key(settings, site)})
    assert response.status_code == 202, response.text
    assert events(log)[0].site == f"{site}~run"


def test_the_services_profile_makes_no_key(tmp_path: Path) -> None:
    ingest.app(Settings(profile="services", data_dir=tmp_path, sites=SITES), ListPublisher())  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("profile", "sites", "status"),
    [
        pytest.param("embedded", {}, 202, id="embedded"),
        pytest.param("services", {}, 401, id="services"),
        pytest.param("services", {"default": {"keyless_loopback": True}}, 202, id="services, where it says so"),
        pytest.param("embedded", {"default": {"keyless_loopback": False}}, 401, id="embedded, where it says no"),
        pytest.param("embedded", {"shop": {}}, 401, id="a site of one's own"),
        pytest.param("embedded", {"shop": {"keyless_loopback": "embedded"}}, 202, id="a site of one's own says so"),
    ],
)
async def test_who_may_write_without_a_key(profile: Any, sites: dict[str, Any], status: int, tmp_path: Path) -> None:
    settings = Settings(profile=profile, data_dir=tmp_path, sites=sites)
    transport = httpx.ASGITransport(ingest.app(settings, ListPublisher()), client=("127.0.0.1", 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingest") as client:
        assert (await client.post("/tracker/session/end", json={"session_id": "s1"})).status_code == status


@asynccontextmanager
async def running(kafka: KafkaSettings, data_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The part, and a client to it; it must end by itself, with 0, when it is told to."""
    settings = Settings(data_dir=data_dir, kafka=kafka, ingest=IngestSettings(port=free_port()))
    stop = asyncio.Event()
    part = asyncio.create_task(ingest.run(settings, stop))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.ingest.port}", timeout=90) as client:
            yield client
    finally:
        stop.set()
        assert await asyncio.wait_for(part, 90) == 0


async def _readiness(client: httpx.AsyncClient, says: str) -> None:
    """Returns when /readyz says so."""
    async with asyncio.timeout(90):
        while True:
            with suppress(httpx.TransportError):
                if says in (await client.get("/readyz")).text:
                    return
            await asyncio.sleep(0.05)


async def test_from_a_socket_to_the_log_and_a_clean_end(embedded_kafka: Broker, tmp_path: Path) -> None:
    kafka = embedded_kafka.settings()
    async with running(kafka, tmp_path) as client:
        await _readiness(client, "opecom topics create")
        await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
        await _readiness(client, '"ready"')
        body = gzip.compress(b'{"session_id":"s1","page_url":"http://localhost:5173/p/1"}')
        headers = {"content-encoding": "gzip", "origin": "http://localhost:5173"}
        response = await client.post("/tracker/pageview", content=body, headers=headers)
        assert response.status_code == 202, response.text
        assert response.headers["access-control-allow-origin"] == "http://localhost:5173"
        too_large = await client.post("/tracker/pageview", content=b" " * 300_000)
        assert (too_large.status_code, too_large.headers["connection"]) == (413, "close")
    (record,) = [record for partition in await read(kafka, 1) for record in partition]
    event = decode(*record)
    assert isinstance(event, Event)
    assert (event.event_id, event.context.ip) == (response.json()["event_id"], "127.0.0.0")


async def test_kafka_away_is_answered_not_died_of(tmp_path: Path) -> None:
    async with running(KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"), tmp_path) as client:
        await _readiness(client, "(kafka.bootstrap)")
        refused = await client.post("/tracker/session/end", json={"session_id": "s1"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


async def test_a_taken_port(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        settings = Settings(data_dir=tmp_path, ingest=IngestSettings(port=port))
        with pytest.raises(PortTakenError, match=str(port)):
            await ingest.run(settings, asyncio.Event())


def test_answers_do_not_wait_for_the_clients_acknowledgement() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
