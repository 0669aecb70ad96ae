"""The query API (port 8000): intent, live sessions, timelines, intents as a stream; for those who may, replays and
what storage/admin has.

Every answer is a struct of storage.intents, every refusal one of storage.errors. The prediction routes are those of
scoring.api, mounted here.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from ingest.documented_app import DocumentedApp
from ingest.openapi import METRICS
from ingest.tokens import SessionTokens, Token
from scoring.api import STRUCTS as PREDICTION_STRUCTS
from scoring.catalogue import FeatureCatalogue, catalogue
from scoring.manifest import Band
from storage.api.openapi import ANSWERS, with_answers
from storage.http.access import Access, Caller
from storage.http.answers import EVENT_STREAM, answered, encode, refused, refused_with, unkept
from storage.http.audit import AuditTrail, record_of
from storage.http.errors import ReadError
from storage.http.key_lease import EndWithKey, lease_of
from storage.http.keys import READ_KEY
from storage.http.refusals import add_refusals
from storage.http.request_metrics import RequestMetrics
from storage.http.stream_tokens import Tokens
from storage.learner.api import learning_routes
from storage.learner.runs import LearnerRuns
from storage.live.activity import Activity, activity_routes
from storage.live.session_streams import SessionStreams, session_routes
from storage.live.sse import Streams
from storage.live.subscribe import ResumePosition, Start, UpdateFilter
from storage.metrics import ApiMetrics
from storage.pages.api import Opening, page_routes
from storage.query.intents import Intent, LiveSessions, SessionFeatures, Timeline
from storage.query.queries import MOST_OFFSET, MOST_UPDATES, Queries
from storage.replay.api import replay_routes
from storage.replay.jobs import Jobs
from stream.fold.erasure_keys import ErasureKeys

MOST_LIVE = 1_000


class QueryParams(BaseModel):
    """Query parameters; a misspelt one would silently ask for something else, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionParams(QueryParams):
    site: str | None = Field(None, max_length=97, description="Needed where several sites have this session id.")


class FeatureParams(SessionParams):
    at: int | None = Field(None, ge=0, le=MOST_OFFSET, description="An offset of the session's partition; none: now.")


class ListParams(QueryParams):
    site: str | None = Field(None, max_length=97, description="One site; none: all.")
    band: Band | None = Field(None, description="One band; none: all.")
    min_probability: float = Field(0.0, ge=0, le=1, description="The least probability.")
    bots: bool = Field(False, description="With the sessions of programs.")
    runs: bool = Field(False, description="With the runs of the site: imports and simulations.")


class LiveParams(ListParams):
    limit: int = Field(100, ge=1, le=MOST_LIVE, description="Most sessions.")


class StreamParams(ListParams):
    token: str | None = Field(None, max_length=4_000, description="From POST /intents/token; instead of a key.")
    last_event_id: str | None = Field(
        None, max_length=20_000, description="For clients that cannot send the header Last-Event-ID, which wins."
    )


class QueryApp(DocumentedApp):
    """With our structs in the document."""

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        return with_answers(document, (*ANSWERS, *PREDICTION_STRUCTS))


