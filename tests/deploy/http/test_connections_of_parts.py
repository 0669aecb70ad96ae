"""The ports that visitors and shops reach have limits of connections, as the settings say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from deploy.errors import SetupError
from deploy.http.connections import ConnectionLimits, OpenConnections
from deploy.settings.model import ApiSettings, IngestSettings, KafkaSettings, Settings
from deploy.wiring import api, connection_limits, ingest, predict
from deploy.wiring.access import access
from tests.deploy.http.test_connections import exchanged
from tests.support.databases import filled
from tests.support.ports import free_port


async def run_api(settings: Settings, stop: asyncio.Event) -> None:
    """The query API as the store and `opecom run api` serve it."""
    async with filled(settings, []) as opened:
        listener = api.bound(settings)
        await api.answer(settings, opened, access(settings), listener, CollectorRegistry(), stop)


@contextlib.asynccontextmanager
async def running(run: Callable[..., Any], settings: Settings, port: int) -> AsyncIterator[None]:
    stop = asyncio.Event()
    part = asyncio.create_task(run(settings, stop))
    try:
        async with asyncio.timeout(30):
            while not part.done():
                with contextlib.suppress(OSError):
                    if await exchanged(port, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
                        break
                await asyncio.sleep(0.05)
        yield
    finally:
        stop.set()
        await asyncio.wait_for(part, 90)


@pytest.mark.parametrize("run", [ingest.run, run_api, predict.run], ids=["ingest", "query API", "prediction API"])
async def test_each_passes_its_setting_on(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_limits, "is_loopback", lambda _: False)
    port = free_port()
    ours, others = {"port": port, "max_connections_per_address": 1}, {"port": free_port()}
    settings = Settings(
        data_dir=tmp_path,
        kafka=KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}"),
        ingest=IngestSettings(**(ours if run is ingest.run else others)),
        api=ApiSettings(**(others if run is ingest.run else ours)),
    )
    async with running(run, settings, port):
        _, held = await asyncio.open_connection("127.0.0.1", port)
        refused = await exchanged(port)
        held.close()
        await held.wait_closed()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"1 connections of this address" in refused


@pytest.mark.parametrize(
    ("limits_of", "most", "local"),
    [(connection_limits.ingest_limits, 1_024, True), (connection_limits.api_limits, 4_096, None)],
    ids=["ingest", "API"],
)
def test_defaults(limits_of: Callable[[Settings], ConnectionLimits], most: int, local: bool | None) -> None:
    limits = limits_of(Settings(ingest=IngestSettings(trusted_proxies=("10.0.0.0/8",))))
    assert (limits.per_address, limits.header_seconds, limits.body_seconds) == (most, 10, 120)
    held = OpenConnections(limits)
    assert [held.enter("203.0.113.7") for _ in range(most + 1)] == [True] * most + [False]
    # This machine's ingest asks the query API for all visitors; a proxy's connections are those of many clients.
    assert (held.enter("127.0.0.1"), held.enter("::1"), held.enter("10.1.2.3")) == (local, local, None)


def test_other_ports_have_ten_seconds_for_headers_too() -> None:
    assert ConnectionLimits().header_seconds == 10


def test_a_proxy_that_is_no_address_is_refused_by_the_query_api_too() -> None:
    with pytest.raises(SetupError, match=r"^ingest\.trusted_proxies: 'nginx'"):
        connection_limits.api_limits(Settings(ingest=IngestSettings(trusted_proxies=("nginx",))))
