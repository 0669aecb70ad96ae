"""The routes under /admin/overview, for keys of scope export: the figures of a site in a period."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, encode
from storage.http.keys import EXPORT_KEY
from storage.overview.answers import (
    Bands,
    Calibration,
    Carts,
    Dimension,
    Funnel,
    Segments,
    Series,
    Summary,
    TopPages,
)
from storage.overview.carts import MOST_RETURN, USUAL_RETURN
from storage.overview.periods import MOST_DAYS, USUAL_DAYS, Period, SpanLength, compared_period, period_of
from storage.overview.reads import OverviewReads

MOST_SEGMENTS, MOST_LISTED_PAGES = 200, 1_000


class PeriodQuery(BaseModel):
    """A site and a period; a misspelt parameter would silently ask for others, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field(max_length=97, description="The site; it stands for its runs as well.")
    since: datetime | None = Field(
        None,
        alias="from",
        description=f"Opened since, ISO 8601; without a zone, in the site's; none: the last {USUAL_DAYS} days.",
    )
    until: datetime | None = Field(
        None, alias="to", description=f"Opened before; none: now. A period has {MOST_DAYS} days at most."
    )


class ComparedQuery(PeriodQuery):
    compare: str | None = Field(
        None,
        max_length=100,
        description="Another period beside it: `previous`, as long and directly before, or two times, "
        "2026-10-01/2026-10-08.",
    )


class SeriesQuery(ComparedQuery):
    by: SpanLength = Field("day", description="By day or by hour, in the site's time zone; hours of 31 days at most.")


class CartsQuery(PeriodQuery):
    days: int = Field(
        USUAL_RETURN, ge=0, le=MOST_RETURN, description="A visitor who buys within so many days has not left the cart."
    )


class SegmentsQuery(PeriodQuery):
    dimension: Dimension = Field("source", description="What to divide the sessions by.")
    limit: int = Field(50, ge=1, le=MOST_SEGMENTS, description="Most segments.")


class PagesQuery(PeriodQuery):
    limit: int = Field(100, ge=1, le=MOST_LISTED_PAGES, description="Most pages.")


class _PeriodPair(NamedTuple):
    current: Period
    compared: Period | None = None


def overview_routes(reads: OverviewReads, access: Access) -> APIRouter:
    """The routes; `access` is of scope export."""
    router = APIRouter(prefix="/admin/overview", tags=["overview"], dependencies=[EXPORT_KEY])
    permitted = Annotated[Caller, Depends(access.of)]

    async def answer(method: Callable[..., Struct], site: str, *given: Any) -> Response:
        found = await in_thread(method, site, *given)
        # Encoding a year by day takes a moment that no other request should wait for.
        return Response(await in_thread(encode, found), media_type="application/json")

    def periods(caller: Caller, params: PeriodQuery) -> _PeriodPair:
        caller.require_site(params.site)
        zone, now = reads.zone(params.site), reads.now()
        current = period_of(params.since, params.until, zone, now)
        compare = params.compare if isinstance(params, ComparedQuery) else None
        return _PeriodPair(current, compared_period(compare, current, zone, now))

    @router.get(
        "/summary",
        summary="Sessions, conversion, average order value and revenue, beside those of another period",
        responses=answered(Summary, "unavailable"),
    )
    async def get_overview_summary(params: Annotated[ComparedQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.summary, params.site, *periods(caller, params))

    @router.get(
        "/series",
        summary="The same by hour or day, with the intent of the sessions",
        responses=answered(Series, "unavailable"),
    )
    async def get_overview_series(params: Annotated[SeriesQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.series, params.site, *periods(caller, params), params.by)

    @router.get(
        "/funnel",
        summary="How many sessions came to a product, the cart, the checkout, an order",
        responses=answered(Funnel, "unavailable"),
    )
    async def get_overview_funnel(params: Annotated[PeriodQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.funnel, params.site, periods(caller, params).current)

    @router.get("/carts", summary="What became of carts", responses=answered(Carts, "unavailable"))
    async def get_overview_carts(params: Annotated[CartsQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.carts, params.site, periods(caller, params).current, params.days)

    @router.get(
        "/bands",
        summary="Conversion by the band that sessions were in",
        responses=answered(Bands, "unavailable"),
    )
    async def get_overview_bands(params: Annotated[PeriodQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.bands, params.site, periods(caller, params).current)

    @router.get(
        "/calibration",
        summary="Live scores beside what came of the sessions",
        responses=answered(Calibration, "unavailable"),
    )
    async def get_overview_calibration(params: Annotated[PeriodQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.calibration, params.site, periods(caller, params).current)

    @router.get(
        "/segments",
        summary="The figures by traffic source, device and the like",
        responses=answered(Segments, "unavailable"),
    )
    async def get_overview_segments(params: Annotated[SegmentsQuery, Query()], caller: permitted) -> Response:
        period = periods(caller, params).current
        return await answer(reads.segments, params.site, period, params.dimension, params.limit)

    @router.get(
        "/pages",
        summary="The pages of the greatest value",
        responses=answered(TopPages, "unavailable"),
    )
    async def get_overview_pages(params: Annotated[PagesQuery, Query()], caller: permitted) -> Response:
        return await answer(reads.pages, params.site, periods(caller, params).current, params.limit)

    return router
