"""Builds the routes of health: the doctor's checks and the lag, each kept for some seconds."""

import asyncio
import time

from fastapi import APIRouter

from deploy.doctor.finding import Finding, worst
from deploy.doctor.lag import lag
from deploy.errors import AwayError
from deploy.settings.model import Settings
from storage.health.answers import HealthFinding, HealthReport, LagReport
from storage.health.api import health_routes
from storage.health.kept import KeptAnswer
from storage.http.access import Access
from storage.http.errors import ReadError

#: Seconds: between two looks of each kind, and for which a request waits for one.
CHECKED_EVERY, READ_EVERY, PATIENCE = 15.0, 2.0, 10.0


def routes(settings: Settings, permitted: Access) -> APIRouter:
    """The routes under /health."""

    async def checked() -> HealthReport:
        # In a thread with a loop of its own: some checks take a moment of the processor, or wait for what is away.
        return await asyncio.to_thread(_examined, settings)

    async def read() -> LagReport:
        try:
            return await lag(settings)
        except AwayError as error:
            raise ReadError("unavailable", str(error), retry_after=2) from error

    health = KeptAnswer(checked, CHECKED_EVERY, PATIENCE)
    return health_routes(health, KeptAnswer(read, READ_EVERY, PATIENCE), permitted.scoped("admin"))


def _examined(settings: Settings) -> HealthReport:
    # Here, so that who never looks at the health does not load what the checks need.
    from deploy.doctor.examine import examine

    began, at = time.monotonic(), int(time.time() * 1000)
    profile = Finding("settings", "ok", f"profile {settings.profile}; `opecom settings` prints all that is in force")
    found = [profile, *asyncio.run(examine(settings))]
    seconds = round(time.monotonic() - began, 3)
    return HealthReport(at, seconds, worst(found), [HealthFinding(each.check, each.state, each.line) for each in found])
