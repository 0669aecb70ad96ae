"""The ingest API (port 8001): FastAPI for the documents and the probes, bare ASGI endpoints for the events, a proxy for
what the query API answers.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest import collect, schemas
from ingest.documented_app import DocumentedApp
from ingest.endpoints import BodyHandler, EventEndpoint, IngestContext, batched, single
from ingest.errors import RefusalCode, RequestRefusedError
from ingest.events import CLOCK_TOLERANCE_MS
from ingest.openapi import METRICS, RouteDoc, refused, with_endpoints
from ingest.proxy.intent import (
    STREAM_PATH,
    TOKEN_PATH,
    IntentStream,
    IntentTokenEndpoint,
    IntentTokenRequest,
    stream_described,
)
from ingest.proxy.routes import ProxiedRoutes, with_passed
from ingest.proxy.upstream import Upstream
from ingest.publish import LogUnavailableError
from ingest.segment.endpoint import SegmentEndpoint, segment_routes
from ingest.tokens import Token

#: Seconds the document is cached; shorter while the query API's part is missing.
DOCUMENT_HOLDS, PART_HOLDS = 60.0, 2.0


class IngestApp(DocumentedApp):
    """FastAPI behind the endpoints: requests for an endpoint go straight to it, past middleware and routing."""

    def __init__(
        self,
        context: IngestContext,
        max_batch_events: int,
        version: str,
        upstream: Upstream,
        prefixes: Sequence[str],
        intents: tuple[IntentTokenEndpoint, IntentStream],
        permit: Callable[[Mapping[str, str], str], None],
        prefix: str = "",
    ) -> None:
        """`upstream` answers the paths of `prefixes`. The publisher in `context` is started and stopped by whoever made
        it, who calls `close`, too.

        `permit` raises RequestRefusedError for the headers and the peer of who may not read the metrics, which name all
        sites. Every path also answers beneath `prefix`, so that ad blockers, which block known names, do not match it.
        """
        self._upstream = upstream
        self._passages = [ProxiedRoutes(each, upstream, context.metrics, context.guard) for each in prefixes]
        super().__init__(title="OP-ECOM ingest", version=version, summary="Takes events into Kafka.")
        works, segment = _event_routes(max_batch_events), segment_routes(max_batch_events)
        tokens, self._intents = intents
        self._endpoints: dict[str, ASGIApp] = {
            **{
                described.path: EventEndpoint(described.path, work, context, described.signable)
                for described, work in works
            },
            **{described.path: SegmentEndpoint(described.path, work, context) for described, work in segment},
            TOKEN_PATH: tokens,
            STREAM_PATH: self._intents,
        }
        self._prefix = prefix
        self._described = [*(described for described, _ in (*works, *segment)), _TOKEN]
        self.add_exception_handler(HTTPException, _routed_wrong)  # type: ignore[arg-type]
        _add_probes(self, context, permit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None and (passage := self._passage(scope)):
            await passage(scope, receive, send)
            return
        if endpoint is None and self._prefix and scope.get("path", "").startswith(self._prefix + "/"):
            path = scope["path"].removeprefix(self._prefix)
            scope = {**scope, "path": path, "raw_path": path.encode()}
            endpoint = self._endpoints.get(path) if scope["type"] == "http" else None
        await (endpoint or super().__call__)(scope, receive, send)

    async def close(self) -> None:
        """Close the connections to the query API."""
        await self._upstream.close()
        await self._intents.close()

    def setup(self) -> None:
        """FastAPI's hook for its documents: ours asks the other server for its part."""

        lock, encoded, holds_until = asyncio.Lock(), b"", 0.0

        async def answer(_: Request) -> Response:
            nonlocal encoded, holds_until
            async with lock:
                if time.monotonic() >= holds_until:
                    own = self.openapi()
                    document, is_whole = await with_passed(own, self._upstream, self._passages)
                    encoded = msgspec.json.encode(document)
                    holds_until = time.monotonic() + (DOCUMENT_HOLDS if is_whole else PART_HOLDS)
            return Response(encoded, media_type="application/json")

        self.add_route("/openapi.json", answer, include_in_schema=False)

    def _passage(self, scope: Scope) -> ProxiedRoutes | None:
        if scope["type"] != "http":
            return None
        return next((passage for passage in self._passages if passage.leads_to(scope["path"])), None)

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """With the endpoints that FastAPI does not see."""
        document = with_endpoints(document, self._described)
        document["paths"][STREAM_PATH] = {"get": stream_described()}
        return document


