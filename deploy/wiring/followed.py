"""Builds the followers of the topics that a fold needs beside `events`: page statistics, erasures, experiments."""

from deploy.settings.model import Settings
from deploy.wiring.erasure_keys import erasure_keys
from deploy.wiring.followed_erasures import PATIENCE
from stream.experiments.history import Experiments
from stream.fold.erasures import Erasures
from stream.fold.pages import PageStatistics
from stream.kafka.clients import KafkaClients
from stream.kafka.erasures_topic import erasures_follower
from stream.kafka.experiments_topic import experiments_follower
from stream.kafka.pages_topic import pages_follower
from stream.required import RequiredVersions


class FollowedTopics:
    """What these topics say, kept up to date between `start` and `stop`."""

    def __init__(self, settings: Settings, clients: KafkaClients, patience: float = PATIENCE) -> None:
        kafka = settings.kafka
        self.statistics = PageStatistics()
        self.erasures = Erasures(keys=erasure_keys(settings))
        self.experiments = Experiments()
        self._pages = pages_follower(clients, kafka.pages_topic, self.statistics, patience)
        self._erased = erasures_follower(clients, kafka.erasures_topic, self.erasures, patience)
        self._experiments = experiments_follower(clients, kafka.experiments_topic, self.experiments, patience)

    async def start(self) -> None:
        """Begin to follow; returns when all erasures are read, as a fold needs them from the beginning.

        Raises KafkaError and TopicMissingError.
        """
        await self._pages.start()
        await self._experiments.start()
        await self._erased.start()
        await self._erased.caught_up()

    async def stop(self) -> None:
        await self._pages.stop()
        await self._experiments.stop()
        await self._erased.stop()

    async def wait_for_versions(self, required: RequiredVersions) -> None:
        """Return when these versions are read; raises TopicMissingError."""
        await self._pages.reached(required.pages)
        await self._erased.reached(required.erasures)
        await self._experiments.reached(required.experiments)
