"""Controls reach every partition, and page statistics are whole before they are announced."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.log.controls import LogError, keep_erasures, put_erasures, put_pages, tick, write_control
from deploy.settings.model import KafkaSettings
from ingest.events import Erase, Tick, UseModel, UsePages, decode
from stream.fold.erasures import Erasures, visitor_digest
from stream.fold.pages import HeldPages, PageRow, PagesMarker, PageStatistics
from stream.fold.pages import decode as decode_page
from stream.kafka.erasures_topic import erasures_follower
from tests.support.ports import free_port
from tests.support.services import Broker


@pytest.fixture
async def kafka_settings(broker: Broker) -> KafkaSettings:
    settings = broker.settings(partitions=3)
    await topics.ensure(kafka_clients(settings), topics.wanted(settings))
    return settings


async def read(settings: KafkaSettings, topic: str, partitions: int, wanted: int) -> list[Any]:
    """All records of the topic, once there are `wanted` of them; their partition order within each partition."""
    consumer = AIOKafkaConsumer(**client_options(settings), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        found: list[Any] = []
        async with asyncio.timeout(90):
            while len(found) < wanted:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


async def test_control_reaches_every_partition_without_a_key(kafka_settings: KafkaSettings) -> None:
    await write_control(kafka_settings, UseModel("m1"))
    await tick(kafka_settings, "uci~r", 5)
    records = await read(kafka_settings, kafka_settings.events_topic, 3, 6)
    for partition in range(3):
        told = [decode(record.key, record.value) for record in records if record.partition == partition]
        assert told == [UseModel("m1"), Tick("uci~r", 5)]


async def test_pages_are_a_whole_version_named_by_their_marker(kafka_settings: KafkaSettings) -> None:
    rows = [PageRow("b", "uci~r", f"/p/{number}", 0.1, 0.2, float(number)) for number in range(6_000)]
    version = await put_pages(kafka_settings, rows)
    statistics = PageStatistics()
    for record in await read(kafka_settings, kafka_settings.pages_topic, 1, 6_001):
        statistics.read(record.offset, decode_page(record.value))
    assert statistics.version == version
    assert statistics.page("uci~r", "/p/17", None, version).page_value == 17.0
    announced = await read(kafka_settings, kafka_settings.events_topic, 3, 3)
    assert {record.partition for record in announced} == {0, 1, 2}
    assert [decode(record.key, record.value) for record in announced] == [UsePages(version)] * 3


async def test_a_version_names_what_is_held_and_that_it_is_pinned(kafka_settings: KafkaSettings) -> None:
    held = HeldPages("shop", "/cart", "bounce_rate", 0.31, 0.9995, 240, 4_240)
    given = PagesMarker("ignored", 9, pinned=True, at=5, held=(held,))
    version = await put_pages(kafka_settings, [PageRow("b", "other", "/a", 0.1, 0.2, 3.0, sessions=7)], given)
    row, marker = [decode_page(record.value) for record in await read(kafka_settings, kafka_settings.pages_topic, 1, 2)]
    assert marker == PagesMarker(row.batch, 1, pinned=True, at=5, held=(held,))
    announced = await read(kafka_settings, kafka_settings.events_topic, 3, 3)
    assert [decode(record.key, record.value) for record in announced] == [UsePages(version)] * 3


async def test_erasures_are_written_before_they_are_announced(kafka_settings: KafkaSettings) -> None:
    digests = [visitor_digest("default", f"v{number}") for number in range(3)]
    offsets = await put_erasures(kafka_settings, digests, settled=False)
    records = await read(kafka_settings, kafka_settings.events_topic, 3, 9)
    for partition in range(3):
        told = [record for record in records if record.partition == partition]
        assert [decode(each.key, each.value) for each in told] == [Erase(digest, 3) for digest in digests]
        assert told[-1].offset == offsets[partition]


async def test_whoever_begins_to_follow_knows_everybody_who_is_forgotten(kafka_settings: KafkaSettings) -> None:
    await put_erasures(kafka_settings, [visitor_digest("default", "v1")], settled=False)
    await keep_erasures(kafka_settings, [])
    await keep_erasures(kafka_settings, [(visitor_digest("default", f"many{number}"), "") for number in range(50)])
    erasures = Erasures()
    follower = erasures_follower(kafka_clients(kafka_settings), kafka_settings.erasures_topic, erasures, 20)
    try:
        await follower.start()
        await follower.caught_up()
        assert erasures.version == 51
        assert erasures.is_erased("default", "s1", "v1")
        assert not erasures.sessions_known("default", "s1", "v1")
        assert erasures.sessions_known("default", "s1", "many49")
        await put_erasures(kafka_settings, [visitor_digest("default", "v1")], settled=True)
        await follower.reached(52)
        assert erasures.sessions_known("default", "s1", "v1")
    finally:
        await follower.stop()


async def test_topic_with_other_partitions_is_named(kafka_settings: KafkaSettings) -> None:
    other = kafka_settings.model_copy(update={"partitions": 5})
    with pytest.raises(LogError, match=r"has 3 partitions, kafka.partitions says 5"):
        await tick(other, "live", 1)


async def test_broker_that_is_away_is_named() -> None:
    settings = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}", request_timeout_ms=1_000)
    with pytest.raises(LogError, match=r"kafka.bootstrap"):
        await tick(settings, "live", 1)
