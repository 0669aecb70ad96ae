"""The routes under /registry and /promotions, for keys of scope admin.

A key of some sites sees the models that are common or of its sites, and promotes for its sites alone.
"""

from collections.abc import Awaitable
from typing import Annotated, Any, Protocol

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response

from storage.http.access import Access, Caller
from storage.http.answers import answered, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.promotions.answers import (
    ModelRegistry,
    ModelVersion,
    PromotionJob,
    PromotionJobList,
    PromotionRequest,
    RollbackRequest,
)
from storage.promotions.jobs import PromotionJobs, no_promotion


class RegistryReads(Protocol):
    """Raises ReadError: unavailable; not_found for a version that is not there."""

    def registry(self) -> Awaitable[ModelRegistry]: ...

    def version(self, version: str) -> Awaitable[ModelVersion]: ...


def promotion_routes(reads: RegistryReads, jobs: PromotionJobs, access: Access) -> APIRouter:
    """The routes; `access` asks for the scope."""
    router = APIRouter(tags=["models"], dependencies=[ADMIN_KEY])
    _add_registry(router, reads, Depends(access.of))
    _add_promotions(router, reads, jobs, Depends(access.of))
    return router


def _add_registry(router: APIRouter, reads: RegistryReads, permitted: Any) -> None:
    @router.get(
        "/registry",
        summary="The versions of the model, which is in force where and since when, and how that came",
        responses=answered(ModelRegistry, "unavailable"),
    )
    async def get_registry(caller: Annotated[Caller, permitted]) -> Response:
        return unkept(visible(await reads.registry(), caller))

    @router.get(
        "/registry/{version}",
        summary="A version with its card",
        responses=answered(ModelVersion, "not_found", "unavailable"),
    )
    async def get_model_version(
        version: Annotated[str, Path(max_length=64)], caller: Annotated[Caller, permitted]
    ) -> Response:
        await _require_version(reads, caller, version)
        return unkept(await reads.version(version))


def _add_promotions(router: APIRouter, reads: RegistryReads, jobs: PromotionJobs, permitted: Any) -> None:
    @router.post(
        "/promotions",
        summary="Put a version in force if its shadow passes the gate",
        description="A job: its shadow takes as long as a replay of these days. With `force` it is put in force also "
        "against the gate, whose reasons are kept with the promotion.",
        status_code=202,
        responses=_begun("busy", "not_found", "too_large"),
        openapi_extra=takes(PromotionRequest),
    )
    async def start_promotion(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        wanted = await json_body(request, PromotionRequest)
        record = record_of(request.scope)
        record.site, record.subject = wanted.site, f"{wanted.version}{', forced' if wanted.force else ''}"
        _require(caller, wanted.site)
        await _require_version(reads, caller, wanted.version)
        return unkept(jobs.promote(wanted, caller.who, caller.sites is not None), 202)

    @router.post(
        "/promotions/rollback",
        summary="Put the version in force again that was before the last promotion",
        status_code=202,
        responses=_begun("busy", "too_large"),
        openapi_extra=takes(RollbackRequest),
    )
    async def start_rollback(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        wanted = await json_body(request, RollbackRequest)
        record_of(request.scope).site = wanted.site
        _require(caller, wanted.site)
        return unkept(jobs.roll_back(wanted.site, caller.who), 202)

    @router.get(
        "/promotions",
        summary="The promotions and roll-backs of this process, the newest first",
        responses=answered(PromotionJobList),
    )
    async def list_promotions(caller: Annotated[Caller, permitted]) -> Response:
        seen = [msgspec.structs.replace(job, report=None) for job in jobs.all() if _may(caller, job.site)]
        return unkept(PromotionJobList(seen))

    @router.get(
        "/promotions/{job}",
        summary="How far a promotion is, what its shadow found, and why the gate refused it",
        responses=answered(PromotionJob, "not_found"),
    )
    async def get_promotion(job: int, caller: Annotated[Caller, permitted]) -> Response:
        return unkept(_found(jobs, job, caller))

    @router.delete(
        "/promotions/{job}",
        summary="Stop a promotion while its shadow is made",
        responses=answered(PromotionJob, "not_found"),
    )
    async def stop_promotion(job: int, caller: Annotated[Caller, permitted]) -> Response:
        stopped = _found(jobs, job, caller)
        await jobs.stop(job)
        return unkept(stopped)


def visible(found: ModelRegistry, caller: Caller) -> ModelRegistry:
    """What of the registry the caller sees: versions that are in force for all, fitted on no site, or on its own."""
    if caller.sites is None:
        return found
    common = {each.version for each in found.in_force if not each.site}
    models = []
    for each in found.models:
        site = each.fitted_on.site if each.fitted_on is not None else ""
        if not site or each.version in common or caller.sees(site):
            models.append(each)
    seen = {each.version for each in models}
    return ModelRegistry(
        models,
        [each for each in found.in_force if _reads(caller, each.site)],
        [each for each in found.history if _reads(caller, each.site) and each.version in {"", *seen}],
        found.notice,
    )


async def _require_version(reads: RegistryReads, caller: Caller, version: str) -> None:
    found = visible(await reads.registry(), caller)
    if version not in {each.version for each in found.models}:
        raise ReadError("not_found", f"the registry has no version {version!r:.80}; GET /registry lists them")


def _reads(caller: Caller, site: str) -> bool:
    return not site or caller.sees(site)


def _may(caller: Caller, site: str) -> bool:
    """Whether a promotion is the caller's affair; one of all sites is only theirs who have them all."""
    return caller.sites is None or (bool(site) and caller.sees(site))


def _require(caller: Caller, site: str) -> None:
    if not _may(caller, site):
        raise ReadError("wrong_scope", "site: name a site of this key")


def _found(jobs: PromotionJobs, number: int, caller: Caller) -> PromotionJob:
    job = jobs.job(number)
    if not _may(caller, job.site):
        raise no_promotion(number)
    return job


def _begun(*refusals: Any) -> dict[int | str, dict[str, Any]]:
    documented = answered(PromotionJob, *refusals)
    documented[202] = documented.pop(200) | {"description": "Begun."}
    return documented