_TOKEN = RouteDoc(
    TOKEN_PATH,
    "createIntentToken",
    "A token that opens the stream of a session's intent",
    (IntentTokenRequest,),
    Token,
    status=200,
    tag="intent",
    answered="Made.",
)


def _event_routes(max_batch_events: int) -> list[tuple[RouteDoc, BodyHandler]]:
    return [
        (
            RouteDoc(
                "/tracker/session/start",
                "startSession",
                "Start a session",
                (schemas.SessionStart,),
                schemas.SessionStarted,
            ),
            single(msgspec.json.Decoder(schemas.SessionStart), collect.start),
        ),
        (
            RouteDoc("/tracker/session/end", "endSession", "End a session", (schemas.SessionEnd,), schemas.Accepted),
            single(msgspec.json.Decoder(schemas.SessionEnd), collect.end),
        ),
        (
            RouteDoc("/tracker/pageview", "logPageView", "Log a page view", (schemas.PageView,), schemas.Accepted),
            single(msgspec.json.Decoder(schemas.PageView), collect.pageview),
        ),
        (
            RouteDoc("/tracker/event", "logEvent", "Log a custom event", (schemas.CustomEvent,), schemas.Accepted),
            single(msgspec.json.Decoder(schemas.CustomEvent), collect.custom),
        ),
        (
            RouteDoc(
                "/tracker/commerce",
                "logCommerce",
                "Log a step of buying, or a refund",
                (schemas.CommerceEvent,),
                schemas.Accepted,
                signable=True,
                example={
                    "session_id": "0190a000-0000-7000-8000-000000000001",
                    "action": "add_to_cart",
                    "currency": "EUR",
                    "value": 39.8,
                    "items": [{"id": "sku-1", "quantity": 2, "price": 19.9}],
                },
            ),
            single(msgspec.json.Decoder(schemas.CommerceEvent), collect.commerce),
        ),
        (
            RouteDoc(
                "/tracker/purchase",
                "logPurchase",
                "Log a purchase",
                (schemas.PurchaseMade,),
                schemas.Accepted,
                signable=True,
            ),
            single(msgspec.json.Decoder(schemas.PurchaseMade), collect.purchase),
        ),
        (
            RouteDoc(
                "/v1/batch", "sendBatch", "Send many events", (schemas.Batch, schemas.ImportBatch), schemas.BatchAnswer
            ),
            batched(max_batch_events),
        ),
    ]


def _add_probes(app: FastAPI, context: IngestContext, permit: Callable[[Mapping[str, str], str], None]) -> None:
    @app.get("/livez", summary="The process answers", tags=["probes"])
    async def get_liveness() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        summary="Kafka can be reached",
        tags=["probes"],
        responses={503: refused("It cannot, or its disk is full.")},
    )
    async def get_readiness() -> Response:
        try:
            await context.publisher.check()
        except LogUnavailableError as away:
            return _refusal(RequestRefusedError("unavailable", away.reason, away.retry_after))
        if reason := context.degraded():
            return _refusal(RequestRefusedError("unavailable", reason, retry_after=1))
        return Response(_readiness(context.publisher.clock_ahead_ms), media_type="application/json")

    @app.get(
        "/metrics",
        summary="Prometheus metrics",
        description="For keys of scope read and all sites, of everybody.",
        tags=["probes"],
        response_class=Response,
        responses={
            200: METRICS,
            401: refused("no_key, wrong_key"),
            403: refused("wrong_scope"),
            429: refused("rate"),
        },
    )
    async def get_metrics(request: Request) -> Response:
        try:
            permit(request.headers, request.client.host if request.client else "")
        except RequestRefusedError as refusal:
            return _refusal(refusal)
        return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)


def _readiness(clock_ahead_ms: int) -> bytes:
    """Ready in any case, for events count by the log's time where our clock is ahead; but the clock is to be set."""
    if abs(clock_ahead_ms) <= CLOCK_TOLERANCE_MS:
        return b'{"status":"ready"}'
    way = "ahead of" if clock_ahead_ms > 0 else "behind"
    reason = f"this machine's clock is {abs(clock_ahead_ms) / 1000:.0f} s {way} Kafka's: set it, and Kafka's, by NTP"
    return msgspec.json.encode({"status": "degraded", "reason": reason})


async def _routed_wrong(request: Request, error: HTTPException) -> Response:
    codes: dict[int, RefusalCode] = {404: "not_found", 405: "wrong_method"}
    reason = f"there is no {request.method} {request.url.path}; /docs lists what there is"
    return _refusal(RequestRefusedError(codes.get(error.status_code, "internal"), reason))


def _refusal(refusal: RequestRefusedError) -> Response:
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    return Response(refusal.body(), refusal.status, headers, media_type="application/json")
