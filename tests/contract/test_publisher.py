"""What every publisher does: on a list, on the embedded broker and Apache Kafka, by a spool to either."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ingest.partition import partition_of
from ingest.publish import LogUnavailableError, Publisher, Record
from tests.support.publishers import PARTITIONS, ListLog, Log, kafka_log, spooled_log


@pytest.fixture(
    params=[
        "list",
        "embedded_kafka",
        pytest.param("kafka", marks=pytest.mark.kafka),
        "spool to embedded_kafka",
        pytest.param("spool to kafka", marks=pytest.mark.kafka),
    ]
)
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Log]:
    if request.param == "list":
        yield ListLog()
        return
    broker = request.param.removeprefix("spool to ")
    kafka = request.getfixturevalue(broker).settings(partitions=PARTITIONS)
    async with kafka_log(kafka) if broker == request.param else spooled_log(kafka, tmp_path) as made:
        yield made


def records(count: int, start: int = 0) -> list[Record]:
    return [(f"shop/s{number % 7}".encode(), str(number).encode()) for number in range(start, start + count)]


async def test_what_is_published_is_in_the_log_when_the_call_returns(log: Log) -> None:
    await log.publisher.publish(records(50))
    held = await log.read(50)
    assert sorted(record for partition in held for record in partition) == sorted(records(50))


async def test_a_key_has_one_partition_the_one_that_all_clients_compute(log: Log) -> None:
    await log.publisher.publish(records(50))
    for number, partition in enumerate(await log.read(50)):
        assert {partition_of(key, PARTITIONS) for key, _ in partition} <= {number}


async def test_records_of_a_key_keep_their_order(log: Log) -> None:
    for start in (0, 30, 60):
        await log.publisher.publish(records(30, start))
    for partition in await log.read(90):
        for key in {key for key, _ in partition}:
            values = [int(value) for other, value in partition if other == key]
            assert values == sorted(values)


async def test_many_at_once_are_all_there(log: Log) -> None:
    await asyncio.gather(*[log.publisher.publish(records(5, 5 * call)) for call in range(200)])
    held = await log.read(1_000)
    assert sorted(int(value) for partition in held for _, value in partition) == list(range(1_000))


async def test_more_than_one_batch_holds(log: Log) -> None:
    large = [(b"shop/s1", bytes([number]) * 100_000) for number in range(12)]
    await log.publisher.publish(large)
    held = await log.read(12)
    assert [value[0] for _, value in held[partition_of(b"shop/s1", PARTITIONS)]] == list(range(12))


async def test_what_others_write_to_the_log_is_behind_what_is_published_in_it(log: Log) -> None:
    await asyncio.gather(*[log.publisher.publish(records(5, 5 * call), in_log=True) for call in range(100)])
    behind = await log.write_behind()
    held = await log.read(500 + len(behind))
    assert {number: len(held[number]) - 1 for number in behind} == behind


async def test_nothing_is_published_as_nothing(log: Log) -> None:
    await log.publisher.publish([])
    await log.publisher.check()
    assert await log.read(0) == [[]] * PARTITIONS


async def test_what_is_on_its_way_arrives_before_the_end_and_nothing_after_it(log: Log) -> None:
    on_its_way = [asyncio.create_task(log.publisher.publish(records(10, 10 * call))) for call in range(5)]
    await asyncio.sleep(0)
    await log.publisher.stop()
    await asyncio.gather(*on_its_way)
    await _refuses(log.publisher)
    assert sum(map(len, await log.read(50))) == 50
    await log.publisher.stop()


async def _refuses(publisher: Publisher) -> None:
    with pytest.raises(LogUnavailableError) as away:
        await publisher.publish(records(1))
    assert away.value.retry_after > 0
    with pytest.raises(LogUnavailableError):
        await publisher.check()
