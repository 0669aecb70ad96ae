"""The `erasures` topic: following it into Erasures, and adding to it."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from stream.fold.erasures import ErasureRecord, Erasures, encode
from stream.kafka.clients import KafkaClients
from stream.kafka.topic_follower import TopicFollower


def erasures_follower(clients: KafkaClients, topic: str, erasures: Erasures, timeout: float) -> TopicFollower:
    """Reads `erasures`; `timeout` in seconds."""
    return TopicFollower(*(clients, topic, erasures, timeout), what="erasures", remedy="erase the visitors again")


async def add_erasures(producer: AIOKafkaProducer, topic: str, erasures: Sequence[ErasureRecord]) -> int:
    """Write them, one at least, all acknowledged; returns the version that has them all.

    The last one goes by itself: the embedded broker counts its last batch as one record, and whoever reads the topic
    up to its end would miss the rest of it.
    """
    *others, last = map(encode, erasures)
    await asyncio.gather(*[await producer.send(topic, each, partition=0) for each in others])
    return int((await producer.send_and_wait(topic, last, partition=0)).offset) + 1
