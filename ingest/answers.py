"""The responses of bare ASGI routes, counted by path and status."""

from starlette.types import Send

from ingest.admission.origins import RawHeaders
from ingest.errors import RequestRefusedError
from ingest.metrics import IngestMetrics


class ResponseSender:
    """Sends and counts the responses of one route; `path` is its label in the metrics, not the path of the request."""

    def __init__(self, path: str, metrics: IngestMetrics) -> None:
        self._path = path
        self._metrics = metrics
        self._accepted = metrics.requests.labels(path, "202")

    async def refuse(self, refusal: RequestRefusedError, cors: RawHeaders, send: Send) -> None:
        self._metrics.refused.labels(refusal.code).inc()
        headers = list(cors)
        if refusal.retry_after is not None:
            headers.append((b"retry-after", str(refusal.retry_after).encode()))
        if refusal.code in ("too_large", "slow_body"):
            # The rest of the body is not read: the connection cannot be used again.
            headers.append((b"connection", b"close"))
        await self.send(refusal.status, refusal.body(), headers, send)

    async def send(self, status: int, body: bytes, headers: RawHeaders, send: Send) -> None:
        self.count(status)
        content = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())] if body else []
        whole = [*content, *headers]
        await send({"type": "http.response.start", "status": status, "headers": whole})
        await send({"type": "http.response.body", "body": body})

    def count(self, status: int) -> None:
        (self._accepted if status == 202 else self._metrics.requests.labels(self._path, str(status))).inc()
