"""Promotions as jobs: through shadow and gate, refused, forced, one at a time, stopped in time."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from scoring.shadow.report import ShadowReport
from storage.http.access import Caller
from storage.http.errors import ReadError
from storage.promotions.answers import ModelInForce, ModelRegistry, PromotionJob, PromotionRequest
from storage.promotions.api import visible
from storage.promotions.jobs import JudgedCandidate, PromotionJobs
from storage.replay.account import Account
from storage.replay.context import ProgressListener
from storage.replay.jobs import Jobs, ReplayRequest
from storage.replay.request import ReplaySelection
from tests.support.shadow import FITTED, live, manifest, report_of, shadow_rows

REPORT = report_of(shadow_rows(live, 1, sessions=50))
OPS = "key ops"


class Work:
    """Stands for log and registry."""

    def __init__(self, *refusals: str) -> None:
        self._refusals = list(refusals)
        self.promoted: list[JudgedCandidate] = []
        self.rolled_back: list[tuple[str, str]] = []

    async def version_in_force(self, site: str) -> str:
        return "before"

    async def check(self, version: str) -> None:
        if version == "broken":
            raise ReadError("conflict", "model broken is not the file that was trained")

    async def refusals(self, report: ShadowReport) -> list[str]:
        assert report is REPORT
        return self._refusals

    async def promote(self, candidate: JudgedCandidate, notify: Callable[[str], None]) -> None:
        self.promoted.append(candidate)
        notify("partition 0 has yet to read it")

    async def roll_back(self, site: str, who: str, notify: Callable[[str], None]) -> str:
        self.rolled_back.append((site, who))
        return "before that"


class Shadows:
    """Stands for the replay that makes a shadow."""

    def __init__(self, is_held: bool = False) -> None:
        self.go_on = asyncio.Event()
        self.requests: list[ReplaySelection] = []
        if not is_held:
            self.go_on.set()

    async def run(self, request: ReplaySelection, watcher: ProgressListener, anew: bool, own_only: bool) -> Account:
        self.requests.append(request)
        watcher.planned(0, 100, 0)
        await self.go_on.wait()
        watcher.moved(100)
        return Account(shadow=REPORT)


async def ended(jobs: PromotionJobs) -> PromotionJob:
    async with asyncio.timeout(90):
        while jobs.all()[0].ended_at is None:  # noqa: ASYNC110 - a job has no event of its own
            await asyncio.sleep(0.01)
    return jobs.all()[0]


async def test_a_candidate_that_passes_is_put_in_force() -> None:
    work, shadows = Work(), Shadows()
    jobs = PromotionJobs(work, Jobs(shadows.run))
    jobs.promote(PromotionRequest("new", "shop~run1", days=2.0, until=10 * 86_400_000), OPS, False)
    job = await ended(jobs)
    assert (job.state, job.before, job.records, job.done) == ("done", "before", 100, 100)
    (request,) = shadows.requests
    assert (request.into, request.model, request.against, request.site) == ("shadow", "new", "before", "shop~run1")
    assert (request.since, request.until) == (8 * 86_400_000, 10 * 86_400_000)
    assert work.promoted == [JudgedCandidate("new", "shop", False, REPORT, [], OPS)]
    assert job.remarks == ["partition 0 has yet to read it"]


@pytest.mark.parametrize("force", [False, True], ids=["refused", "forced"])
async def test_what_the_gate_refuses_is_promoted_by_force_alone(force: bool) -> None:
    work = Work("it is miscalibrated")
    jobs = PromotionJobs(work, Jobs(Shadows().run))
    jobs.promote(PromotionRequest("new", force=force), OPS, False)
    job = await ended(jobs)
    assert (job.state, job.refusals) == ("done" if force else "refused", ["it is miscalibrated"])
    assert [(each.is_forced, each.refusals) for each in work.promoted] == [(True, ["it is miscalibrated"])] * force


async def test_a_version_that_cannot_be_used_makes_no_shadow() -> None:
    work, shadows = Work(), Shadows()
    jobs = PromotionJobs(work, Jobs(shadows.run))
    jobs.promote(PromotionRequest("broken", force=True), OPS, False)
    job = await ended(jobs)
    assert (job.state, job.failure) == ("failed", "model broken is not the file that was trained")
    assert (shadows.requests, work.promoted) == ([], [])


async def test_one_at_a_time_and_none_beside_a_replay() -> None:
    shadows = Shadows(is_held=True)
    replays = Jobs(shadows.run)
    jobs = PromotionJobs(Work(), replays)
    jobs.promote(PromotionRequest("new"), OPS, False)
    begins: list[Callable[[], PromotionJob]] = [
        lambda: jobs.promote(PromotionRequest("new"), OPS, False),
        lambda: jobs.roll_back("", OPS),
    ]
    for begin in begins:
        with pytest.raises(ReadError, match="runs already") as busy:
            begin()
        assert busy.value.code == "busy"
    shadows.go_on.set()
    assert (await ended(jobs)).state == "done"
    shadows.go_on.clear()
    replays.start(ReplayRequest())
    with pytest.raises(ReadError, match="a replay runs already"):
        jobs.promote(PromotionRequest("new"), OPS, False)
    jobs.roll_back("shop", OPS)
    assert (await ended(jobs)).version == "before that"
    await replays.stop()


async def test_a_job_is_stopped_with_its_shadow_and_puts_nothing_in_force() -> None:
    work, shadows = Work(), Shadows(is_held=True)
    replays = Jobs(shadows.run)
    jobs = PromotionJobs(work, replays)
    job = jobs.promote(PromotionRequest("new"), OPS, False)
    async with asyncio.timeout(90):
        while not shadows.requests:  # noqa: ASYNC110 - the replay begins in a task
            await asyncio.sleep(0.01)
    await jobs.stop(job.id)
    assert (job.state, replays.job(job.replay).state, work.promoted) == ("stopped", "stopped", [])


def test_a_key_of_one_site_sees_common_models_and_its_own() -> None:
    common = manifest("common", None)
    shop, other, taken = (
        msgspec.structs.replace(manifest(name), fitted_on=msgspec.structs.replace(FITTED, site=site))
        for name, site in (("of-shop", "shop"), ("of-other", "other"), ("of-other-for-all", "other"))
    )
    in_force = [
        ModelInForce("", "of-other-for-all"),
        ModelInForce("other", "of-other"),
        ModelInForce("shop", "of-shop"),
    ]
    found = visible(ModelRegistry([common, shop, other, taken], in_force, []), Caller("own", frozenset({"shop"})))
    assert [each.version for each in found.models] == ["common", "of-shop", "of-other-for-all"]
    assert [each.site for each in found.in_force] == ["", "shop"]
