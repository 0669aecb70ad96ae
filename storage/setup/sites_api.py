"""The routes under /sites for keys of scope admin: sites, their keys, their tag.

A key of some sites reads what is of them and changes nothing: a key that could make keys or widen a site would outlive
its own end.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, made, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.setup.answers import (
    SiteChanged,
    SiteFields,
    SiteKeyCreated,
    SiteKeyKind,
    SiteKeyRequest,
    SiteKeysRetired,
    SiteList,
    SiteRemoved,
    SiteRequest,
    SiteTag,
    fields_set,
)
from storage.setup.registry import AccessRegistry, TagRequest

SiteName = Annotated[str, Path(max_length=64, description="The site.")]


class TagQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    write_key: str = Field("", max_length=200, description="A write key of the site; none: the first.")
    pinned: bool = Field(False, description="With hash and integrity: to be pasted again with each release.")
    stub: bool = Field(True, description="A few lines before the tag that keep calls until the script has come.")
    tag_manager: bool = Field(False, description="With the settings in the address, where data- attributes get lost.")
    cookie_domain: str = Field("", max_length=255, description="One visitor on all hosts of this domain, by a cookie.")
    link_domain: list[str] = Field([], max_length=50, description="One visitor on these other domains, by links.")
    datalayer: bool = Field(False, description="Counts what the page gives Google's tags in its dataLayer, too.")


def site_routes(registry: AccessRegistry, access: Access) -> APIRouter:
    """The routes; `access` asks for the scope."""
    router = APIRouter(prefix="/sites", tags=["setup"], dependencies=[ADMIN_KEY])
    _add_reads(router, registry, Depends(access.of))
    _add_changes(router, registry, Depends(access.of))
    _add_site_keys(router, registry, Depends(access.of))
    return router


def _add_reads(router: APIRouter, registry: AccessRegistry, permitted: Any) -> None:
    @router.get("", summary="Sites as they are in force; of secrets how many there are", responses=answered(SiteList))
    async def list_sites(caller: Annotated[Caller, permitted]) -> Response:
        found, state = await in_thread(registry.sites), await in_thread(registry.state)
        return unkept(SiteList([each for each in found if caller.sees(each.name)], state, caller.sites is None))

    @router.get("/{site}/tag", summary="The script tag of a site", responses=answered(SiteTag, "not_found", "conflict"))
    async def get_site_tag(
        site: SiteName, params: Annotated[TagQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        if not caller.sees(site):
            raise ReadError("not_found", f"there is no site {site!r:.80}")
        request = TagRequest(
            site=site,
            key=params.write_key,
            is_pinned=params.pinned,
            has_stub=params.stub,
            in_address=params.tag_manager,
            cookie_domain=params.cookie_domain,
            link_domains=tuple(params.link_domain),
            datalayer=params.datalayer,
        )
        return unkept(await in_thread(registry.tag, request))


def _add_changes(router: APIRouter, registry: AccessRegistry, permitted: Any) -> None:
    @router.post(
        "",
        summary="Make a site, with a write key",
        status_code=201,
        responses=made(SiteChanged, "conflict", "too_large"),
        openapi_extra=takes(SiteRequest),
    )
    async def create_site(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("making a site")
        wanted = await json_body(request, SiteRequest)
        record_of(request.scope).site = wanted.name
        fields = fields_set(wanted.fields)
        return unkept(await in_thread(registry.make_site, wanted.name, fields, caller.who), 201)

    @router.patch(
        "/{site}",
        summary="Set fields of a site; the others stay",
        responses=answered(SiteChanged, "not_found", "conflict", "too_large"),
        openapi_extra=takes(SiteFields),
    )
    async def change_site(site: SiteName, request: Request, caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("changing a site")
        wanted = fields_set(await json_body(request, SiteFields))
        record = record_of(request.scope)
        record.site, record.subject = site, ", ".join(sorted(wanted))
        return unkept(await in_thread(registry.change_site, site, wanted, caller.who))

    @router.delete(
        "/{site}",
        summary="Take a site out of the file: its keys end, what it sent stays",
        responses=answered(SiteRemoved, "not_found", "conflict"),
    )
    async def remove_site(site: SiteName, caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("removing a site")
        return unkept(SiteRemoved(site, await in_thread(registry.remove_site, site, caller.who)))


def _add_site_keys(router: APIRouter, registry: AccessRegistry, permitted: Any) -> None:
    @router.post(
        "/{site}/keys",
        summary="Make another key of a site, shown in this answer alone; those before it hold",
        status_code=201,
        responses=made(SiteKeyCreated, "not_found", "conflict", "too_large"),
        openapi_extra=takes(SiteKeyRequest),
    )
    async def create_site_key(site: SiteName, request: Request, caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("making a key")
        wanted = await json_body(request, SiteKeyRequest)
        record = record_of(request.scope)
        record.site, record.subject = site, f"{wanted.kind} key"
        return unkept(await in_thread(registry.make_site_key, site, wanted.kind, caller.who), 201)

    @router.delete(
        "/{site}/keys/{kind}",
        summary="End all keys of a kind but the newest",
        responses=answered(SiteKeysRetired, "not_found", "conflict"),
    )
    async def retire_site_keys(site: SiteName, kind: SiteKeyKind, caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("ending keys")
        ended = await in_thread(registry.retire_site_keys, site, kind, caller.who)
        return unkept(SiteKeysRetired(site, kind, ended))
