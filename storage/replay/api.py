"""Replays as jobs, over HTTP: begin, watch, stop. For keys of scope admin."""

from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import APIKeyHeader

from storage.access import Access, require_json
from storage.errors import ReadError
from storage.intents import encode
from storage.openapi import answered
from storage.replay.jobs import Job, JobList, Jobs, Order

_key = APIKeyHeader(name="X-OPECOM-Key", auto_error=False, description="A key of scope admin.", scheme_name="admin")
#: Bytes of an order: paths and names, nothing long.
MOST_BYTES = 16_384
JSON = "application/json"


def replay_routes(jobs: Jobs, access: Access) -> APIRouter:
    """The routes under /replays."""

    async def admin(request: Request) -> None:
        access.check(request.headers, request.client.host if request.client else "")

    router = APIRouter(prefix="/replays", tags=["replays"], dependencies=[Depends(admin), Security(_key)])

    @router.post(
        "",
        summary="Begin a replay, or go on with the interrupted one of the same request",
        status_code=202,
        responses=_with(Job, 202, "busy", "too_large"),
        openapi_extra={"requestBody": {"content": {JSON: {"schema": {"$ref": "#/components/schemas/Order"}}}}},
    )
    async def begin(request: Request) -> Response:
        return _answer(jobs.start(await _order(request)), 202)

    @router.get("", summary="The replays of this process, the newest first", responses=answered(JobList))
    async def all_jobs() -> Response:
        return _answer(JobList(jobs.all()))

    @router.get("/{job}", summary="How far a replay is, and what came of it", responses=answered(Job, "not_found"))
    async def one_job(job: int) -> Response:
        return _answer(jobs.job(job))

    @router.delete("/{job}", summary="Stop a replay; the same request goes on", responses=answered(Job, "not_found"))
    async def stop(job: int) -> Response:
        await jobs.stop(job)
        return _answer(jobs.job(job))

    return router


async def _order(request: Request) -> Order:
    """The order in the body; raises ReadError."""
    require_json(request.headers)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise ReadError("too_large", f"body: an order has at most {MOST_BYTES:,} bytes")
    try:
        return msgspec.json.decode(body, type=Order)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReadError("invalid", f"body: {error}") from None


def _with(answer: type[msgspec.Struct], status: int, *refusals: Any) -> dict[int | str, dict[str, Any]]:
    said = answered(answer, *refusals)
    said[status] = said.pop(200) | {"description": "Begun."}
    return said


def _answer(answer: msgspec.Struct, status: int = 200) -> Response:
    return Response(encode(answer), status, media_type=JSON)
