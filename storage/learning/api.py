"""The route that gives rows to learn from while the store holds its databases: slice by slice, in bounded memory."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import each_in_thread, in_thread
from storage.http.access import Access, Caller
from storage.http.answers import refused_with
from storage.http.errors import ReadError
from storage.http.keys import ADMIN_KEY
from storage.learning.source import MODELS_HEADER, MOST_MODELS, RowSelection
from storage.learning.timeline import TimelineRows

RETRY_SECONDS = 2
ROWS = "application/octet-stream"
#: The year 2100, ms UTC; databases do not count for ever.
MOST_TIME = 4_102_444_800_000


class RowsQuery(BaseModel):
    """Which rows; a misspelt parameter would silently ask for others, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The site, or one run of it.")
    since: int = Field(ge=0, le=MOST_TIME, description="Sessions opened since, ms UTC.")
    until: int = Field(ge=0, le=MOST_TIME, description="Sessions opened before, ms UTC.")
    bots: bool = Field(False, description="With the sessions of programs.")
    imports: bool = Field(False, description="With the runs of the site's imported history.")


def learning_routes(timeline: TimelineRows, access: Access) -> APIRouter:
    """The routes under /learning; `access` asks for scope admin."""
    router = APIRouter(prefix="/learning", tags=["learning"], dependencies=[ADMIN_KEY])

    @router.get(
        "/rows",
        summary="Rows to learn from",
        description=f"In the order of the sessions' opening, of fixed width: see storage/learning/source.py. "
        f"{MODELS_HEADER} names the models whose scores are stored of them.",
        response_class=Response,
        responses=refused_with("unavailable")
        | {200: {"description": "The rows.", "content": {ROWS: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def get_rows(
        params: Annotated[RowsQuery, Query()], caller: Annotated[Caller, Depends(access.of)]
    ) -> Response:
        caller.require_site(params.site)
        selection = RowSelection(params.site, params.since, params.until, params.bots, params.imports)
        slices = timeline.slices(selection)
        try:
            versions = await in_thread(timeline.versions, selection)
            # The first rows now: a database that is away is an answer then, and not an answer that breaks off.
            first = await in_thread(next, slices, b"")
        except DatabaseUnavailableError as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
        named = ",".join(quote(version, safe="") for version in versions[:MOST_MODELS])
        headers = {MODELS_HEADER: named, "Cache-Control": "no-store"}
        return StreamingResponse(_after(first, slices), media_type=ROWS, headers=headers)

    return router


async def _after(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for each in each_in_thread(rest):
        yield each
