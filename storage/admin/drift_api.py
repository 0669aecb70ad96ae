"""The routes of drift under /admin, for keys of scope export."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.admin.moments import millis
from storage.admin.reads import AdminReads
from storage.database.threads import in_thread
from storage.drift.html import html
from storage.drift.report import DriftCheckList, SiteDrift
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept

#: The page runs nothing and asks for nothing; its own style is inline.
PAGE_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Cache-Control": "no-store"}


class DriftQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The site.")
    until: datetime | None = Field(None, description="Where the window ends, ISO 8601 (UTC); none: now.")
    hours: float = Field(24, ge=1, le=168, description="Length of the window.")
    windows: int = Field(28, ge=7, le=90, description="As long windows before it, with which it is compared.")
    alarms_per_month: float = Field(1.0, gt=0, le=30, description="Alarms on quiet days that are accepted.")
    format: Literal["json", "html"] = Field("json", description="html: a page that needs nothing else.")


def add_drift(router: APIRouter, reads: AdminReads, access: Access, checks: Callable[[], list[SiteDrift]]) -> None:
    """Both routes; `checks` has the last daily check of each site."""
    permitted = Depends(access.of)

    @router.get(
        "/drift",
        summary="Which features or scores of a site are not as in the days before",
        description="Sessions at their 1st, 3rd, 5th and 10th event, each counted once; an alarm is what is farther "
        "from the site's own days than they are from each other.",
        response_class=Response,
        responses=_also_html(answered(SiteDrift, "unavailable")),
    )
    async def get_drift(params: Annotated[DriftQuery, Query()], caller: Annotated[Caller, permitted]) -> Response:
        caller.require_site(params.site)
        until = millis(params.until)
        given = (params.site, until, params.hours, params.windows, params.alarms_per_month)
        found = await in_thread(reads.drift, *given)
        if params.format == "html":
            return Response(html(found), media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)
        return unkept(found)

    @router.get(
        "/drift/checks",
        summary="The last daily check of each site for drift",
        description="None of a site with too few sessions, and none in the first minutes after a start.",
        responses=answered(DriftCheckList),
    )
    async def get_drift_checks(caller: Annotated[Caller, permitted]) -> Response:
        found = DriftCheckList([each for each in checks() if caller.sees(each.site)])
        return unkept(found)


def _also_html(responses: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    found = responses[200]
    page = {"text/html": {"schema": {"type": "string"}}}
    return responses | {200: found | {"content": found["content"] | page}}
