"""How far behind each part is, by partition, on both brokers."""

import pytest
from aiokafka import TopicPartition

from deploy.doctor.lag import lag
from deploy.errors import AwayError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings, Settings
from tests.support.services import Broker


async def test_lag_is_what_a_group_has_not_committed_of_each_partition(broker: Broker) -> None:
    kafka = broker.settings(partitions=2)
    settings, clients = Settings(kafka=kafka), kafka_clients(kafka)
    await topics.ensure(clients, topics.wanted(kafka))
    async with clients.producing() as producer:
        for number in range(5):
            await producer.send_and_wait(kafka.events_topic, b"{}", partition=number % 2)
        await producer.send_and_wait(kafka.scored_topic, b"{}", partition=1)
    read = TopicPartition(kafka.events_topic, 0)
    async with clients.consuming(group_id=settings.worker.group) as consumer:
        consumer.assign([read])
        await consumer.commit({read: 2})
    found = {group.part: group for group in (await lag(settings)).groups}
    assert list(found) == ["worker", "store", "webhooks"]
    worker = [(each.partition, each.end, each.committed, each.behind) for each in found["worker"].partitions]
    assert worker == [(0, 3, 2, 1), (1, 2, None, 2)]
    assert (found["worker"].members, found["worker"].behind) == (0, 3)
    assert {(each.topic, each.behind) for each in found["webhooks"].partitions} == {
        (kafka.scored_topic, 0),
        (kafka.scored_topic, 1),
    }
    assert (found["store"].members, found["store"].behind, len(found["store"].partitions)) == (None, 6, 6)


async def test_a_kafka_that_is_away_is_one_line() -> None:
    settings = Settings(kafka=KafkaSettings(bootstrap="127.0.0.1:1", request_timeout_ms=1_000))
    with pytest.raises(AwayError, match=r"127.0.0.1:1 \(kafka.bootstrap\)"):
        await lag(settings)
