"""Page statistics over HTTP: what is in force and why, for those who may read; a refresh, for those who may replay."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, Query, Request, Response, Security
from fastapi.security import APIKeyHeader
from msgspec import Struct

from storage.access import Access, require_json
from storage.errors import ReadError
from storage.intents import encode
from storage.openapi import answered
from storage.pages.refresh import Explained, PagesInForce, Refreshed, Refresher
from storage.sink import UnavailableError
from stream.follower import TopicMissingError

_key = APIKeyHeader(name="X-OPECOM-Key", auto_error=False)
RETRY_SECONDS = 2

Site = Annotated[str, Query(max_length=97, description="One site; none: all.")]


#: Opens what reads the topic and counts, for one request: they are rare, and reads of sessions need no Kafka.
Opening = Callable[[], AbstractAsyncContextManager[Refresher]]


def page_routes(opening: Opening, readers: Access, admins: Access) -> APIRouter:
    """The routes under /pages."""
    router = APIRouter(prefix="/pages", tags=["page statistics"])

    def permitted(access: Access) -> list[Any]:
        async def check(request: Request) -> None:
            access.check(request.headers, request.client.host if request.client else "")

        return [Depends(check), Security(_key)]

    async def answer(ask: Callable[[Refresher], Awaitable[Struct]]) -> Response:
        try:
            async with opening() as pages:
                found = await ask(pages)
        except (UnavailableError, TopicMissingError, KafkaError, OSError) as error:
            raise ReadError("unavailable", str(error) or type(error).__name__, RETRY_SECONDS) from error
        return Response(encode(found), media_type="application/json")

    @router.get(
        "",
        summary="The statistics in force, the most valuable page first",
        dependencies=permitted(readers),
        responses=answered(PagesInForce, "unavailable"),
    )
    async def show(site: Site = "", version: Annotated[int | None, Query(ge=0)] = None) -> Response:
        return await answer(lambda pages: pages.show(site, version))

    @router.get(
        "/explain",
        summary="How the statistics of a page come about",
        dependencies=permitted(readers),
        responses=answered(Explained, "unavailable"),
    )
    async def explain(
        site: Annotated[str, Query(max_length=97)], path: Annotated[str, Query(max_length=500)]
    ) -> Response:
        return await answer(lambda pages: pages.explain(site, path))

    @router.post(
        "/refresh",
        summary="Count again now, and put what changed in force",
        dependencies=permitted(admins),
        responses=answered(Refreshed, "unavailable"),
    )
    async def refresh(request: Request, whole: bool = False) -> Response:
        require_json(request.headers)
        return await answer(lambda pages: pages.refresh(whole))

    return router
