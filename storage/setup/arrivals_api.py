"""GET /sites/arrivals, for keys of scope read: when the first and the newest event of each site came.

It says nothing of people, so it leaves no line in the audit trail, which a page that waits would fill.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.keys import READ_KEY
from storage.setup.answers import ArrivalList
from storage.setup.arrivals import Arrivals


class ArrivalQuery(BaseModel):
    """Query parameters; a misspelt one would silently ask for something else, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field("", max_length=97, description="One site; none: all.")


def arrival_routes(arrivals: Arrivals, access: Access) -> APIRouter:
    """The route; `access` asks for the scope."""
    router = APIRouter(tags=["setup"], dependencies=[READ_KEY])
    permitted: Any = Depends(access.of)

    @router.get(
        "/sites/arrivals",
        summary="When the first and the newest event of each site were received",
        description="None of a site that has yet to send one. A run of an import is a site of its own here.",
        responses=answered(ArrivalList, "unavailable"),
    )
    async def list_arrivals(params: Annotated[ArrivalQuery, Query()], caller: Annotated[Caller, permitted]) -> Response:
        if params.site:
            caller.require_site(params.site)
        return unkept(ArrivalList(await in_thread(arrivals.of, params.site, caller.sites)))

    return router
