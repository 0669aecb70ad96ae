"""The routes /keys, for keys of scope admin: the secret keys by name, one more, one less.

A key of some sites sees those that are of its sites alone, and neither makes nor ends one.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, made, takes, unkept
from storage.http.audit import record_of
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.setup.answers import KeyCreated, KeyDetails, KeyList, KeyRequest, KeyRevoked
from storage.setup.registry import AccessRegistry


class KeyQuery(BaseModel):
    """A misspelt parameter would silently ask for another, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=64, description="The key's name.")


def key_routes(registry: AccessRegistry, access: Access) -> APIRouter:
    """The routes; `access` asks for the scope."""
    router = APIRouter(prefix="/keys", tags=["setup"], dependencies=[ADMIN_KEY])
    permitted: Any = Depends(access.of)

    @router.get("", summary="The secret keys by name, never the keys themselves", responses=answered(KeyList))
    async def list_keys(caller: Annotated[Caller, permitted]) -> Response:
        found, state = await in_thread(registry.keys), await in_thread(registry.state)
        return unkept(KeyList([each for each in found if _sees(caller, each)], state, caller.sites is None))

    @router.post(
        "",
        summary="Make a secret key, shown in this answer alone",
        status_code=201,
        responses=made(KeyCreated, "not_found", "conflict", "too_large"),
        openapi_extra=takes(KeyRequest),
    )
    async def create_key(request: Request, caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("making a key")
        wanted = await json_body(request, KeyRequest)
        record = record_of(request.scope)
        record.site, record.subject = ", ".join(wanted.sites or ()), f"key {wanted.name} of {', '.join(wanted.scopes)}"
        return unkept(await in_thread(registry.make_key, wanted, caller.who), 201)

    @router.delete("", summary="End a secret key", responses=answered(KeyRevoked, "not_found", "conflict"))
    async def revoke_key(
        request: Request, params: Annotated[KeyQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        caller.require_all_sites("ending a key")
        record_of(request.scope).subject = f"key {params.name}"
        await in_thread(registry.revoke_key, params.name, caller.who)
        return unkept(KeyRevoked(params.name))

    return router


def _sees(caller: Caller, key: KeyDetails) -> bool:
    return caller.sites is None or (key.sites is not None and all(caller.sees(site) for site in key.sites))
