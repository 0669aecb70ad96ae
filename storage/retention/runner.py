"""Runs retention beside the query API: once for each day, and whenever somebody asks."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from storage.database.errors import DatabaseUnavailableError
from storage.database.threads import in_thread
from storage.replay.errors import JournalAwayError
from storage.retention.answers import RetentionLimit, RetentionReport, RetentionRun
from storage.retention.errors import RetentionBusyError
from storage.retention.job import RetentionJob
from storage.retention.limits import Cutoffs, SiteRetention, cutoffs

log = logging.getLogger(__name__)

#: Runs of an answer, and those among which today's is looked for.
SHOWN = 20
NOTHING = Cutoffs()


class RetentionRunner:
    """`limits` are those of all sites as they stand; `now` is ms UTC."""

    def __init__(
        self,
        job: RetentionJob,
        limits: Callable[[], Mapping[str, SiteRetention]],
        now: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._job = job
        self._limits = limits
        self._now = now
        self._task: asyncio.Task[RetentionRun] | None = None
        self._waiting_for = ""

    async def report(self) -> RetentionReport:
        """Limits and runs. Raises DatabaseUnavailableError."""
        limits, runs = self._limits(), await in_thread(self._job.journal.newest, SHOWN)
        at = cutoffs(limits, self._now())
        sites = [
            RetentionLimit(name, each.rows_days, each.aggregates_days, at.rows.get(name), at.aggregates.get(name))
            for name, each in limits.items()
        ]
        return RetentionReport(sites, runs, self._waiting_for)

    async def preview(self, site: str = "") -> RetentionRun:
        """What a run would remove now, of one site or all. Raises DatabaseUnavailableError, OSError, and KeyError for a
        site that is not there."""
        now = self._now()
        wanted = self._wanted(site, now)
        found = await in_thread(self._job.preview, wanted, now)
        return RetentionRun(now, now, "preview", wanted, {name: count for name, count in found.items() if count})

    async def start(self, site: str, wait: float) -> RetentionRun:
        """Begin a run, of one site or all, and wait for its end so many seconds at most; then it goes on by itself.

        Raises RetentionBusyError where one runs, KeyError for a site that is not there, and what the job raises within
        that time.
        """
        if self._task is not None and not self._task.done():
            raise RetentionBusyError("retention runs already: `opecom retention show` says how far it is")
        now = self._now()
        wanted = self._wanted(site, now)
        self._task = asyncio.create_task(self._run(wanted, now))
        self._task.add_done_callback(_note_failure)
        await asyncio.wait({self._task}, timeout=wait)
        return self._task.result() if self._task.done() else RetentionRun(now, now, "running", wanted, {})

    async def run_if_due(self) -> bool:
        """Run, where a limit is set and nobody has done so for this day; whether it ran to its end."""
        now = self._now()
        wanted = self._wanted("", now)
        if wanted == NOTHING:
            return False
        try:
            runs = await in_thread(self._job.journal.newest, SHOWN)
            if any(run.state == "done" and run.cutoffs == wanted for run in runs):
                return False
            await self.start("", 1e9)
        except (RetentionBusyError, DatabaseUnavailableError, JournalAwayError, OSError) as error:
            log.warning("retention waits: %s", error)
            return False
        return True

    async def stop(self) -> None:
        """Wait for the end of the step under way; what is left of the run the next one does."""
        if self._task is not None and not self._task.done():
            self._job.stop()
            await asyncio.wait({self._task})

    async def _run(self, wanted: Cutoffs, now: int) -> RetentionRun:
        try:
            done = await in_thread(self._job.run, wanted, now)
        except Exception as error:
            self._waiting_for = " ".join(str(error).split()) or type(error).__name__
            raise
        self._waiting_for = ""
        return done

    def _wanted(self, site: str, now: int) -> Cutoffs:
        limits = self._limits()
        if site and site not in limits:
            raise KeyError(site)
        return cutoffs(limits, now, (site,) if site else ())


def _note_failure(task: asyncio.Task[RetentionRun]) -> None:
    """Whoever waited hears of it; of the others this is the only line."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("a run of retention ended, and the next one goes on: %s", error)
