"""Serving: requests under way are answered, and a port in use is a line that names the setting."""

import asyncio
from typing import Any

import httpx
import pytest
import uvicorn

from deploy.cli.failures import lines
from deploy.cli.run import run_part
from deploy.errors import PortTakenError, SetupError
from deploy.http.serve import serve
from deploy.processes.ports import listen
from deploy.settings.model import Settings


class SlowApp:
    """Answers "done" after it was released; counts its shutdowns."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.released = asyncio.Event()
        self.shutdowns = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.shutdowns += 1
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.asked.set()
        await self.released.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})


async def test_a_request_under_way_is_answered_after_stop() -> None:
    app, stop, listener = SlowApp(), asyncio.Event(), listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, listener=listener))
    async with httpx.AsyncClient(timeout=90) as client:
        answer = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await app.asked.wait()
        stop.set()
        app.released.set()
        assert (await answer).text == "done"
    await asyncio.wait_for(serving, 90)
    assert app.shutdowns == 1


async def test_more_connections_than_can_be_held_are_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.processes.open_files.MOST_CONNECTIONS", 2)
    app, stop, listener = SlowApp(), asyncio.Event(), listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, listener=listener))
    async with httpx.AsyncClient(timeout=90) as client:
        first = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await app.asked.wait()
        assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 503
        app.released.set()
        assert (await first).text == "done"
    stop.set()
    await asyncio.wait_for(serving, 90)


async def test_an_application_that_does_not_start_is_an_error() -> None:
    async def broken(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(RuntimeError, match="did not start"):
        await serve(broken, "127.0.0.1", 0, asyncio.Event())


@pytest.mark.parametrize("in_a_group", [False, True], ids=["alone", "among-tasks"])
def test_port_in_use_names_the_setting(in_a_group: bool) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        settings = Settings(ingest={"port": port})

        async def part(settings: Settings, stop: asyncio.Event) -> int:
            if not in_a_group:
                await serve(SlowApp(), settings.ingest.host, settings.ingest.port, stop)
            async with asyncio.TaskGroup() as group:
                group.create_task(serve(SlowApp(), settings.ingest.host, settings.ingest.port, stop))
            return 0

        with pytest.raises(SetupError) as caught:
            run_part(part, settings)
    (line,) = lines(caught.value) or []
    assert line == (
        f"cannot listen on 127.0.0.1:{port}: another process listens there; "
        "set OPECOM_INGEST__PORT, or `ingest.port` in opecom.toml, to a free port"
    )


@pytest.mark.parametrize(
    ("host", "reason"), [("192.0.2.1", "no such address"), ("no.such.host.invalid", "no such host")]
)
def test_other_reasons_not_to_listen_are_reported(host: str, reason: str) -> None:
    with pytest.raises(PortTakenError, match=reason):
        listen(host, 0)


async def test_a_server_without_requests_ticks_seldom_and_still_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = 0

    async def on_tick(server: uvicorn.Server, counter: int) -> bool:
        nonlocal ticks
        ticks += 1
        return server.should_exit

    monkeypatch.setattr(uvicorn.Server, "on_tick", on_tick)
    monkeypatch.setattr("deploy.http.serve.TICK", 3_600)
    app, stop = SlowApp(), asyncio.Event()
    app.released.set()
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(serve(app, "127.0.0.1", port, stop, listener=listener))
        async with httpx.AsyncClient(timeout=90) as client:
            for _ in range(3):
                assert (await client.get(f"http://127.0.0.1:{port}/")).text == "done"
        # uvicorn itself would have ticked ten times a second.
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.wait_for(serving, 90)
    assert ticks == 2
