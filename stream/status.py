"""The worker's own small HTTP face: alive, ready, metrics."""

from collections.abc import Callable

from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from stream.metrics import WorkerMetrics


def create_status_app(metrics: WorkerMetrics, ready: Callable[[], bool]) -> Starlette:
    """`/livez`, `/readyz` (503 until partitions are claimed) and `/metrics`."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        if ready():
            return PlainTextResponse("ok\n")
        return PlainTextResponse("no partition claimed yet\n", status_code=503, headers={"Retry-After": "1"})

    async def tell(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type="text/plain; version=0.0.4")

    return Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", tell)])