def create_app(
    *,
    queries: Queries,
    access: Access,
    tokens: Tokens,
    streams: Streams,
    session_streams: SessionStreams,
    session_tokens: SessionTokens,
    jobs: Jobs,
    pages: Opening,
    predictions: APIRouter,
    admin: APIRouter,
    overview: APIRouter,
    learning: APIRouter,
    operations: APIRouter,
    learner: LearnerRuns,
    activity: Callable[[], Activity],
    setup: APIRouter,
    models: APIRouter,
    experiments: APIRouter,
    interventions: APIRouter,
    metrics: ApiMetrics,
    origins: Sequence[str],
    asyncapi: Mapping[str, Any],
    version: str,
    audit_keys: ErasureKeys | None = None,
    keep_audit: Callable[[str], None] = lambda _: None,
) -> FastAPI:
    """The application.

    `access` says who may; `origins` are those whose pages may read with a key or a
    token, `asyncapi` is the topics' document, `audit_keys` make the
    digests of the audit trail, `keep_audit` takes its lines of changes.
    Whoever made the databases' clients closes them.
    """
    app = QueryApp(
        title="OP-ECOM queries and predictions",
        version=version,
        summary="Live purchase intent.",
        lifespan=partial(_living, session_streams),
    )
    add_refusals(app)
    _add_reads(app, queries, access)
    _add_features(app, queries, access)
    _add_stream(app, streams, access, tokens)
    app.add_routes(session_routes(session_streams, session_tokens))
    app.add_routes(replay_routes(jobs, access.scoped("admin")))
    app.add_routes(page_routes(pages, access))
    app.add_routes(learning_routes(learner, access.scoped("admin")))
    app.add_routes(activity_routes(activity, access))
    app.add_routes(predictions)
    app.add_routes(admin)
    app.add_routes(overview)
    app.add_routes(learning)
    app.add_routes(operations)
    app.add_routes(setup)
    app.add_routes(models)
    app.add_routes(experiments)
    app.add_routes(interventions)
    _add_probes(app, queries, access, metrics, asyncapi)
    app.add_middleware(EndWithKey)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST"],
        allow_headers=["X-OPECOM-Key", "Last-Event-ID", "Cache-Control"],
        expose_headers=["X-OPECOM-Model", "X-OPECOM-Unused"],
        max_age=600,
    )
    app.add_middleware(AuditTrail, keys=audit_keys, keep=keep_audit)
    app.add_middleware(RequestMetrics, metrics=metrics)
    return app


@contextlib.asynccontextmanager
async def _living(session_streams: SessionStreams, _: FastAPI) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await session_streams.close()


def _add_reads(app: FastAPI, queries: Queries, access: Access) -> None:
    @app.get(
        "/sessions/live",
        summary="Open sessions, the highest probability first",
        tags=["sessions"],
        dependencies=[READ_KEY],
        responses=answered(LiveSessions, "unavailable"),
    )
    async def get_live_sessions(
        params: Annotated[LiveParams, Query()], caller: Annotated[Caller, Depends(access.of)]
    ) -> Response:
        found = await asyncio.to_thread(
            queries.live,
            params.min_probability,
            params.band,
            params.site,
            params.limit,
            caller.sites,
            params.bots,
            params.runs,
        )
        return unkept(LiveSessions(found))

    @app.get(
        "/sessions/{session_id}/intent",
        summary="The newest score of a session, and why",
        tags=["sessions"],
        dependencies=[READ_KEY],
        responses=answered(Intent, "not_found", "ambiguous", "unavailable"),
    )
    async def get_session_intent(
        session_id: str, params: Annotated[SessionParams, Query()], caller: Annotated[Caller, Depends(access.of)]
    ) -> Response:
        return unkept(await asyncio.to_thread(queries.intent, session_id, params.site, caller.sites))

    @app.get(
        "/sessions/{session_id}/timeline",
        summary="Every update of a session",
        description=f"The oldest first; of more than {MOST_UPDATES:,} updates the newest.",
        tags=["sessions"],
        dependencies=[READ_KEY],
        responses=answered(Timeline, "not_found", "ambiguous", "unavailable"),
    )
    async def get_session_timeline(
        request: Request,
        session_id: str,
        params: Annotated[SessionParams, Query()],
        caller: Annotated[Caller, Depends(access.audited().of)],
    ) -> Response:
        found = await asyncio.to_thread(queries.timeline, session_id, params.site, caller.sites)
        record_of(request.scope).site = found.site
        # Encoding two thousand updates takes a moment that no other request should wait for.
        return Response(await asyncio.to_thread(encode, found), media_type="application/json")


