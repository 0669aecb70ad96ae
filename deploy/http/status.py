"""The small HTTP face of a part that has no other: alive, ready, metrics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deploy.http.serve import serve
from deploy.processes.ports import listen

STOP_SECONDS = 5.0


def create_status_app(
    registry: CollectorRegistry,
    ready: Callable[[], bool],
    not_yet: str | Callable[[], str],
    degraded: Callable[[], str] = lambda: "",
    notice: Callable[[], str] = lambda: "",
) -> Starlette:
    """`/livez`, `/readyz` and `/metrics`.

    `/readyz` answers 503 and the line `not_yet` until ready, and then 503 with what `degraded` says, while that says
    why the part cannot do its work although nothing is wrong with it. What `notice` says stands beside a good answer:
    the part does its work, and somebody should look.
    """

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        line = f"degraded: {reason}" if (reason := degraded()) else ""
        if not ready():
            line = not_yet if isinstance(not_yet, str) else not_yet()
        if not line:
            return PlainTextResponse(f"ok, but {text}\n" if (text := notice()) else "ok\n")
        return PlainTextResponse(f"{line}\n", status_code=503, headers={"Retry-After": "1"})

    async def get_metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", get_metrics)])


@contextlib.asynccontextmanager
async def serving(app: Starlette, host: str, port: int) -> AsyncIterator[None]:
    """`app` on `host:port` while the body runs, port 0: nowhere; raises PortTakenError."""
    if not port:
        yield
        return
    listener, ended = listen(host, port), asyncio.Event()
    task = asyncio.create_task(serve(app, host, port, ended, listener=listener))
    try:
        yield
    finally:
        ended.set()
        await asyncio.wait({task}, timeout=STOP_SECONDS)
