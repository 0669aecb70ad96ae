"""The ingest API (port 8001): FastAPI for the documents and the probes, bare ASGI doors for the events, passages for
what the query API answers.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from ingest import bodies, collect
from ingest.endpoints import Door, House, Work, batched, single
from ingest.errors import RefusalCode, RefusedError
from ingest.openapi import Described, with_doors
from ingest.proxy.intent import STREAM_PATH, TOKEN_PATH, IntentAsked, IntentStream, IntentTokens, stream_described
from ingest.proxy.routes import Passage, with_passed
from ingest.proxy.upstream import Upstream
from ingest.publish import UnavailableError
from ingest.tokens import Token


class IngestApp(FastAPI):
    """FastAPI, asked second: requests for a door go straight to it, past middleware and routing."""

    def __init__(
        self,
        house: House,
        max_batch_events: int,
        version: str,
        upstream: Upstream,
        prefixes: Sequence[str],
        intents: tuple[IntentTokens, IntentStream],
        prefix: str = "",
    ) -> None:
        """`upstream` answers the paths of `prefixes`. The publisher in `house` is started and stopped by whoever made
        it, who calls `close`, too.

        Beneath `prefix` every path of ours is answered as it is without: a name that no list of blocked trackers has.
        """
        self._upstream = upstream
        self._passages = [Passage(each, upstream, house.metrics) for each in prefixes]
        super().__init__(
            title="OP-ECOM ingest", version=version, summary="Takes events into Kafka.", docs_url=None, redoc_url=None
        )
        works = _works(max_batch_events)
        tokens, self._intents = intents
        self._doors: dict[str, ASGIApp] = {
            **{described.path: Door(described.path, work, house, described.signable) for described, work in works},
            TOKEN_PATH: tokens,
            STREAM_PATH: self._intents,
        }
        self._prefix = prefix
        self._described = [*(described for described, _ in works), _TOKEN]
        self.add_exception_handler(HTTPException, _routed_wrong)  # type: ignore[arg-type]
        _add_probes(self, house)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._doors.get(scope["path"]) if scope["type"] == "http" else None
        if door is None and (passage := self._passage(scope)):
            await passage(scope, receive, send)
            return
        if door is None and self._prefix and scope.get("path", "").startswith(self._prefix + "/"):
            path = scope["path"].removeprefix(self._prefix)
            scope = {**scope, "path": path, "raw_path": path.encode()}
            door = self._doors.get(path) if scope["type"] == "http" else None
        await (door or super().__call__)(scope, receive, send)

    async def close(self) -> None:
        """Close the connections to the query API."""
        await self._upstream.close()
        await self._intents.close()

    def setup(self) -> None:
        """FastAPI's hook for its documents: ours asks the other server for its part."""

        async def document(_: Request) -> Response:
            whole = await with_passed(self.openapi(), self._upstream, self._passages)
            return Response(msgspec.json.encode(whole), media_type="application/json")

        self.add_route("/openapi.json", document, include_in_schema=False)

    def _passage(self, scope: Scope) -> Passage | None:
        if scope["type"] != "http":
            return None
        return next((passage for passage in self._passages if passage.leads_to(scope["path"])), None)

    def openapi(self) -> dict[str, Any]:
        """The document, with the doors in it."""
        if self.openapi_schema is None:
            self.openapi_schema = with_doors(super().openapi(), self._described)
            self.openapi_schema["paths"][STREAM_PATH] = {"get": stream_described()}
        return self.openapi_schema


_TOKEN = Described(
    TOKEN_PATH, "A token that opens the stream of a session's intent", (IntentAsked,), Token, status=200, tag="intent"
)


def _works(max_batch_events: int) -> list[tuple[Described, Work]]:
    return [
        (
            Described("/tracker/session/start", "Start a session", (bodies.SessionStart,), bodies.Started),
            single(msgspec.json.Decoder(bodies.SessionStart), collect.start),
        ),
        (
            Described("/tracker/session/end", "End a session", (bodies.SessionEnd,), bodies.Accepted),
            single(msgspec.json.Decoder(bodies.SessionEnd), collect.end),
        ),
        (
            Described("/tracker/pageview", "Log a page view", (bodies.PageView,), bodies.Accepted),
            single(msgspec.json.Decoder(bodies.PageView), collect.pageview),
        ),
        (
            Described("/tracker/event", "Log a custom event", (bodies.CustomEvent,), bodies.Accepted),
            single(msgspec.json.Decoder(bodies.CustomEvent), collect.custom),
        ),
        (
            Described("/tracker/purchase", "Log a purchase", (bodies.PurchaseMade,), bodies.Accepted, signable=True),
            single(msgspec.json.Decoder(bodies.PurchaseMade), collect.purchase),
        ),
        (
            Described("/v1/batch", "Send many events", (bodies.Batch, bodies.ImportBatch), bodies.BatchAnswer),
            batched(max_batch_events),
        ),
    ]


def _add_probes(app: FastAPI, house: House) -> None:
    @app.get("/livez", summary="The process answers", tags=["probes"])
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", summary="Kafka can be reached", tags=["probes"], responses={503: {"description": "It cannot."}})
    async def readyz() -> Response:
        try:
            await house.publisher.check()
        except UnavailableError as away:
            return _refusal(RefusedError("unavailable", away.reason, away.retry_after))
        return Response(b'{"status":"ready"}', media_type="application/json")

    @app.get("/metrics", summary="Prometheus metrics", tags=["probes"])
    async def metrics() -> Response:
        return Response(generate_latest(house.metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _routed_wrong(request: Request, error: HTTPException) -> Response:
    codes: dict[int, RefusalCode] = {404: "not_found", 405: "wrong_method"}
    reason = f"there is no {request.method} {request.url.path}; /docs lists what there is"
    return _refusal(RefusedError(codes.get(error.status_code, "internal"), reason))


def _refusal(refusal: RefusedError) -> Response:
    headers = {"retry-after": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    return Response(refusal.body(), refusal.status, headers, media_type="application/json")
