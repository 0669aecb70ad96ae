"""The `erasures` topic: following it into Erasures, and adding to it."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from stream.erasures import Erasure, Erasures, encode
from stream.follower import Follower


def erasures_follower(options: Mapping[str, Any], topic: str, erasures: Erasures, timeout: float) -> Follower:
    """Reads `erasures`; `timeout` in seconds."""
    return Follower(*(options, topic, erasures, timeout), what="erasures", mend="erase the visitors again")


async def add_erasures(producer: AIOKafkaProducer, topic: str, erasures: Iterable[Erasure]) -> int:
    """Write them, each acknowledged by itself; returns the version that has them all, 0 for none.

    One by one: the embedded broker's end offset would otherwise hide the last ones from who reads it whole.
    """
    version = 0
    for each in erasures:
        version = int((await producer.send_and_wait(topic, encode(each), partition=0)).offset) + 1
    return version
