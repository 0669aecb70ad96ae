"""GET /learning: what the learner did for each site, for keys of scope admin."""

from itertools import groupby
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.errors import ReadError
from storage.http.keys import ADMIN_KEY
from storage.learner.answers import LearningRuns, SiteLearning
from storage.learner.runs import MOST_RUNS, LearnerRuns


class LearningQuery(BaseModel):
    """Query parameters; a misspelt one would silently ask for something else, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site: str = Field("", max_length=97, description="One site; none: all.")
    limit: int = Field(20, ge=1, le=MOST_RUNS, description="Most runs of a site.")


def learning_routes(runs: LearnerRuns, access: Access) -> APIRouter:
    """The route /learning; `access` asks for the scope."""
    router = APIRouter(tags=["learning"], dependencies=[ADMIN_KEY])

    @router.get(
        "/learning",
        summary="What the learner did for each site, and why",
        responses=answered(LearningRuns, "unavailable"),
    )
    async def list_learning_runs(
        params: Annotated[LearningQuery, Query()], caller: Annotated[Caller, Depends(access.of)]
    ) -> Response:
        try:
            found = await in_thread(runs.newest)
        except DatabaseUnavailableError as error:
            raise ReadError("unavailable", str(error), retry_after=2) from error
        seen = [run for run in found if caller.sees(run.site) and params.site in ("", run.site)]
        sites = [
            SiteLearning(site, list(each)[: params.limit]) for site, each in groupby(seen, key=lambda run: run.site)
        ]
        return unkept(LearningRuns(sites))

    return router
