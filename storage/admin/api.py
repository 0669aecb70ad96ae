"""The /admin routes: lists, statistics and the UCI export for keys of scope export; visitors for those of personal."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from scoring.manifest import Band, Label
from storage.admin.drift_api import add_drift
from storage.admin.erase import Eraser, Erasure
from storage.admin.forget import Visitor
from storage.admin.moments import millis
from storage.admin.reads import UCI_NAMES, AdminReads, Grain, ResolvedFilter, SortColumn
from storage.admin.rows import SessionList, Statistics, WholeSession
from storage.admin.visitor import VisitorReads
from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.drift.report import SiteDrift
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.audit import record_of
from storage.http.csv_cells import cell
from storage.http.errors import ReadError
from storage.http.keys import EXPORT_KEY
from storage.query.model_fit import ModelFits
from stream.scored import Status

MOST_SESSIONS, DEEPEST = 1_000, 1_000_000
#: Rows of an export that are sent at a time.
LINES = 500
#: Seconds that an erasure may take before the answer is that it goes on, and after which a database may be asked again.
ERASE_SECONDS, RETRY_SECONDS = 20.0, 2
JSON = "application/json"

Answer = TypeVar("Answer")


class SessionFilter(BaseModel):
    """Which sessions; a misspelt parameter would silently ask for others, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str | None = Field(None, max_length=97, description="One site with its runs; none: all.")
    status: Status | None = Field(None, description="open, ended or closed; none: all.")
    band: Band | None = Field(None, description="One band; none: all.")
    label: Label | None = Field(None, description="YES or NO; none: both.")
    revenue: bool | None = Field(None, description="With revenue that counts, or without.")
    visitor_type: Literal["New_Visitor", "Returning_Visitor", "Other"] | None = Field(None, description="One type.")
    has_cart: bool | None = Field(None, description="With something in the cart, or with nothing.")
    min_cart_value: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="A cart of this value or more, whatever its currency."
    )
    since: datetime | None = Field(None, alias="from", description="Opened since, ISO 8601 (UTC).")
    until: datetime | None = Field(None, alias="to", description="Opened before.")
    bots: bool = Field(False, description="With the sessions of programs.")

    def chosen(self, caller: Caller) -> ResolvedFilter:
        """What of it the caller sees."""
        return ResolvedFilter(
            site=self.site,
            status=self.status,
            band=self.band,
            label=self.label,
            revenue=self.revenue,
            visitor_type=self.visitor_type,
            has_cart=self.has_cart,
            min_cart_value=self.min_cart_value,
            since=millis(self.since),
            until=millis(self.until),
            bots=self.bots,
            sites=caller.sites,
        )


class ListQuery(SessionFilter):
    sort: SortColumn = Field("opened_at", description="The column to sort by.")
    order: Literal["desc", "asc"] = Field("desc", description="The greatest first, or the least.")
    limit: int = Field(100, ge=1, le=MOST_SESSIONS, description="Most sessions of one answer.")
    offset: int = Field(0, ge=0, le=DEEPEST, description="Sessions to leave out before.")


class StatsQuery(SessionFilter):
    by: Grain = Field("day", description="Statistics by day or by hour (UTC).")


class ExportQuery(SessionFilter):
    status: Status | None = Field("closed", description="closed, where nothing else is asked for.")


class FitQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field("", max_length=97, description="One site; none: all.")


class SessionQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str | None = Field(None, max_length=97, description="Needed where several sites have this session id.")


class SiteQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The site; it stands for its runs as well.")


VisitorId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:~-]{1,64}$", description="As the site's events have it.")]


def admin_routes(
    reads: AdminReads,
    visitors: VisitorReads,
    eraser: Eraser,
    access: Access,
    drift_checks: Callable[[], list[SiteDrift]] = list,
) -> APIRouter:
    """The routes under /admin."""
    router = APIRouter(prefix="/admin", tags=["admin"], dependencies=[EXPORT_KEY])
    _add_lists(router, reads, access.scoped("export"))
    add_drift(router, reads, access.scoped("export"), drift_checks)
    _add_visitors(router, visitors, eraser, access.scoped("personal"))
    return router


