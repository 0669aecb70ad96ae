"""What `opecom features export` reads: days and their rows, for keys of scope export."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.feature_store.days import FeatureDays
from storage.feature_store.rows import MOST_DAYS, MOST_ROWS, FeatureRows
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.errors import ReadError
from storage.http.keys import EXPORT_KEY

#: Generators of clients know no type of Arrow's.
BINARY = "application/octet-stream"
#: Parts that the sessions of an hour may be divided into.
MOST_PARTS = 10_000
RETRY_SECONDS = 2


class DaysQuery(BaseModel):
    """A misspelt parameter would silently ask for others, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The site, or a run of one; not its runs.")
    since: datetime | None = Field(None, alias="from", description="From this day on (UTC); none: the first.")
    until: datetime | None = Field(None, alias="to", description="Sessions opened before; none: now.")


class FeatureRowsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The site, or a run of one; not its runs.")
    since: datetime = Field(alias="from", description="Sessions opened since, ISO 8601 (UTC).")
    until: datetime = Field(alias="to", description="Sessions opened before.")
    part: int = Field(0, ge=0, lt=MOST_PARTS, description="Which part of the sessions, by a hash of their ids.")
    parts: int = Field(1, ge=1, le=MOST_PARTS, description="How many parts there are.")


def feature_routes(rows: FeatureRows, access: Access) -> APIRouter:
    """The routes under /admin/features; `access` is of scope export."""
    router = APIRouter(prefix="/admin/features", tags=["features"], dependencies=[EXPORT_KEY])
    permitted = Depends(access.of)

    @router.get(
        "/days",
        summary="Days of a site, and whether they have changed",
        description=f"{MOST_DAYS} days at most; `next` is where to go on. A day's fingerprint changes with its rows.",
        responses=answered(FeatureDays, "unavailable"),
    )
    async def get_feature_days(params: Annotated[DaysQuery, Query()], caller: Annotated[Caller, permitted]) -> Response:
        caller.require_site(params.site)
        since = None if params.since is None else _millis(params.since)
        until = _millis(params.until or datetime.now(UTC))
        return unkept(await _available(rows.days, params.site, since, until))

    @router.get(
        "/rows",
        summary="The features at each update of closed sessions, as an Arrow stream",
        description=f"With what came of the session; {MOST_ROWS:,} rows at most. Unknown is null.",
        response_class=Response,
        responses=answered(FeatureDays, "too_large", "unavailable")
        | {
            200: {
                "description": "Apache Arrow's streaming format.",
                "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}},
            }
        },
    )
    async def get_feature_rows(
        params: Annotated[FeatureRowsQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        caller.require_site(params.site)
        window = (_millis(params.since), _millis(params.until))
        found = await _available(rows.arrow, params.site, *window, params.part, params.parts)
        return Response(found, media_type=BINARY, headers={"Cache-Control": "no-store"})

    return router


async def _available(function: Any, *given: Any) -> Any:
    try:
        return await in_thread(function, *given)
    except DatabaseUnavailableError as error:
        raise ReadError("unavailable", f"a database does not answer: {error}", RETRY_SECONDS) from error


def _millis(at: datetime) -> int:
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
