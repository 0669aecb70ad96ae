"""The copy of a topic: whole records in order, whatever a crash left of the last ones."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.controls import put_erasures, put_pages
from deploy.log.topic_copy import CopiedRecord, CopyError, TopicCopy, copy_up_to
from stream.fold.erasures import Erasures, visitor_digest
from stream.fold.pages import PageRow, PageStatistics
from tests.support.services import Broker

RECORDS = [CopiedRecord(number, 1_000 + number, bytes([number]) * number) for number in range(5)]


async def add(path: Path, records: list[CopiedRecord]) -> int:
    async with TopicCopy(path).held() as copy:
        copy.add(records)
        return copy.next


async def test_what_is_added_comes_back_once(tmp_path: Path) -> None:
    assert await add(tmp_path / "t", RECORDS[:3]) == 3
    assert await add(tmp_path / "t", RECORDS) == 5
    assert TopicCopy(tmp_path / "t").records() == RECORDS


@given(kept=st.integers(0, 200), garbage=st.binary(max_size=40))
def test_a_torn_tail_is_cut(tmp_path_factory: pytest.TempPathFactory, kept: int, garbage: bytes) -> None:
    path = tmp_path_factory.mktemp("copy") / "t"
    asyncio.run(add(path, RECORDS))
    path.write_bytes(path.read_bytes()[:kept] + garbage)
    before = TopicCopy(path).records()
    assert before == RECORDS[: len(before)]
    asyncio.run(add(path, RECORDS))
    assert TopicCopy(path).records() == RECORDS


async def test_a_copy_that_cannot_be_written_is_a_line(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    with pytest.raises(CopyError, match=r"^cannot keep .*/t \(Is a directory\): make room"):
        await add(tmp_path / "t", RECORDS)


async def test_page_statistics_and_erasures_are_copied_before_they_are_announced(
    embedded_kafka: Broker, tmp_path: Path
) -> None:
    settings = embedded_kafka.settings(partitions=1).model_copy(update={"log_folder": tmp_path})
    clients = kafka_clients(settings)
    await topics.ensure(clients, topics.wanted(settings))
    rows = [PageRow("", "default", f"/{number}", 0.1, 0.2, 3.0) for number in range(30)]
    await put_pages(settings, rows[:10])
    version = await put_pages(settings, rows)
    await put_erasures(settings, [visitor_digest("default", "v1"), visitor_digest("default", "v2")], settled=True)

    statistics, erasures = PageStatistics(), Erasures()
    for known, topic in ((statistics, settings.pages_topic), (erasures, settings.erasures_topic)):
        copied = TopicCopy(tmp_path / topic).records()
        assert [record.offset for record in copied] == list(range(len(copied)))
        for record in copied:
            known.take(record.offset, record.value)
    assert statistics.version == version == 41
    assert statistics.rows(version).keys() == {("default", f"/{number}") for number in range(30)}
    assert len(erasures.digests) == 2
    await copy_up_to(clients, settings.pages_topic, version, tmp_path)
    assert len(TopicCopy(tmp_path / settings.pages_topic).records()) == 42
