"""A new embedded broker gets records at the offsets that they had, and holes where they are not needed."""

from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition

from deploy.local.filler import MOST_OFFSETS
from deploy.local.refill import NOTHING, TopicRefill
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings
from ingest.events import LIVE_CLOCK, Tick, decode
from storage.replay.stored_log import StoredRecord
from stream.kafka.clients import KafkaClients
from tests.support.services import Broker


@pytest.fixture
async def kafka(embedded_kafka: Broker) -> KafkaSettings:
    settings = embedded_kafka.settings(partitions=1)
    await topics.ensure(kafka_clients(settings), topics.wanted(settings))
    return settings


@pytest.fixture
def clients(kafka: KafkaSettings) -> KafkaClients:
    return kafka_clients(kafka)


def stored(first: int, count: int) -> list[StoredRecord]:
    return [StoredRecord(first + at, 5_000 + at, b"site/s", b"%d" % (first + at)) for at in range(count)]


async def read(clients: KafkaClients, topic: str, start: int, count: int) -> Sequence[tuple[int, int, bytes]]:
    place, found = TopicPartition(topic, 0), list[tuple[int, int, bytes]]()
    async with clients.consuming() as consumer:
        consumer.assign([place])
        consumer.seek(place, start)
        while len(found) < count:
            for record in (await consumer.getmany(place, timeout_ms=500)).get(place, []):
                found.append((record.offset, record.timestamp, record.value))
    return found


def rows(records: list[StoredRecord]) -> list[tuple[int, int, bytes | None]]:
    return [(record.offset, record.timestamp, record.value) for record in records]


@pytest.mark.parametrize("first", [0, 1, 70_000, MOST_OFFSETS, 5 * MOST_OFFSETS + 3])
async def test_records_stand_where_they_stood(kafka: KafkaSettings, clients: KafkaClients, first: int) -> None:
    records = stored(first, 3_000)
    async with clients.producing(linger_ms=0) as producer:
        refill = TopicRefill(producer, kafka.events_topic, 0)
        await refill.pass_to(first, 0, NOTHING)
        await refill.add(records)
        sent = await producer.send_and_wait(kafka.events_topic, b"next", partition=0)
    assert (refill.next, sent.offset) == (first + 3_000, first + 3_000)
    assert (await read(clients, kafka.events_topic, first, 3_001))[:-1] == rows(records)
    if first > 1:
        # Who reads from within the hole gets what follows it.
        assert (await read(clients, kafka.events_topic, first - 1, 1))[0][0] == first


async def test_controls_that_change_nothing_have_offsets_of_their_own(
    kafka: KafkaSettings, clients: KafkaClients
) -> None:
    async with clients.producing(linger_ms=0) as producer:
        refill = TopicRefill(producer, kafka.events_topic, 0)
        await refill.add_nothing(6_000, 7)
    found = await read(clients, kafka.events_topic, 0, 6_000)
    assert [offset for offset, *_ in found] == list(range(6_000))
    assert {decode(None, value) for *_, value in found} == {Tick(LIVE_CLOCK, 0)}


async def test_a_topic_can_end_where_it_ended(kafka: KafkaSettings, clients: KafkaClients) -> None:
    async with clients.producing(linger_ms=0) as producer:
        await TopicRefill(producer, kafka.scored_topic, 0).end_at(1_048_576)
        sent = await producer.send_and_wait(kafka.scored_topic, b"next", partition=0)
    assert sent.offset == 1_048_576
    assert (await read(clients, kafka.scored_topic, 1_048_575, 2))[0] == (1_048_575, 0, b"")
