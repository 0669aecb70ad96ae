"""The log as a replay reads it from a broker."""

import pytest

from deploy.log import topics
from deploy.log.client_options import kafka_clients
from stream.kafka.source import Bounds, KafkaSource
from tests.support.services import Broker


@pytest.mark.parametrize(
    ("offset", "end", "read"),
    [
        pytest.param(0, 3, [0, 1, 2], id="all"),
        pytest.param(1, 2, [1], id="some of the middle"),
        pytest.param(3, 3, [], id="nothing: workers have closed everything up to the end"),
    ],
)
async def test_the_records_of_a_range(broker: Broker, offset: int, end: int, read: list[int]) -> None:
    kafka = broker.settings()
    clients = kafka_clients(kafka)
    await topics.ensure(clients, topics.wanted(kafka))
    async with clients.producing() as producer:
        for number in range(3):
            await producer.send_and_wait(kafka.events_topic, key=b"k", value=b"%d" % number, partition=0)
    source = KafkaSource(clients, kafka.events_topic)
    assert await source.bounds(0) == Bounds(0, 3)
    assert [record.offset async for piece in source.read(0, offset, end) for record in piece] == read
