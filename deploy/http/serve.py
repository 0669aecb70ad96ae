"""Serves one ASGI application until it is to stop."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from functools import partial
from typing import Any

import uvicorn

from deploy.http.connections import ConnectionLimits, LimitedProtocol, OpenConnections
from deploy.http.head_requests import HeadAsGet
from deploy.processes.open_files import most_connections
from deploy.processes.ports import listen
from stream.waiting import wait_for_event

#: Seconds that answers under way get to finish; the application's own shutdown comes after them.
GRACE = 8


#: Seconds between two of the server's ticks, each of which renews the date that answers carry.
TICK = 1.0


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals belong to whoever holds `stop`. It ticks less often: uvicorn itself
    looks ten times a second whether it is to end."""

    def __init__(self, config: uvicorn.Config, stop: asyncio.Event) -> None:
        super().__init__(config)
        self._stop = stop

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            self.should_exit |= await wait_for_event(self._stop, TICK)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def serve(
    app: Any,
    host: str,
    port: int,
    stop: asyncio.Event,
    *,
    listener: socket.socket | None = None,
    limits: ConnectionLimits | None = None,
) -> None:
    """Listens on `host:port`, or on `listener` where the caller has bound one, until `stop` is set.

    More connections than three quarters of the files that the process may open are answered 503; headers that are too
    large or too slow end their connection, as `limits` says. HEAD is answered as GET, without a body.
    Answers under way get eight seconds after `stop`; an endless one (a stream) should watch `stop` itself. Client
    addresses are those of the connection: X-Forwarded-For is the application's affair. Raises PortTakenError where it
    cannot listen, RuntimeError where the application's startup failed (which is logged).
    """
    config = uvicorn.Config(
        HeadAsGet(app),
        http=partial(LimitedProtocol, connections_open=OpenConnections(limits or ConnectionLimits())),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        limit_concurrency=most_connections(),
        timeout_graceful_shutdown=GRACE,
    )
    bound = listener or listen(host, port)
    try:
        await _Server(config, stop).serve(sockets=[bound])
    except SystemExit as error:
        raise RuntimeError("the application did not start; the log says why") from error
    finally:
        bound.close()
