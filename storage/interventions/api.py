"""The routes under /interventions, for keys of scope admin; a key of some sites sees and changes those of its sites."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.http.access import Access, Caller
from storage.http.answers import answered, made, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.interventions.answers import (
    InterventionDiscarded,
    InterventionList,
    InterventionRequest,
    InterventionView,
)
from storage.interventions.changes import InterventionChanges

Name = Annotated[str, Path(max_length=32, description="The intervention.")]


class InterventionQuery(BaseModel):
    """A misspelt parameter would silently ask for another, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field("", max_length=64, description="One site; none: all.")


def intervention_routes(changes: InterventionChanges, access: Access) -> APIRouter:
    """The routes; `access` asks for the scope."""
    router = APIRouter(tags=["interventions"], dependencies=[ADMIN_KEY])
    _add_reads(router, changes, Depends(access.of))
    _add_drafts(router, changes, Depends(access.of))
    _add_changes(router, changes, Depends(access.of))
    return router


def _add_reads(router: APIRouter, changes: InterventionChanges, permitted: Any) -> None:
    @router.get(
        "/interventions",
        summary="Interventions: drafts, those that run, those that are stopped",
        responses=answered(InterventionList, "unavailable"),
    )
    async def list_interventions(
        params: Annotated[InterventionQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        found = await changes.all()
        return unkept(
            InterventionList([each for each in found if params.site in ("", each.site) and caller.sees(each.site)])
        )

    @router.get(
        "/interventions/{name}",
        summary="An intervention, with how often it fired",
        responses=answered(InterventionView, "not_found", "unavailable"),
    )
    async def get_intervention(name: Name, caller: Annotated[Caller, permitted]) -> Response:
        return unkept(await _seen(changes, name, caller))


def _add_drafts(router: APIRouter, changes: InterventionChanges, permitted: Any) -> None:
    @router.post(
        "/interventions",
        summary="Make a draft of an intervention; nothing changes until it is started",
        status_code=201,
        responses=made(InterventionView, "conflict", "too_large", "unavailable"),
        openapi_extra=takes(InterventionRequest),
    )
    async def create_intervention(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        wanted = await json_body(request, InterventionRequest)
        record = record_of(request.scope)
        record.site, record.subject = wanted.site, f"intervention {wanted.name}"
        caller.require_site(wanted.site)
        return unkept(await changes.create(wanted, caller.who), 201)

    @router.delete(
        "/interventions/{name}",
        summary="Drop a draft",
        responses=answered(InterventionDiscarded, "not_found", "unavailable"),
    )
    async def discard_intervention(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _noted(request, changes, name, caller)
        await changes.discard(name)
        return unkept(InterventionDiscarded(name))


def _add_changes(router: APIRouter, changes: InterventionChanges, permitted: Any) -> None:
    changed = answered(InterventionView, "not_found", "conflict", "too_large", "unavailable")

    @router.post("/interventions/{name}/start", summary="Start a draft, from here on in the log", responses=changed)
    async def start_intervention(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _noted(request, changes, name, caller)
        return unkept(await changes.start(name, caller.who))

    @router.post(
        "/interventions/{name}/stop",
        summary="Stop an intervention for good, open sessions included",
        responses=changed,
    )
    async def stop_intervention(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _noted(request, changes, name, caller)
        return unkept(await changes.stop(name, caller.who))


async def _seen(changes: InterventionChanges, name: str, caller: Caller) -> InterventionView:
    found = await changes.find(name)
    if not caller.sees(found.site):
        raise ReadError("not_found", f"there is no intervention {name!r:.40}; GET /interventions lists them")
    return found


async def _noted(request: Request, changes: InterventionChanges, name: str, caller: Caller) -> None:
    """Note in the audit trail what is changed; raises ReadError(not_found) for what the caller does not see."""
    record = record_of(request.scope)
    record.subject = f"intervention {name}"
    record.site = (await _seen(changes, name, caller)).site
