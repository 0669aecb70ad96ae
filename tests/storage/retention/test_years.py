"""A shop of many days with retention each morning: no file of it names a visitor who is older than the limit."""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from deploy.processes.ports import wait_until
from ingest.events import Tick
from storage.pages.tally import Tallies
from storage.retention.job import RetentionJob
from storage.retention.limits import DAY_MS, SiteRetention, cutoffs
from storage.write.block import block_of
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.scored import dead_record, encode
from stream.step import fold, score
from tests.support.aging import FIRST, HOUR, SITE, a_day, visitor
from tests.support.log import log_of
from tests.support.raw_files import part_files, sqlite_files, store_plain
from tests.support.replays import ANALYTICS_TABLES, LOG, PARTITIONS, Shop, placed, topic_row
from tests.support.sinks import clickhouse, sql

LIMIT = 5


class AgingShop(Shop):
    """A shop whose log grows by a day, as live workers and the writer have it."""

    def __init__(self, engine: Any, client: Any) -> None:
        super().__init__(engine, client, [[] for _ in range(PARTITIONS)])
        self.states: list[Partition] = [self._make(number, Mark(0, {})) for number in range(PARTITIONS)]
        self.written = 0

    def live_through(self, day: int) -> None:
        """Fold and store the visits of a day, and the clock's way to the morning after."""
        for number, said in enumerate(placed([*a_day(day), _morning(day + 1)])):
            records = log_of(said, start=len(self.source.partitions[number]))
            self.source.partitions[number] += records
            folded, _ = fold({number: self.states[number]}, {number: records})
            updates = [update for ready in score(folded.updates, self.models) for update in ready]
            rows = [topic_row("events", number, each.offset, each.key, each.value or b"") for each in records]
            rows += [topic_row("scored", number, self._next(), each.key, encode(each.record)) for each in updates]
            rows += [topic_row("dead", number, self._next(), *dead_record(letter)) for letter in folded.dead]
            block, unfit = block_of(LOG, rows)
            assert not unfit
            RelationalSink(self.engine).write(block)
            AnalyticsSink(self.client).write(block)

    def _next(self) -> int:
        self.written += 1
        return self.written


def _morning(day: int) -> Tick:
    return Tick("live", (FIRST + day) * DAY_MS + 4 * HOUR)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[AgingShop]:
    """Databases whose files can be searched."""
    with clickhouse(tmp_path / "chdb") as client, sql(f"sqlite:///{tmp_path / 'db.sqlite'}") as engine:
        for table in ANALYTICS_TABLES:
            store_plain(client, table, wide=False)
        yield AgingShop(engine, client)


def named(data: bytes) -> set[str]:
    return {each.decode() for each in re.findall(rb"visitor-\d{3}-\d", data)}


def allowed(day: int) -> set[str]:
    """Who may be named on the morning of a day: visitors of the days before within the limit, and who stayed past
    midnight into the first of them."""
    whole = {visitor(each, number) for each in range(max(day - LIMIT + 1, 0), day) for number in range(5)}
    return whole | {visitor(day - LIMIT, 3)}


def on_disk(shop: AgingShop, folder: Path) -> set[str]:
    """Visitors that any file of the databases in use, or of a replay, names."""
    found = named(sqlite_files(shop.engine))
    for _, data in part_files(shop.client):
        found |= named(data)
    for file in (folder / "replays").glob("*"):
        found |= named(file.read_bytes())
    return found


def in_any_file(shop: AgingShop, folder: Path) -> set[str]:
    """Visitors that any file beneath the folder names, but for parts that ClickHouse has replaced and is to remove."""
    replaced = shop.client.query("SELECT path FROM system.parts WHERE NOT active").result_rows
    left_out = {Path(path).resolve() for (path,) in replaced}
    found = set[str]()
    # A walk passes over a folder that ClickHouse removes meanwhile.
    for within, _, names in os.walk(folder):
        if left_out.isdisjoint((Path(within).resolve(), *Path(within).resolve().parents)):
            for file in (Path(within) / name for name in names):
                with contextlib.suppress(FileNotFoundError):
                    found |= named(file.read_bytes()) if file.is_file() else set()
    return found


@pytest.mark.parametrize(
    ("days", "every"),
    [
        pytest.param(9, 3, id="nine days, searched every third"),
        pytest.param(
            400, 10, id="400 days, searched every tenth", marks=[pytest.mark.long, pytest.mark.timeout(7_200)]
        ),
    ],
)
async def test_no_file_names_a_visitor_beyond_the_limit(shop: AgingShop, tmp_path: Path, days: int, every: int) -> None:
    folder, tallies = tmp_path / "replays", Tallies(shop.client)
    folder.mkdir()
    job = RetentionJob(shop.engine, shop.client, folder, tallies.since)
    views = 0
    for day in range(1, days + 1):
        shop.live_through(day - 1)
        now = (FIRST + day) * DAY_MS + 8 * HOUR
        if day % every == 0:
            await shop.replay(source="clickhouse", into="file", target=str(folder / f"scores-{day}.jsonl"))
            await shop.replay(source="clickhouse", into="features", target=str(folder / f"set-{day}.csv"))
            assert visitor(day - 1, 0) in on_disk(shop, tmp_path)
        run = job.run(cutoffs({SITE: SiteRetention(LIMIT)}, now), now)
        assert (run.state, run.removed.get("sessions", 0)) == ("done", _sessions_due(day))
        if day % every == 0:
            found = on_disk(shop, tmp_path)
            assert found <= allowed(day), sorted(found - allowed(day))[:5]
            assert visitor(day - 1, 0) in found
            counted = sum(each.views for each in tallies.since(FIRST * DAY_MS))
            assert counted > views
            views = counted
    assert wait_until(lambda: in_any_file(shop, tmp_path) <= allowed(days), 90)
    with shop.engine.connect() as connection:
        left = {row[0] for row in connection.execute(text("SELECT visitor_id FROM sessions"))}
    assert left == {each for each in allowed(days) if not each.endswith("-4")}
    before = shop.rows()
    for asked in ({"into": "nothing"}, {}):
        account = await shop.replay(source="clickhouse", diff=True, **asked)
        compared = {name: (each.changed, each.added, each.gone) for name, each in account.tables.items()}
        assert set(compared.values()) == {(0, 0, 0)}, compared
        assert account.changed == account.voided == account.restored == 0
    assert shop.rows() == before


def _sessions_due(day: int) -> int:
    """Sessions that a morning's run removes: of the day that the limit passed, and who stayed from the one before."""
    gone = day - LIMIT
    return 0 if gone < 0 else 3 + (gone > 0)
