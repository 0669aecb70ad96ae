"""Promotions and roll-backs as jobs of a running process: one at a time, by way of shadow and gate."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from ingest.events import base_site
from scoring.errors import ScoringError
from scoring.shadow.report import ShadowReport
from storage.http.errors import ReadError
from storage.promotions.answers import PromotionJob, PromotionRequest, PromotionState
from storage.replay.jobs import Jobs, ReplayRequest
from storage.replay.request import ReplaySelection

log = logging.getLogger(__name__)

#: Jobs that are remembered, and seconds between two looks at a shadow.
MOST_JOBS, LOOK = 100, 0.2
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class JudgedCandidate:
    """A version that may be put in force: what its shadow and the gate found."""

    version: str
    site: str
    is_forced: bool
    report: ShadowReport
    refusals: list[str]
    who: str


class PromotionWork(Protocol):
    """What a job has done by the log and the registry. Each raises ReadError with one line."""

    async def version_in_force(self, site: str) -> str: ...

    async def check(self, version: str) -> None:
        """Whether the version can be used."""
        ...

    async def refusals(self, report: ShadowReport) -> list[str]:
        """Why the gate refuses a candidate, a line each."""
        ...

    async def promote(self, candidate: JudgedCandidate, notify: Callable[[str], None]) -> None: ...

    async def roll_back(self, site: str, who: str, notify: Callable[[str], None]) -> str:
        """The version that is in force now."""
        ...


class PromotionJobs:
    """The jobs of this process; shadows are replays of `replays`."""

    def __init__(self, work: PromotionWork, replays: Jobs) -> None:
        self._work = work
        self._replays = replays
        self._jobs: dict[int, PromotionJob] = {}
        self._task: asyncio.Task[None] | None = None

    def promote(self, request: PromotionRequest, who: str, own_only: bool) -> PromotionJob:
        """Begin, for a caller of some sites `own_only`; raises ReadError(busy) while another job or a replay runs."""
        if self._replays.is_busy:
            raise ReadError("busy", "a replay runs already: wait for its end, or stop it (GET /replays)", 5)
        job = self._new("promote", base_site(request.site), request.version, "judging", who)
        job.is_forced = request.force
        return self._begin(job, lambda: self._promote(job, request, own_only))

    def roll_back(self, site: str, who: str) -> PromotionJob:
        """Begin; raises ReadError(busy) while another runs."""
        job = self._new("rollback", base_site(site), "", "promoting", who)
        return self._begin(job, lambda: self._roll_back(job))

    def all(self) -> list[PromotionJob]:
        """The jobs, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.id)

    def job(self, number: int) -> PromotionJob:
        """Raises ReadError(not_found)."""
        found = self._jobs.get(number)
        if found is None:
            raise no_promotion(number)
        return found

    async def stop(self, number: int | None = None) -> None:
        """Stop the job's shadow, or whatever runs; what workers take already goes on. Returns when it has ended."""
        if number is not None and self.job(number).state != "judging":
            return
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _new(self, kind: str, site: str, version: str, state: PromotionState, who: str) -> PromotionJob:
        if self._task is not None and not self._task.done():
            raise ReadError("busy", "a promotion runs already: wait for its end (GET /promotions)", 5)
        known = {"kind": kind, "site": site, "version": version, "state": state, "who": who}
        common = {"id": max(self._jobs, default=0) + 1, "is_forced": False, "started_at": _now()}
        return msgspec.convert(known | common, PromotionJob)

    def _begin(self, job: PromotionJob, work: Callable[[], Awaitable[None]]) -> PromotionJob:
        self._jobs[job.id] = job
        self._jobs.pop(job.id - MOST_JOBS, None)
        self._task = asyncio.create_task(self._run(job, work))
        return job

    async def _run(self, job: PromotionJob, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except asyncio.CancelledError:
            is_early = job.state == "judging"
            job.state = "stopped"
            job.failure = (
                "stopped before anything was put in force"
                if is_early
                else "this process ended while workers took it: see GET /registry, and give the same request again"
            )
        except (ReadError, ScoringError) as error:
            job.state, job.failure = "failed", str(error)
        except Exception as error:
            log.exception("a promotion failed")
            job.state = "failed"
            job.failure = f"{type(error).__name__}: {error}; the log of this process says more"
        job.ended_at = _now()

    async def _promote(self, job: PromotionJob, request: PromotionRequest, own_only: bool) -> None:
        """1 the version can be used · 2 its shadow · 3 the gate · 4 the log, where every step before allows it."""
        await self._work.check(job.version)
        job.before = await self._work.version_in_force(job.site)
        job.report = await self._shadow(job, selection(request, job.before), own_only)
        await self._work.check(job.version)
        job.refusals = await self._work.refusals(job.report)
        if job.refusals and not request.force:
            job.state = "refused"
            return
        job.state = "promoting"
        candidate = JudgedCandidate(job.version, job.site, request.force, job.report, job.refusals, job.who)
        await self._work.promote(candidate, job.remarks.append)
        job.state = "done"

    async def _roll_back(self, job: PromotionJob) -> None:
        job.before = await self._work.version_in_force(job.site)
        job.version = await self._work.roll_back(job.site, job.who, job.remarks.append)
        job.state = "done"

    async def _shadow(self, job: PromotionJob, wanted: ReplaySelection, own_only: bool) -> ShadowReport:
        replay = self._replays.start(ReplayRequest(wanted), own_only)
        job.replay = replay.id
        try:
            while replay.state == "running":
                await asyncio.sleep(LOOK)
                job.records, job.done = replay.records, replay.done
        except asyncio.CancelledError:
            await self._replays.stop(replay.id)
            raise
        if replay.account is None or replay.account.shadow is None:
            raise ReadError("internal", replay.failure or "its shadow has no report")
        return replay.account.shadow


def selection(request: PromotionRequest, against: str) -> ReplaySelection:
    """The replay that compares the candidate with the version in force."""
    until = _now() if request.until is None else request.until
    return ReplaySelection(
        since=max(0, until - int(request.days * DAY_MS)),
        until=until,
        site=request.site,
        model=request.version,
        source=request.source,
        into="shadow",
        against=against,
    )


def no_promotion(number: int) -> ReadError:
    return ReadError("not_found", f"there is no promotion {number} in this process; GET /promotions lists them")


def _now() -> int:
    return int(time.time() * 1000)
