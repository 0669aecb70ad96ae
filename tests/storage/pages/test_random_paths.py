"""A million made-up paths of one site leave it with its bound of rows, and every process with little memory."""

import hashlib
import time
import tracemalloc
from pathlib import Path

import pytest

from storage.pages.refresh import Refresher
from storage.pages.smooth import FEW
from storage.pages.tally import DAY_MS, HOUR_MS, Tallies
from stream.fold.pages import ANY_PATH, MOST_PAGES, REMEMBERED_PAGES
from tests.storage.pages.test_refresh import Topic
from tests.support.events import NOON
from tests.support.sinks import clickhouse

DAYS, PATHS_OF_DAY, VIEWS = 10, 100_000, 100
#: MB that Python may hold: the statistics alone, and at most during a refresh, which has the tallies too.
STATISTICS_MB, REFRESH_MB = 16, 32

#: As many sessions see each path as a row needs, after the home page; without a network, so that all count. The last
#: record closes each.
_SESSIONS = f"""
INSERT INTO page_tally_source
    (hour, site, session_id, opened_at, log, offset, closed, backfill, void, kind, event_id, path, occurred_at)
SELECT {{hour:UInt32}}, 'shop', toString(session), fromUnixTimestamp64Milli(toInt64({{hour:UInt32}}) * {HOUR_MS}),
    'log', session * {VIEWS + 2} + view, view > {VIEWS}, 0, false, if(view > {VIEWS}, '', 'page_view'), toString(view),
    multiIf(view > {VIEWS}, '', view = 0, '/', concat('/r/', lower(hex(MD5(toString(
        {{first:UInt32}} + (session * {VIEWS} + view - 1) % {PATHS_OF_DAY}
    )))))),
    fromUnixTimestamp64Milli(toInt64({{hour:UInt32}}) * {HOUR_MS} + view * 1000)
FROM (
    SELECT intDiv(number, {VIEWS + 2}) AS session, number % {VIEWS + 2} AS view
    FROM numbers({PATHS_OF_DAY // VIEWS * FEW * (VIEWS + 2)})
)
"""  # noqa: S608 - our own numbers


def path(number: int) -> str:
    return f"/r/{hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()}"


@pytest.mark.long
async def test_a_million_random_paths_leave_a_site_with_its_bound_of_rows(tmp_path: Path) -> None:
    topic = Topic()
    pages = topic.statistics
    with clickhouse(tmp_path / "chdb") as client:
        tallies, now = Tallies(client), NOON
        refresher = Refresher(tallies, pages, topic.caught_up, topic.put, lambda: now)
        tracemalloc.start()
        try:
            for day in range(DAYS):
                now = NOON + day * DAY_MS
                client.command(_SESSIONS, {"hour": now // HOUR_MS, "first": day * PATHS_OF_DAY})
                began = time.monotonic()
                refreshed = await refresher.refresh()
                assert refreshed.held == ()
                print(f"day {day}: {refreshed.written:,} rows written in {time.monotonic() - began:.1f} s")
                topic.puts.clear()
            peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
            del tallies, refresher
            # What a worker holds: the statistics, and what it looked up.
            shared = pages.page("shop", "/nobody", None, pages.version).exit_rate
            own = sum(
                pages.page("shop", path(number), None, pages.version).exit_rate != shared
                for number in range(DAYS * PATHS_OF_DAY)
            )
            statistics_mb = tracemalloc.get_traced_memory()[0] / 1e6
        finally:
            tracemalloc.stop()
    rows = pages.rows(pages.version)
    print(f"{len(rows):,} rows; statistics {statistics_mb:.1f} MB, at most {peak_mb:.1f} MB in a refresh")
    assert len(rows) == MOST_PAGES + 1
    assert {("shop", "/"), ("shop", ANY_PATH)} < rows.keys()
    assert own == MOST_PAGES - 1
    assert len(pages._seen) <= REMEMBERED_PAGES
    assert statistics_mb < STATISTICS_MB
    assert peak_mb < REFRESH_MB