def _add_lists(router: APIRouter, reads: AdminReads, access: Access) -> None:
    permitted = Depends(access.of)

    @router.get("/sessions", summary="Sessions, a page at a time", responses=answered(SessionList, "unavailable"))
    async def list_sessions(params: Annotated[ListQuery, Query()], caller: Annotated[Caller, permitted]) -> Response:
        descending = params.order == "desc"
        given = (params.chosen(caller), params.sort, descending, params.limit, params.offset)
        return unkept(await in_thread(reads.sessions, *given))

    @router.get(
        "/sessions/{session_id}",
        summary="One session with its page views and every update",
        responses=answered(WholeSession, "not_found", "ambiguous", "unavailable"),
    )
    async def get_session(
        request: Request,
        session_id: str,
        params: Annotated[SessionQuery, Query()],
        caller: Annotated[Caller, permitted],
    ) -> Response:
        found = await in_thread(reads.session, session_id, params.site, caller.sites)
        record_of(request.scope).site = found.session.site  # type: ignore[attr-defined]
        return unkept(found)

    @router.get(
        "/stats",
        summary="Sessions, conversion, revenue and events, in all and by day or hour",
        responses=answered(Statistics, "unavailable"),
    )
    async def get_statistics(params: Annotated[StatsQuery, Query()], caller: Annotated[Caller, permitted]) -> Response:
        return unkept(await in_thread(reads.statistics, params.chosen(caller), params.by))

    @router.get(
        "/model-fit",
        summary="Whether live scores rank buyers above other sessions, by site",
        description="The area under the ROC curve at the third page of closed sessions, with its 95 % interval, for "
        "sites with at least 50 buyers in the last 30 days.",
        responses=answered(ModelFits, "unavailable"),
    )
    async def get_model_fit(params: Annotated[FitQuery, Query()], caller: Annotated[Caller, permitted]) -> Response:
        found = await in_thread(reads.model_fits, params.site)
        return unkept(ModelFits([fit for fit in found if caller.sees(fit.site)]))

    @router.get(
        "/export",
        summary="Sessions as a CSV file in UCI's format, which `opecom train` takes",
        response_class=Response,
        responses=answered(Statistics, "unavailable")
        | {
            200: {
                "description": "UCI's 18 columns in their order.",
                "content": {"text/csv": {"schema": {"type": "string"}}},
            }
        },
    )
    async def export_sessions(
        params: Annotated[ExportQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        lines = _csv_lines(reads.uci(params.chosen(caller)))
        # The first lines now: a database that is away is an answer then, and not a file that breaks off.
        first = await in_thread(next, lines)
        return StreamingResponse(
            _after(first, lines),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="sessions.csv"', "Cache-Control": "no-store"},
        )


def _add_visitors(router: APIRouter, visitors: VisitorReads, eraser: Eraser, access: Access) -> None:
    permitted = Depends(access.of)

    @router.get(
        "/visitors/{visitor_id}",
        summary="Everything that is held of a visitor",
        response_class=Response,
        responses=answered(Erasure, "not_found", "unavailable")
        | {
            200: {
                "description": "Sessions with views, updates and events; dead letters.",
                "content": {JSON: {"schema": {"type": "object"}}},
            }
        },
    )
    async def get_visitor(
        visitor_id: VisitorId, params: Annotated[SiteQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        visitor = _seen(caller, params.site, visitor_id)
        document = await _available(visitors.document, visitor)
        if document is None:
            raise _unknown(visitor)
        return StreamingResponse(document, media_type=JSON, headers={"Cache-Control": "no-store"})

    @router.delete(
        "/visitors/{visitor_id}",
        summary="Forget a visitor, and never take anything of it again",
        description="200 when it is done; 202 when it goes on by itself: ask again, or see /erasure.",
        responses=answered(Erasure, "not_found", "unavailable") | _accepted(),
    )
    async def erase_visitor(
        visitor_id: VisitorId, params: Annotated[SiteQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        visitor = _seen(caller, params.site, visitor_id)
        try:
            done = await eraser.start(visitor, ERASE_SECONDS)
        except DatabaseUnavailableError as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
        return unkept(done, 200 if done.state == "done" else 202)

    @router.get(
        "/visitors/{visitor_id}/erasure",
        summary="How far the erasure of a visitor is",
        responses=answered(Erasure, "not_found", "unavailable"),
    )
    async def get_visitor_erasure(
        visitor_id: VisitorId, params: Annotated[SiteQuery, Query()], caller: Annotated[Caller, permitted]
    ) -> Response:
        visitor = _seen(caller, params.site, visitor_id)
        try:
            found = await eraser.state(visitor)
        except DatabaseUnavailableError as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
        if found is None:
            raise ReadError("not_found", f"nobody asked to forget visitor {visitor_id} of {params.site}")
        return unkept(found)


def _seen(caller: Caller, site: str, visitor_id: str) -> Visitor:
    """The visitor; what the caller may not see is answered like what does not exist."""
    visitor = Visitor(site, visitor_id)
    if not caller.sees(site):
        raise _unknown(visitor)
    return visitor


def _unknown(visitor: Visitor) -> ReadError:
    return ReadError("not_found", f"nothing is held of visitor {visitor.visitor_id} on site {visitor.site!r:.80}")


async def _available(function: Callable[[Visitor], Answer], visitor: Visitor) -> Answer:
    try:
        return await in_thread(function, visitor)
    except DatabaseUnavailableError as error:
        raise ReadError("unavailable", f"a database does not answer: {error}", RETRY_SECONDS) from error


def _csv_lines(rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """The file, some lines at a time, the first with the header."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(UCI_NAMES)
    for number, row in enumerate(rows, 1):
        lines.writerow([cell(value) for value in row])
        if number % LINES == 0:
            yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _accepted() -> dict[int | str, dict[str, Any]]:
    text = answered(Erasure)[200]
    return {202: text | {"description": "It goes on."}}
