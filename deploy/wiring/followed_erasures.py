"""Builds the follower of the topic of erasures, for parts that fold nothing but must not keep who is forgotten."""

import contextlib
from collections.abc import AsyncIterator

from deploy.settings.model import KafkaSettings
from stream.fold.erasures import Erasures
from stream.kafka.clients import KafkaClients
from stream.kafka.erasures_topic import erasures_follower
from stream.kafka.topic_follower import TopicFollower

#: How long a topic may give nothing while something is waited for, in seconds.
PATIENCE = 30.0


@contextlib.asynccontextmanager
async def following_erasures(
    kafka: KafkaSettings, clients: KafkaClients, erasures: Erasures
) -> AsyncIterator[TopicFollower]:
    """Follows the topic of erasures alone, all of which are known when this is entered; raises as `start` does."""
    follower = erasures_follower(clients, kafka.erasures_topic, erasures, PATIENCE)
    try:
        await follower.start()
        await follower.caught_up()
        yield follower
    finally:
        await follower.stop()
