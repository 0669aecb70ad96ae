"""Counts what an application answers."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storage.metrics import ApiMetrics


class RequestMetrics:
    """Counts answers by route and status; a stream counts when it begins."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        self._metrics.in_flight.inc()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                # Templates, never paths: their number is ours, not the clients'.
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.requests.labels(route, message["status"]).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            self._metrics.in_flight.dec()
