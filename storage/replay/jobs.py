"""Replays as jobs of a running process: one at a time, watched and stopped over HTTP."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Literal

from msgspec import Struct

from storage.http.errors import ReadError
from storage.replay.account import Account
from storage.replay.context import ProgressListener
from storage.replay.errors import ReplayError
from storage.replay.request import ReplaySelection

log = logging.getLogger(__name__)

JobState = Literal["running", "done", "failed", "stopped"]
#: Jobs that are remembered.
MOST_JOBS = 100

#: Runs a replay from beginning to end. The third argument begins it again where one was interrupted, the last says that
#: whoever asks may not give up one of other sites.
Run = Callable[[ReplaySelection, ProgressListener, bool, bool], Awaitable[Account]]


class ReplayRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of POST /replays; `anew` leaves an interrupted replay as it is."""

    request: ReplaySelection = ReplaySelection()
    anew: bool = False


class Job(Struct):
    """One replay of this process. `records` are to be folded, `done` are; `failure` is one line. Times in ms UTC."""

    id: int
    request: ReplaySelection
    started_at: int
    state: JobState = "running"
    ended_at: int | None = None
    #: The number of the replay, 0 for a dry run and until it is planned.
    number: int = 0
    records: int = 0
    done: int = 0
    remarks: list[str] = []
    failure: str = ""
    account: Account | None = None


class JobList(Struct, frozen=True):
    jobs: list[Job]


class Jobs:
    """The jobs of this process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._jobs: dict[int, Job] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether one runs, beside which no other may."""
        return self._task is not None and not self._task.done()

    def start(self, order: ReplayRequest, own_only: bool = False) -> Job:
        """Begin, for a caller of some sites `own_only`; raises ReadError(busy) while another runs."""
        if self.is_busy:
            raise ReadError(
                "busy",
                "a replay runs already: wait for its end, or stop it where it is yours (GET /replays, DELETE)",
                retry_after=5,
            )
        job = Job(max(self._jobs, default=0) + 1, order.request, _now())
        self._jobs[job.id] = job
        self._jobs.pop(job.id - MOST_JOBS, None)
        self._task = asyncio.create_task(self._work(job, order.anew, own_only))
        return job

    def all(self) -> list[Job]:
        """The jobs, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.id)

    def job(self, number: int) -> Job:
        """Raises ReadError(not_found)."""
        found = self._jobs.get(number)
        if found is None:
            raise no_job(number)
        return found

    async def stop(self, number: int | None = None) -> None:
        """Stop the job, or whatever runs; it can go on later. Returns when it has ended."""
        if number is not None and self.job(number).state != "running":
            return
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _work(self, job: Job, anew: bool, own_only: bool) -> None:
        try:
            job.account = await self._run(job.request, _JobProgress(job), anew, own_only)
            job.state = "done"
        except asyncio.CancelledError:
            job.state = "stopped"
            job.failure = "stopped; the same request goes on where it stopped"
        except ReplayError as error:
            job.state, job.failure = "failed", str(error)
        except Exception as error:
            log.exception("a replay failed")
            job.state, job.failure = "failed", f"{type(error).__name__}: {error}; the log of this process says more"
        job.ended_at = _now()


class _JobProgress:
    """Writes what it hears into the job."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def planned(self, number: int, records: int, done: int) -> None:
        self._job.number, self._job.records, self._job.done = number, records, done

    def moved(self, done: int) -> None:
        self._job.done += done

    def report(self, line: str) -> None:
        self._job.remarks.append(line)


def no_job(number: int) -> ReadError:
    return ReadError("not_found", f"there is no job {number} in this process; GET /replays lists them")


def _now() -> int:
    return int(time.time() * 1000)
