"""Builds retention, and runs it beside the query API."""

import asyncio
import logging
from functools import partial

from deploy.processes.audit_file import append_line, audit_file
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.wiring.pages import money, path_patterns
from deploy.wiring.storage import DatabaseHandles
from storage.http.audit_line import line
from storage.pages.tally import Tallies
from storage.retention.job import RetentionJob
from storage.retention.limits import SiteRetention
from storage.retention.runner import RetentionRunner
from stream.waiting import wait_for_event

log = logging.getLogger(__name__)

#: Seconds until the first look, when a start is over, and between two.
FIRST_SECONDS, EVERY_SECONDS = 180.0, 600.0


def limits(settings: Settings) -> dict[str, SiteRetention]:
    """The limits of all sites, as settings and file of sites say now; raises SetupError."""
    return {name: SiteRetention(site.retention_days, site.aggregates_days) for name, site in sites_of(settings).items()}


def retention_runner(settings: Settings, opened: DatabaseHandles) -> RetentionRunner:
    """What removes what is old from these databases, and from the folder of files that replays write."""
    tallies = Tallies(opened.client, partial(path_patterns, settings), partial(money, settings))
    job = RetentionJob(*opened, settings.data_dir / "replays", tallies.since)
    return RetentionRunner(job, partial(limits, settings))


async def keep_removed(settings: Settings, runner: RetentionRunner, stop: asyncio.Event) -> None:
    """Run once for each day until `stop`; a run that fails is logged, and goes on at the next look."""
    seconds = FIRST_SECONDS
    while not await wait_for_event(stop, seconds):
        seconds = EVERY_SECONDS
        try:
            if await runner.run_if_due():
                append_line(audit_file(settings), line("this system", "retention", "all", "once a day", "done"))
        except Exception:  # what we did not foresee must not end the API
            log.exception("retention failed; it goes on at the next look")
