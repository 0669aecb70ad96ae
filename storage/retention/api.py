"""GET and POST /retention: limits and runs, and a run now. For keys of scope admin."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from msgspec.structs import replace

from storage.database.errors import DatabaseUnavailableError
from storage.http.access import Access, Caller
from storage.http.answers import answered, takes, unkept
from storage.http.audit import record_of
from storage.http.errors import ReadError
from storage.http.json_body import json_body
from storage.http.keys import ADMIN_KEY
from storage.retention.answers import RetentionOrder, RetentionReport, RetentionRun
from storage.retention.errors import RetentionBusyError
from storage.retention.runner import RetentionRunner

#: Seconds that a run may take before the answer is that it goes on, and after which a database may be asked again.
RUN_SECONDS, RETRY_SECONDS = 20.0, 2


def retention_routes(runner: RetentionRunner, access: Access) -> APIRouter:
    """The route /retention; `access` asks for the scope."""
    router = APIRouter(prefix="/retention", tags=["retention"], dependencies=[ADMIN_KEY])

    @router.get(
        "",
        summary="How long rows of each site are kept, and what was removed",
        responses=answered(RetentionReport, "unavailable"),
    )
    async def get_retention(caller: Annotated[Caller, Depends(access.of)]) -> Response:
        try:
            found = await runner.report()
        except DatabaseUnavailableError as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
        if caller.sites is not None:
            found = replace(found, sites=[each for each in found.sites if caller.sees(each.site)], runs=[])
        return unkept(found)

    @router.post(
        "",
        summary="Remove now what is past its limit, or count it",
        description="Answers 202 when it takes longer than some seconds, and goes on; GET says how far it is.",
        responses=answered(RetentionRun, "busy", "not_found", "too_large", "unavailable"),
        openapi_extra=takes(RetentionOrder),
    )
    async def run_retention(request: Request, caller: Annotated[Caller, Depends(access.of)]) -> Response:
        order = await json_body(request, RetentionOrder, "an order")
        record = record_of(request.scope)
        record.site, record.subject = order.site, "dry run" if order.dry_run else ""
        if order.site:
            caller.require_site(order.site)
        else:
            caller.require_all_sites("retention of all sites")
        try:
            if order.dry_run:
                return unkept(await runner.preview(order.site))
            run = await runner.start(order.site, RUN_SECONDS)
        except KeyError:
            raise ReadError("not_found", f"site: there is no site {order.site!r:.80}: `opecom sites list`") from None
        except RetentionBusyError as error:
            raise ReadError("busy", str(error)) from error
        except (DatabaseUnavailableError, OSError) as error:
            raise ReadError("unavailable", str(error), RETRY_SECONDS) from error
        return unkept(run, 200 if run.state == "done" else 202)

    return router
