"""The route of an experiment's results, for keys of scope admin, as the other routes of experiments are."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from storage.database.threads import in_thread
from storage.experiments.changes import ExperimentChanges
from storage.experiments.results.answers import ExperimentResults
from storage.experiments.results.exposures import DIMENSIONS
from storage.experiments.results.reads import ResultOptions, ResultReads
from storage.http.access import Access, Caller
from storage.http.answers import answered, unkept
from storage.http.errors import ReadError
from storage.http.keys import ADMIN_KEY
from stream.experiments.definition import ReadingName


class ResultQuery(BaseModel):
    """A misspelt parameter would silently ask for another, so it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reading: ReadingName | None = Field(None, description="Another reading than the planned one.")
    looks: int | None = Field(None, ge=1, le=28, description="Planned looks; none: as planned.")
    segments: str | None = Field(
        None, max_length=200, description=f"By commas: {', '.join(DIMENSIONS)}; none: band, of actions. Empty: nothing."
    )


def result_routes(reads: ResultReads, changes: ExperimentChanges, access: Access) -> APIRouter:
    """The route; `access` asks for the scope."""
    router = APIRouter(tags=["experiments"], dependencies=[ADMIN_KEY])

    @router.get(
        "/experiments/{name}/results",
        summary="What came of an experiment: arms, differences with intervals, who was left out, what not to conclude",
        responses=answered(ExperimentResults, "not_found", "conflict", "unavailable"),
    )
    async def get_experiment_results(
        name: Annotated[str, Path(max_length=32, description="The experiment.")],
        params: Annotated[ResultQuery, Query()],
        caller: Annotated[Caller, Depends(access.of)],
    ) -> Response:
        records, holdout = await changes.records(name)
        if not caller.sees(records[0].site):
            raise ReadError("not_found", f"there is no experiment {name!r:.40}; GET /experiments lists them")
        dimensions = None
        if params.segments is not None:
            dimensions = [each.strip() for each in params.segments.split(",") if each.strip()]
        options = ResultOptions(params.reading, params.looks, dimensions)
        return unkept(await in_thread(reads.results, records, holdout, options))

    return router
