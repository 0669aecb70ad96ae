"""Replays as jobs, over HTTP: begin, watch, stop. For keys of scope admin."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from storage.http.access import Access, Caller
from storage.http.answers import answered, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.replay.jobs import Job, JobList, Jobs, ReplayRequest, no_job
from storage.replay.request import ReplaySelection

#: Bytes of an order: paths and names, nothing long.
MOST_BYTES = 16_384


def replay_routes(jobs: Jobs, access: Access) -> APIRouter:
    """The routes under /replays."""

    router = APIRouter(prefix="/replays", tags=["replays"], dependencies=[ADMIN_KEY])

    @router.post(
        "",
        summary="Begin a replay, or go on with the interrupted one of the same request",
        status_code=202,
        responses=_with(Job, 202, "busy", "too_large"),
        openapi_extra=takes(ReplayRequest),
    )
    async def start_replay(request: Request, caller: Annotated[Caller, Depends(access.of)]) -> Response:
        order = await json_body(request, ReplayRequest, "an order", MOST_BYTES)
        record = record_of(request.scope)
        record.site, record.subject = order.request.site, f"into {order.request.into}"
        if not _may(caller, order.request):
            raise ReadError("wrong_scope", "request.site: name a site of this key")
        if order.request.fault:
            raise ReadError("invalid", f"request.{order.request.fault}")
        return unkept(jobs.start(order, caller.sites is not None), 202)

    @router.get("", summary="The replays of this process, the newest first", responses=answered(JobList))
    async def list_replays(caller: Annotated[Caller, Depends(access.of)]) -> Response:
        return unkept(JobList([job for job in jobs.all() if _may(caller, job.request)]))

    @router.get("/{job}", summary="How far a replay is, and what came of it", responses=answered(Job, "not_found"))
    async def get_replay(job: int, caller: Annotated[Caller, Depends(access.of)]) -> Response:
        return unkept(found(job, caller))

    @router.delete("/{job}", summary="Stop a replay; the same request goes on", responses=answered(Job, "not_found"))
    async def stop_replay(job: int, caller: Annotated[Caller, Depends(access.of)]) -> Response:
        stopped = found(job, caller)
        await jobs.stop(job)
        return unkept(stopped)

    def found(number: int, caller: Caller) -> Job:
        job = jobs.job(number)
        if not _may(caller, job.request):
            raise no_job(number)
        return job

    return router


def _may(caller: Caller, selection: ReplaySelection) -> bool:
    """Whether a replay is the caller's affair; one of all sites is only theirs who have them all."""
    return caller.sites is None or (bool(selection.site) and caller.sees(selection.site))


def _with(answer: type[msgspec.Struct], status: int, *refusals: Any) -> dict[int | str, dict[str, Any]]:
    documented = answered(answer, *refusals)
    documented[status] = documented.pop(200) | {"description": "Begun."}
    return documented
