"""The routes under /experiments and /holdouts, for keys of scope admin: not under /admin, which port 8001 passes on.

A key of some sites sees and changes the experiments of its sites alone.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.experiments.answers import (
    DraftDiscarded,
    ExperimentList,
    ExperimentRequest,
    ExperimentView,
    GrowRequest,
    HoldoutList,
    HoldoutRequest,
    HoldoutView,
)
from storage.experiments.changes import ExperimentChanges
from storage.http.access import Access, Caller
from storage.http.answers import answered, made, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY

Name = Annotated[str, Path(max_length=32, description="The experiment.")]


class ExperimentQuery(BaseModel):
    """A misspelt parameter would silently ask for another, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field("", max_length=64, description="One site; none: all.")


def experiment_routes(changes: ExperimentChanges, access: Access) -> APIRouter:
    """The routes; `access` asks for the scope."""
    router = APIRouter(tags=["experiments"], dependencies=[ADMIN_KEY])
    _add_reads(router, changes, Depends(access.of))
    _add_drafts(router, changes, Depends(access.of))
    _add_changes(router, changes, Depends(access.of))
    _add_holdouts(router, changes, Depends(access.of))
    return router


def _add_reads(router: APIRouter, changes: ExperimentChanges, permitted: Any) -> None:
    @router.get(
        "/experiments",
        summary="Experiments: drafts, those that run, those that are stopped",
        responses=answered(ExperimentList, "unavailable"),
    )
    async def list_experiments(
        params: Annotated[ExperimentQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        found = await changes.all()
        return unkept(
            ExperimentList([each for each in found if params.site in ("", each.site) and caller.sees(each.site)])
        )

    @router.get(
        "/experiments/{name}",
        summary="An experiment with its arms, their buckets and its salt",
        responses=answered(ExperimentView, "not_found", "unavailable"),
    )
    async def get_experiment(name: Name, caller: Annotated[Caller, permitted]) -> Response:
        return unkept(await _seen(changes, name, caller))


def _add_drafts(router: APIRouter, changes: ExperimentChanges, permitted: Any) -> None:
    @router.post(
        "/experiments",
        summary="Make a draft of an experiment; nothing changes until it is started",
        status_code=201,
        responses=made(ExperimentView, "conflict", "too_large", "unavailable"),
        openapi_extra=takes(ExperimentRequest),
    )
    async def create_experiment(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        wanted = await json_body(request, ExperimentRequest)
        record = record_of(request.scope)
        record.site, record.subject = wanted.site, f"experiment {wanted.name}"
        caller.require_site(wanted.site)
        return unkept(await changes.create(wanted, caller.who), 201)

    @router.delete(
        "/experiments/{name}",
        summary="Drop a draft",
        responses=answered(DraftDiscarded, "not_found", "unavailable"),
    )
    async def discard_experiment(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _noted(request, changes, name, caller)
        await changes.discard(name)
        return unkept(DraftDiscarded(name))


def _add_changes(router: APIRouter, changes: ExperimentChanges, permitted: Any) -> None:
    changed = answered(ExperimentView, "not_found", "conflict", "too_large", "unavailable")

    @router.post("/experiments/{name}/start", summary="Start a draft, from here on in the log", responses=changed)
    async def start_experiment(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _noted(request, changes, name, caller)
        return unkept(await changes.start(name, caller.who))

    @router.post(
        "/experiments/{name}/grow",
        summary="Give arms a larger share; nobody leaves an arm",
        responses=changed,
        openapi_extra=takes(GrowRequest),
    )
    async def grow_experiment(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        wanted = await json_body(request, GrowRequest)
        await _noted(request, changes, name, caller)
        return unkept(await changes.grow(name, wanted, caller.who))

    @router.post(
        "/experiments/{name}/stop", summary="Stop an experiment for good, open sessions included", responses=changed
    )
    async def stop_experiment(request: Request, name: Name, caller: Annotated[Caller, permitted]) -> Response:
        await _noted(request, changes, name, caller)
        return unkept(await changes.stop(name, caller.who))


def _add_holdouts(router: APIRouter, changes: ExperimentChanges, permitted: Any) -> None:
    @router.get(
        "/holdouts",
        summary="The share of each site's visitors that no experiment and no action reaches",
        responses=answered(HoldoutList, "unavailable"),
    )
    async def list_holdouts(caller: Annotated[Caller, permitted]) -> Response:
        return unkept(HoldoutList([each for each in await changes.holdouts() if caller.sees(each.site)]))

    @router.put(
        "/holdouts/{site}",
        summary="Set the share of a site's visitors that is held out; 0 ends it",
        responses=answered(HoldoutView, "not_found", "conflict", "too_large", "unavailable"),
        openapi_extra=takes(HoldoutRequest),
    )
    async def set_holdout(
        request: Request,
        site: Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="The site.")],
        caller: Annotated[Caller, permitted],
    ) -> Response:
        wanted = await json_body(request, HoldoutRequest)
        record = record_of(request.scope)
        record.site, record.subject = site, f"hold-out of {wanted.share:g} %"
        caller.require_site(site)
        return unkept(await changes.hold_out(site, wanted, caller.who))


async def _seen(changes: ExperimentChanges, name: str, caller: Caller) -> ExperimentView:
    found = await changes.find(name)
    if not caller.sees(found.site):
        raise ReadError("not_found", f"there is no experiment {name!r:.40}; GET /experiments lists them")
    return found


async def _noted(request: Request, changes: ExperimentChanges, name: str, caller: Caller) -> None:
    """Note in the audit trail what is changed; raises ReadError(not_found) for what the caller does not see."""
    record = record_of(request.scope)
    record.subject = f"experiment {name}"
    record.site = (await _seen(changes, name, caller)).site
