"""GET /health/parts and /health/lag: how all parts are, for keys of scope admin and of all sites."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from storage.health.answers import HealthReport, LagReport
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.keys import ADMIN_KEY


def health_routes(
    health: Callable[[], Awaitable[HealthReport]], lag: Callable[[], Awaitable[LagReport]], access: Access
) -> APIRouter:
    """The routes under /health; `access` asks for the scope. Both answers may be some seconds old and tell their time;
    `health` and `lag` raise ReadError."""
    router = APIRouter(prefix="/health", tags=["operations"], dependencies=[ADMIN_KEY])
    permitted = Depends(access.of)

    @router.get(
        "/parts",
        summary="What `opecom doctor` finds",
        description="Checked at most every 15 seconds; `checked_at` is when.",
        responses=answered(HealthReport, "unavailable"),
    )
    async def get_parts_health(caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("the health of all parts")
        return unkept(await health())

    @router.get(
        "/lag",
        summary="How far behind each part is, by partition",
        description="Read at most every 2 seconds; `read_at` is when.",
        responses=answered(LagReport, "unavailable"),
    )
    async def get_lag(caller: Annotated[Caller, permitted]) -> Response:
        caller.require_all_sites("the lag of all parts")
        return unkept(await lag())

    return router
