"""Builds the followers of the topics that a fold needs beside `events`: page statistics and erasures."""

import contextlib
from collections.abc import AsyncIterator

from deploy.settings.model import KafkaSettings
from stream.fold.erasures import Erasures
from stream.fold.pages import PageStatistics
from stream.kafka.clients import KafkaClients
from stream.kafka.erasures_topic import erasures_follower
from stream.kafka.pages_topic import pages_follower
from stream.kafka.topic_follower import TopicFollower
from stream.recovery import RequiredVersions

#: How long a topic may give nothing while something is waited for, in seconds.
PATIENCE = 30.0


class FollowedTopics:
    """What both topics say, kept up to date between `start` and `stop`."""

    def __init__(self, kafka: KafkaSettings, clients: KafkaClients, patience: float = PATIENCE) -> None:
        self.statistics = PageStatistics()
        self.erasures = Erasures()
        self._pages = pages_follower(clients, kafka.pages_topic, self.statistics, patience)
        self._erased = erasures_follower(clients, kafka.erasures_topic, self.erasures, patience)

    async def start(self) -> None:
        """Begin to follow; returns when all erasures are read, as a fold needs them from the beginning.

        Raises KafkaError and TopicMissingError.
        """
        await self._pages.start()
        await self._erased.start()
        await self._erased.caught_up()

    async def stop(self) -> None:
        await self._pages.stop()
        await self._erased.stop()

    async def reached(self, needed: RequiredVersions) -> None:
        """Return when these versions are read; raises TopicMissingError."""
        await self._pages.reached(needed.pages)
        await self._erased.reached(needed.erasures)


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
