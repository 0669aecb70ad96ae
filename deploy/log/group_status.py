"""How far workers and writer are: their committed offsets against the ends of the topics."""

import asyncio
from collections.abc import Mapping
from time import monotonic

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from deploy.settings.model import Settings
from ingest.outage import reason_of
from stream.kafka.clients import KafkaClients

#: Seconds between two looks, and seconds without a move after which nobody is waited for.
LOOK_EVERY, PATIENCE = 0.3, 15.0


class GroupStatus:
    """Asks the Kafka of these settings."""

    def __init__(self, settings: Settings, clients: KafkaClients) -> None:
        self._settings = settings
        self._clients = clients

    async def passed(self, cuts: Mapping[int, int]) -> str:
        """Wait until the workers have published, and the writer has stored, all up to these offsets of `events`.

        Returns an empty line, or one that says who did not move for PATIENCE: then waiting would not end.
        """
        kafka, storage = self._settings.kafka, self._settings.storage
        try:
            behind = await self._wait(self._settings.worker.group, {kafka.events_topic: _after(cuts)})
            if behind:
                return (
                    f"workers are {behind:,} records behind the end of the log and do not move: what they tell later "
                    "of what is replayed here is older, and stays out"
                )
            ends = {topic: await self._ends(topic) for topic in (kafka.scored_topic, kafka.dead_topic)}
            behind = await self._wait(storage.group, {kafka.events_topic: _after(cuts), **ends})
            if behind:
                return (
                    f"the writer is {behind:,} records behind and does not move: what it writes later of what is "
                    "replayed here is older, and stays out"
                )
        except (KafkaError, OSError, TimeoutError) as error:
            return f"Kafka does not say how far workers and writer are ({reason_of(error)})"
        return ""

    async def lagging(self, controls: Mapping[int, int], patience: float) -> tuple[int, ...]:
        """The partitions whose worker has not committed past these offsets of `events` within `patience` seconds.

        Raises KafkaError and OSError where Kafka does not say it in that time: it does not know the coordinator of a
        new group at once.
        """
        kafka, until = self._settings.kafka, monotonic() + patience
        while True:
            is_last = monotonic() >= until
            try:
                committed = await self._committed(self._settings.worker.group, kafka.events_topic)
            except (KafkaError, OSError):
                if is_last:
                    raise
            else:
                after = _after(controls)
                behind = tuple(number for number, end in sorted(after.items()) if committed.get(number, 0) < end)
                if not behind or is_last:
                    return behind
            await asyncio.sleep(LOOK_EVERY)

    async def _wait(self, group: str, wanted: Mapping[str, Mapping[int, int]]) -> int:
        """How many records the group lacks when it has stood still for PATIENCE; 0 as soon as it has all."""
        last, since = -1, monotonic()
        while True:
            committed = {topic: await self._committed(group, topic) for topic in wanted}
            lacking = sum(
                max(0, end - committed[topic].get(number, 0))
                for topic, ends in wanted.items()
                for number, end in ends.items()
            )
            if not lacking:
                return 0
            if lacking != last:
                last, since = lacking, monotonic()
            if monotonic() - since > PATIENCE:
                return lacking
            await asyncio.sleep(LOOK_EVERY)

    async def _committed(self, group: str, topic: str) -> dict[int, int]:
        found = await self._clients.committed(group, self._places(topic))
        return {place.partition: offset.offset for place, offset in found.items()}

    async def _ends(self, topic: str) -> dict[int, int]:
        return {place.partition: end for place, end in (await self._clients.ends(self._places(topic))).items()}

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._settings.kafka.partitions)]


def _after(cuts: Mapping[int, int]) -> dict[int, int]:
    return {number: cut + 1 for number, cut in cuts.items()}
