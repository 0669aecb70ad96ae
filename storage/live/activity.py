"""GET /activity: what goes through the system now, as its parts count it; what the console's live page shows above."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from msgspec import Struct

from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.keys import READ_KEY


class AgeBucket(Struct, frozen=True):
    """How many rounds of scoring had their oldest record answered within so many seconds; None: all."""

    within_seconds: float | None
    rounds: int


class Activity(Struct, frozen=True, kw_only=True):
    """Sums since the parts started; `open_sessions` and `waiting` are of now, `at` is ms UTC.

    `parts` are those that answered: of none that runs elsewhere anything is known. `waiting` are scored sessions that
    the writer has not yet written. `ages` grow from bucket to bucket, as Prometheus counts.
    """

    at: int
    parts: list[str]
    accepted: int = 0
    refused: int = 0
    scored: int = 0
    dead_letters: int = 0
    open_sessions: int = 0
    waiting: int = 0
    ages: list[AgeBucket] = []


def activity_routes(activity: Callable[[], Activity], access: Access) -> APIRouter:
    """The route; `activity` may block."""
    router = APIRouter(tags=["sessions"], dependencies=[READ_KEY])

    @router.get(
        "/activity",
        summary="What goes through the system now",
        description="Of the parts on this machine. For keys of all sites.",
        responses=answered(Activity),
    )
    async def get_activity(caller: Annotated[Caller, Depends(access.of)]) -> Response:
        caller.require_all_sites("/activity")
        return unkept(await asyncio.to_thread(activity))

    return router
