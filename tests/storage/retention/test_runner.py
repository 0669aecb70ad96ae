"""When retention runs by itself, and what becomes of a run that has to wait."""

import asyncio
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from storage.database.locks import exclusive
from storage.retention.errors import RetentionBusyError
from storage.retention.job import RetentionJob
from storage.retention.limits import DAY_MS, SiteRetention
from storage.retention.runner import RetentionRunner
from tests.support.aging import FIRST, SITE, days
from tests.support.replays import Shop, placed
from tests.support.sinks import clickhouse, sql

NOW = (FIRST + 10) * DAY_MS + 1


class Clock:
    now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    with clickhouse(tmp_path / "chdb") as client, sql(f"sqlite:///{tmp_path / 'db.sqlite'}") as engine:
        shop = Shop(engine, client, placed(days(3)))
        shop.live()
        yield shop


def runner_of(shop: Shop, limits: Mapping[str, SiteRetention], clock: Clock) -> RetentionRunner:
    return RetentionRunner(RetentionJob(shop.engine, shop.client, Path("nowhere")), lambda: limits, clock)


async def test_once_for_each_day_and_whenever_a_limit_changes(shop: Shop) -> None:
    clock, limits = Clock(), {SITE: SiteRetention()}
    runner = runner_of(shop, limits, clock)
    assert not await runner.run_if_due()
    assert (await runner.report()).runs == []
    limits[SITE] = SiteRetention(9)
    assert await runner.run_if_due()
    assert not await runner.run_if_due()
    clock.now += DAY_MS
    assert await runner.run_if_due()
    limits[SITE] = SiteRetention(5)
    assert await runner.run_if_due()
    report = await runner.report()
    assert [run.state for run in report.runs] == ["done"] * 3
    assert [run.removed.get("sessions", 0) for run in report.runs] == [1, 4, 7]
    (limit,) = report.sites
    assert (limit.site, limit.retention_days, limit.rows_before) == (SITE, 5, (FIRST + 7) * DAY_MS)


async def test_a_run_that_must_wait_names_the_reason_and_is_made_later(shop: Shop) -> None:
    runner = runner_of(shop, {SITE: SiteRetention(2)}, Clock())
    with exclusive(shop.engine, "replay", AssertionError()):
        assert not await runner.run_if_due()
        assert "opecom replay --list" in (await runner.report()).waiting_for
    assert await runner.run_if_due()
    assert (await runner.report()).waiting_for == ""


async def test_a_run_that_is_stopped_ends_after_its_step(shop: Shop) -> None:
    under_way, go_on = threading.Event(), threading.Event()

    def count_pages(_: int) -> None:
        under_way.set()
        go_on.wait(90)

    limits = {SITE: SiteRetention(2)}
    job = RetentionJob(shop.engine, shop.client, Path("nowhere"), count_pages)
    runner = RetentionRunner(job, lambda: limits, Clock())
    begun = await runner.start("", 0)
    assert begun.state == "running"
    assert await asyncio.to_thread(under_way.wait, 90)
    with pytest.raises(RetentionBusyError):
        await runner.start("", 0)
    stopping = asyncio.create_task(runner.stop())
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    (run,) = (await runner.report()).runs
    assert run.state == "running"
    again = runner_of(shop, limits, Clock())
    assert await again.run_if_due()
    assert set((await again.preview()).removed) == set()


async def test_a_site_that_is_not_there(shop: Shop) -> None:
    runner = runner_of(shop, {SITE: SiteRetention(2)}, Clock())
    for call in (runner.preview("away"), runner.start("away", 0)):
        with pytest.raises(KeyError):
            await call
