"""Which interventions are stopped, as the topic `experiments` says at the moment of asking: for parts that deliver.

What has fired may wait long to be delivered, so whoever delivers asks here right before it does.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from ingest.outage import reason_of
from stream.errors import StreamError
from stream.experiments.history import Experiments
from stream.kafka.clients import KafkaClients
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.experiments_topic import experiments_follower
from stream.kafka.topic_follower import TopicFollower

log = logging.getLogger(__name__)

#: Seconds that a look at the topic may take. One that takes longer finds what was known before: a stop that Kafka took
#: meanwhile is seen once Kafka answers again.
LOOK_SECONDS = 2.0
#: Seconds in which the topic must be read when it is asked for first, or again after a failure.
START_SECONDS = 30.0


class StoppedInterventions:
    """Follows the topic from the first `names` on, until `close`. Those who ask at once share a look."""

    def __init__(self, clients: KafkaClients, topic: str) -> None:
        self._clients = clients
        self._topic = topic
        self._experiments = Experiments()
        self._follower: TopicFollower | None = None
        self._known: frozenset[str] | None = None
        self._running: asyncio.Task[frozenset[str]] | None = None
        self._next: asyncio.Task[frozenset[str]] | None = None

    async def names(self) -> frozenset[str]:
        """The names of those whose stop the topic had at the call; raises KafkaUnavailableError while nothing is known.

        Where Kafka does not answer, those that were known before.
        """
        # A look that runs already may have begun before a stop that the caller knows of.
        if self._next is None:
            self._next = asyncio.create_task(self._look_after(self._running))
        return await asyncio.shield(self._next)

    async def close(self) -> None:
        for task in (self._running, self._next):
            if task is not None and not task.done():
                task.cancel()
                await asyncio.wait({task})
        await self._stop()

    async def _look_after(self, running: "asyncio.Task[frozenset[str]] | None") -> frozenset[str]:
        if running is not None and not running.done():
            await asyncio.wait({running})
        self._running, self._next = self._next, None
        try:
            if self._follower is None:
                async with asyncio.timeout(START_SECONDS):
                    await self._start()
            else:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._follower.caught_up()
        except (KafkaError, OSError, TimeoutError, StreamError) as error:
            if not isinstance(error, TimeoutError):
                await self._stop()
            if self._known is None:
                raise KafkaUnavailableError(
                    f"Kafka does not say which interventions are stopped ({reason_of(error)}): see kafka.bootstrap"
                ) from error
            log.warning("Kafka does not say which interventions are stopped now: %s", reason_of(error))
            return self._known
        stopped = (each.name for each in self._experiments.interventions() if each.status == "stopped")
        self._known = frozenset(stopped)
        return self._known

    async def _start(self) -> None:
        experiments = Experiments()
        follower = experiments_follower(self._clients, self._topic, experiments, START_SECONDS)
        try:
            await follower.start()
            await follower.caught_up()
        except BaseException:
            await follower.stop()
            raise
        self._experiments, self._follower = experiments, follower

    async def _stop(self) -> None:
        follower, self._follower = self._follower, None
        if follower is not None:
            await follower.stop()


@asynccontextmanager
async def stopped_interventions(clients: KafkaClients, topic: str) -> AsyncIterator[StoppedInterventions]:
    """Known when this is entered, and followed until it is left; raises KafkaUnavailableError."""
    made = StoppedInterventions(clients, topic)
    try:
        await made.names()
        yield made
    finally:
        await made.close()