def _add_features(app: FastAPI, queries: Queries, access: Access) -> None:
    described = encode(catalogue())

    @app.get(
        "/features",
        summary="What each feature means",
        description="The columns of both feature contracts, in the order of a row of contract 2.",
        tags=["features"],
        responses={200: answered(FeatureCatalogue)[200]},
    )
    async def get_features() -> Response:
        return Response(described, media_type="application/json")

    @app.get(
        "/sessions/{session_id}/features",
        summary="The features of a session, as they are or as they were",
        description="Of the newest session of this id: what was known once the record at offset `at` had been folded.",
        tags=["features"],
        dependencies=[READ_KEY],
        responses=answered(SessionFeatures, "not_found", "ambiguous", "unavailable"),
    )
    async def get_session_features(
        session_id: str, params: Annotated[FeatureParams, Query()], caller: Annotated[Caller, Depends(access.of)]
    ) -> Response:
        return unkept(await asyncio.to_thread(queries.features, session_id, params.site, caller.sites, params.at))


def _add_stream(app: FastAPI, streams: Streams, access: Access, tokens: Tokens) -> None:
    audited = access.audited()

    def _by_token(request: Request, token: str) -> frozenset[str] | None:
        record = record_of(request.scope)
        record.counts = True
        claim = tokens.check(token)
        record.who = "a token of POST /intents/token"
        if claim.key_id:
            holds = partial(access.key_holds, claim.key_id, claim.sites)
            if not holds():
                raise ReadError("wrong_token", "the key of this token has ended")
            lease_of(request.scope).holds = holds
        return claim.sites

    @app.get(
        "/intents/stream",
        summary="Intents as they change (server-sent events)",
        tags=["intents"],
        dependencies=[READ_KEY],
        response_class=Response,
        responses=answered(Intent, "wrong_token", "too_many_streams", "unavailable")
        | {200: {"description": "Each event's data is an Intent.", "content": EVENT_STREAM}},
    )
    async def stream_intents(
        request: Request,
        params: Annotated[StreamParams, Query()],
        last_event_id: Annotated[str | None, Header(max_length=20_000)] = None,
    ) -> Response:
        sites = _by_token(request, params.token) if params.token is not None else (await audited.of(request)).sites
        wanted = UpdateFilter(params.site, params.band, params.min_probability, sites, params.bots, params.runs)
        return await streams.open(wanted, _start(last_event_id or params.last_event_id))

    @app.post(
        "/intents/token",
        summary="A short-lived token for /intents/stream?token=, where a browser cannot send a header",
        tags=["intents"],
        dependencies=[READ_KEY],
        responses=answered(Token),
    )
    async def create_stream_token(caller: Annotated[Caller, Depends(audited.of)]) -> Response:
        issued = encode(tokens.issue(caller.sites, caller.key_id))
        return Response(issued, media_type="application/json", headers={"Cache-Control": "no-store"})


def _add_probes(
    app: FastAPI, queries: Queries, access: Access, metrics: ApiMetrics, asyncapi: Mapping[str, Any]
) -> None:
    @app.get("/livez", summary="The process answers", tags=["probes"])
    async def get_liveness() -> dict[str, str]:
        return {"status": "alive"}

    @app.get(
        "/readyz",
        summary="Both databases answer",
        tags=["probes"],
        responses=refused(503, "One does not, or their disk is full."),
    )
    async def get_readiness() -> dict[str, str]:
        notice = await asyncio.to_thread(queries.check)
        return {"status": "ready"} | ({"notice": notice} if notice else {})

    @app.get(
        "/metrics",
        summary="Prometheus metrics",
        tags=["probes"],
        dependencies=[READ_KEY],
        response_class=Response,
        responses=refused_with() | {200: METRICS},
    )
    async def get_metrics(caller: Annotated[Caller, Depends(access.of)]) -> Response:
        caller.require_all_sites("/metrics")
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    encoded = msgspec.json.encode(asyncapi)

    @app.get("/asyncapi.json", summary="AsyncAPI document of the Kafka topics", tags=["documents"])
    async def get_topics_document() -> Response:
        return Response(encoded, media_type="application/json")


def _start(last_event_id: str | None) -> Start:
    if not last_event_id:
        return "end"
    try:
        return ResumePosition.decode(last_event_id)
    except ValueError as error:
        raise ReadError("invalid", f"Last-Event-ID: {error}") from None
