"""What the databases say of a log whose broker is gone: it goes on behind all that they name, whole again."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from deploy.local.log_folder import PartitionCheckpoint
from deploy.local.log_image import UNSEEN, LostLogError, PartitionImage, log_image, stored_tail
from deploy.settings.model import Settings
from deploy.wiring.storage import DatabaseHandles, databases
from ingest.events import Tick, encode, key_of
from ingest.partition import partition_of
from storage.replay.stored_log import StoredLog
from storage.write.block import Block, TopicRecord, WrittenPosition, read
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.fold.mark import Mark, encode_mark
from tests.support.events import event
from tests.support.scored import scored
from tests.support.sinks import block

LOG = "log-a"


def record(offset: int, control: bool = False) -> TopicRecord:
    said = Tick("live", 5) if control else event(offset)
    key = None if isinstance(said, Tick) else key_of(said.site, said.session_id)
    return read("events", partition=0, offset=offset, timestamp=1_000 + offset, key=key, value=encode(said))


@contextlib.asynccontextmanager
async def stored(folder: Path, offsets: Iterable[int], controls: Iterable[int] = ()) -> AsyncIterator[DatabaseHandles]:
    """Databases with these offsets of partition 0 in ClickHouse, `controls` among them."""
    async with databases(Settings(profile="embedded", data_dir=folder)) as opened:
        AnalyticsSink(opened.client).write(
            Block(LOG, events=tuple(record(offset, offset in set(controls)) for offset in offsets))
        )
        yield opened


def image(opened: DatabaseHandles, known: PartitionCheckpoint | None = None, partitions: int = 1) -> PartitionImage:
    checkpoint = {} if known is None else {0: known}
    return log_image(opened.engine, opened.client, LOG, partitions, checkpoint)[0]


def mark(offset: int) -> str:
    return encode_mark(Mark(offset, {"live": 7}))


async def test_without_a_checkpoint_all_is_folded_and_published_again(tmp_path: Path) -> None:
    async with stored(tmp_path, range(10), controls=[9]) as opened:
        found = image(opened)
    assert (found.first, found.next, found.end, found.published, found.mark) == (0, 10, 10, 0, "")
    assert (found.key, found.value) == (record(8).key, record(8).raw)


@pytest.mark.parametrize(
    ("at", "published", "first"),
    [
        pytest.param(3, 8, 3, id="from the mark"),
        pytest.param(8, 8, 7, id="a record before what is published, by which recovery knows that it has come so far"),
    ],
)
async def test_a_checkpoint_names_the_first_record(tmp_path: Path, at: int, published: int, first: int) -> None:
    async with stored(tmp_path, range(10)) as opened:
        found = image(opened, PartitionCheckpoint(9, 50, 4, published, mark(at)))
    assert (found.first, found.next, found.published, found.mark) == (first, 10, published, mark(at))
    assert (found.scored, found.dead) == (50 + UNSEEN, 4 + UNSEEN)


async def test_it_goes_on_behind_what_any_database_names(tmp_path: Path) -> None:
    async with stored(tmp_path, range(10)) as opened:
        ahead = block(scored(20), log=LOG)
        RelationalSink(opened.engine).write(ahead)
        assert image(opened).end == 21
        AnalyticsSink(opened.client).write(block(scored(30, closed=True), log=LOG))
        found = image(opened)
        assert (found.next, found.end) == (10, 31)
        # What comes again comes at another offset: nothing is left of this one.
        assert opened.client.query("SELECT offset FROM scored_sessions").result_rows == []
        # Of another log, or of another partition, nothing counts.
        RelationalSink(opened.engine).write(block(scored(90, session_id="other"), log="log-b"))
        assert image(opened).end == 21


async def test_rows_count_for_their_own_partition(tmp_path: Path) -> None:
    update = scored(20)
    number = partition_of(key_of(update.site, update.session_id), 4)
    async with stored(tmp_path, range(10)) as opened:
        RelationalSink(opened.engine).write(block(update, log=LOG))
        images = log_image(opened.engine, opened.client, LOG, 4, {})
    assert {each.partition: each.end for each in images} == {0: 10, 1: 0, 2: 0, 3: 0} | {number: 21}


async def test_positions_of_the_relational_database_are_passed(tmp_path: Path) -> None:
    async with stored(tmp_path, range(3)) as opened:
        RelationalSink(opened.engine).write(Block(LOG, positions=(WrittenPosition("scored", 0, 77, 1),)))
        assert image(opened, PartitionCheckpoint(2, 50, 0)).scored == 77 + UNSEEN


async def test_what_power_loss_tore_out_is_filled_and_comes_again_from_the_spool(tmp_path: Path) -> None:
    async with stored(tmp_path, [*range(6), 8, 9, 12]) as opened:
        found = image(opened, PartitionCheckpoint(4, 0, 0, 4, mark(0)))
        log = StoredLog(opened.client, LOG)
        assert await log.bounds(0) == (0, 13)
        records = [each async for some in log.read(0, 0, 13) for each in some]
    assert [each.offset for each in records if each.key is None] == [6, 7, 10, 11]
    assert (found.next, found.key, found.value) == (13, record(5).key, record(5).raw)


async def test_databases_that_lost_the_log_are_refused(tmp_path: Path) -> None:
    async with stored(tmp_path, range(4)) as opened:
        with pytest.raises(LostLogError, match="has partition 0 of the log log-a up to 4, and had it up to 9"):
            image(opened, PartitionCheckpoint(9))


async def test_the_tail_is_the_last_record_of_ingest(tmp_path: Path) -> None:
    async with stored(tmp_path, range(5), controls=[3, 4]) as opened:
        assert stored_tail(opened.client, LOG, 0) == (record(2).key, record(2).raw)
        assert stored_tail(opened.client, LOG, 1) == (b"", b"")
