"""The `page-stats` topic: following it into PageStatistics, and adding a version to it."""

import asyncio
from collections.abc import Iterable
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaProducer

from stream.fold.pages import BY_HAND, PagesMarker, PageStatistics, Row, encode, place_of
from stream.kafka.clients import KafkaClients
from stream.kafka.topic_follower import TopicFollower


def pages_follower(
    clients: KafkaClients, topic: str, statistics: PageStatistics, timeout: float, start: int = 0
) -> TopicFollower:
    """Reads `page-stats` into `statistics`, which has what stands before offset `start`; `timeout` in seconds."""
    return TopicFollower(
        *(clients, topic, statistics, timeout),
        what="page statistics",
        remedy="import or refresh the statistics again",
        start=start,
    )


class PagesReader:
    """Reads `page-stats` up to its end whenever it is asked to, from where it read last."""

    def __init__(self, clients: KafkaClients, topic: str, timeout: float) -> None:
        self.statistics = PageStatistics()
        self._clients, self._topic, self._timeout = clients, topic, timeout
        self._next = 0

    async def caught_up(self) -> None:
        """Raises TopicMissingError, where the topic was created again or gives nothing, and KafkaError."""
        follower = pages_follower(self._clients, self._topic, self.statistics, self._timeout, self._next)
        try:
            await follower.start()
            await follower.caught_up()
        finally:
            await follower.stop()
            self._next = follower.next


async def add_version(
    producer: AIOKafkaProducer, topic: str, rows: Iterable[Row], marker: PagesMarker = BY_HAND
) -> int:
    """Write rows and their marker, all acknowledged; returns the new version. Batch names of the rows are replaced, and
    what the marker says of them."""
    batch = uuid4().hex
    written = {place_of(row): msgspec.structs.replace(row, batch=batch) for row in rows}
    pending = []
    for row in written.values():
        pending.append(await producer.send(topic, encode(row), partition=0))
        if len(pending) >= 5_000:
            await asyncio.gather(*pending)
            pending = []
    await asyncio.gather(*pending)
    ends = msgspec.structs.replace(marker, batch=batch, rows=len(written))
    sent = await producer.send_and_wait(topic, encode(ends), partition=0)
    return int(sent.offset)
