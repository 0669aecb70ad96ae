"""Page statistics over HTTP: what is in force and why, for those who may read; a refresh, for those who may replay."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import msgspec
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Struct

from ingest.outage import reason_of
from storage.database.errors import DatabaseUnavailableError
from storage.http.access import Access, Caller, require_json
from storage.http.answers import answered, unkept
from storage.http.errors import ReadError
from storage.http.keys import READ_KEY
from storage.pages.refresh import Explained, PagesInForce, Refreshed, Refresher, VersionError
from stream.kafka.topic_follower import TopicMissingError

RETRY_SECONDS = 2

Site = Annotated[str, Query(max_length=97, description="One site; none: all.")]


#: Opens what reads the topic and counts, for one request: they are rare, and reads of sessions need no Kafka.
Opening = Callable[[], AbstractAsyncContextManager[Refresher]]


def page_routes(opening: Opening, access: Access) -> APIRouter:
    """The routes under /pages."""
    router = APIRouter(prefix="/pages", tags=["page statistics"], dependencies=[READ_KEY])
    admins = access.scoped("admin")

    async def answer(operation: Callable[[Refresher], Awaitable[Struct]]) -> Response:
        try:
            async with opening() as pages:
                found = await operation(pages)
        except (DatabaseUnavailableError, TopicMissingError, KafkaError, OSError) as error:
            raise ReadError("unavailable", reason_of(error), RETRY_SECONDS) from error
        return unkept(found)

    @router.get(
        "",
        summary="The statistics in force, the most valuable page first",
        responses=answered(PagesInForce, "unavailable"),
    )
    async def get_page_statistics(
        caller: Annotated[Caller, Depends(access.of)],
        site: Site = "",
        version: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        async def operation(pages: Refresher) -> PagesInForce:
            found = await pages.show(site, version)
            held = tuple(each for each in found.held if caller.sees(each.site))
            return msgspec.structs.replace(
                found, pages=[page for page in found.pages if caller.sees(page.site)], held=held
            )

        return await answer(operation)

    @router.get(
        "/explain",
        summary="How the statistics of a page come about",
        responses=answered(Explained, "not_found", "unavailable"),
    )
    async def explain_page(
        caller: Annotated[Caller, Depends(access.of)],
        site: Annotated[str, Query(max_length=97)],
        path: Annotated[str, Query(max_length=500)],
    ) -> Response:
        if not caller.sees(site):
            raise ReadError("not_found", f"there is no site {site!r:.80}")
        return await answer(lambda pages: pages.explain(site, path))

    @router.post(
        "/refresh",
        summary="Count again now, and put what changed in force",
        responses=answered(Refreshed, "unavailable"),
    )
    async def refresh_page_statistics(
        request: Request,
        caller: Annotated[Caller, Depends(admins.of)],
        whole: bool = False,
        release: bool = False,
        site: Annotated[str, Query(max_length=97, description="With release: of this site alone; none: all.")] = "",
    ) -> Response:
        require_json(request.headers)
        caller.require_all_sites("a refresh")
        return await answer(lambda pages: pages.refresh(whole, release, site))

    @router.post(
        "/restore",
        summary="Put an earlier version in force again, and keep it until a refresh releases it",
        responses=answered(Refreshed, "not_found", "unavailable"),
    )
    async def restore_page_statistics(
        request: Request, caller: Annotated[Caller, Depends(admins.of)], version: Annotated[int, Query(ge=1)]
    ) -> Response:
        require_json(request.headers)
        caller.require_all_sites("putting a version back")
        try:
            return await answer(lambda pages: pages.restore(version))
        except VersionError as error:
            raise ReadError("not_found", str(error)) from error

    return router
