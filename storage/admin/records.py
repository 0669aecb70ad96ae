"""GET /admin/sessions/{session_id}/records: the records of the log that a session is made of, byte by byte."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.write.clickhouse_sink import run_query

#: Records of an answer: a session has 2,000 events at most.
MOST_RECORDS = 2_000


class RawRecord(Struct, frozen=True):
    """One record of the log; `appended_at` is when Kafka took it, ms UTC, `raw` its value."""

    log: str
    partition: int
    offset: int
    appended_at: int
    event_id: str | None
    type: str | None
    raw: str


class SessionRecords(Struct, frozen=True):
    """The records of a session, in the order of the log; of more than 2,000 the first."""

    site: str
    session_id: str
    records: list[RawRecord]


class RecordsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The session's site.")
    offset: int | None = Field(None, ge=0, description="The record at this offset alone; none: all.")


def record_routes(client: Any, access: Access) -> APIRouter:
    """The route; `client` is a clickhouse_connect client that serves threads."""
    router = APIRouter(prefix="/admin", tags=["admin"])
    permitted = Depends(access.of)

    @router.get(
        "/sessions/{session_id}/records",
        summary="The records of the log that a session is made of",
        responses=answered(SessionRecords, "not_found", "unavailable"),
    )
    async def get_session_records(
        request: Request,
        session_id: str,
        params: Annotated[RecordsQuery, Query()],
        caller: Annotated[Caller, permitted],
    ) -> Response:
        caller.require_site(params.site)
        record_of(request.scope).site = params.site
        found = await in_thread(_records, client, params.site, session_id, params.offset)
        if not found:
            raise ReadError("not_found", f"there is no record of session {session_id!r:.80} of site {params.site}")
        return unkept(SessionRecords(params.site, session_id, found))

    return router


def _records(client: Any, site: str, session_id: str, offset: int | None) -> list[RawRecord]:
    given = {"site": site, "session_id": session_id, "offset": offset or 0, "most": MOST_RECORDS}
    return [
        RawRecord(*row) for row in run_query(client, _RECORDS.format("" if offset is None else _AT), given).result_rows
    ]


_AT = "AND offset = {offset:UInt64}"
_RECORDS = (
    "SELECT log, partition, offset, toUnixTimestamp64Milli(appended_at), event_id, type, raw FROM events FINAL "
    "WHERE kind = 'event' AND site = {{site:String}} AND session_id = {{session_id:String}} {} "
    "ORDER BY log, partition, offset LIMIT {{most:UInt32}}"
)
