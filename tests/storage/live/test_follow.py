"""Followers of the scored topic, on both brokers."""

import asyncio

import pytest

from deploy.log import topics
from deploy.log.client_options import kafka_clients
from storage.live.subscribe import ScoredConsumer, UpdateFilter, follow
from stream.scored import encode
from tests.support.scored import scored
from tests.support.services import Broker


async def hears(follower: ScoredConsumer, session_id: str) -> bool:
    """Whether an update of this session comes to it in time."""
    async with asyncio.timeout(30):
        while True:
            if any(found.update.session_id == session_id for found in await follower.more(0.5)):
                return True


@pytest.mark.parametrize("records_before", [1, 600], ids=["small-batches", "a-batch-larger-than-a-fetch"])
async def test_a_new_follower_hears_what_comes_at_once(broker: Broker, records_before: int) -> None:
    settings = broker.settings()
    clients = kafka_clients(settings)
    await topics.ensure(clients, topics.wanted(settings))
    before = encode(scored(1, session_id="before"))
    async with clients.producing(max_batch_size=1 << 20) as producer:
        for turn in range(12):
            partition = turn % settings.partitions
            batch = producer.create_batch()
            for _ in range(records_before):
                assert batch.append(key=b"shop/before", value=before, timestamp=None)
            await (await producer.send_batch(batch, settings.scored_topic, partition=partition))
            async with follow(clients, settings.scored_topic, "log", UpdateFilter(), "end") as follower:
                name = f"turn-{turn}"
                value = encode(scored(2, session_id=name))
                await producer.send_and_wait(settings.scored_topic, value, b"shop/now", partition=partition)
                assert await hears(follower, name)
