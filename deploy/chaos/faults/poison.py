"""Records that nobody can read, in all the topics that parts read."""

import asyncio

from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings

VALUES = (b"\xff", b"", b"{}", b"null", b"[" * 2_000, b'{"control":"tick"}', b"x" * 100_000)
KEYS = (b"default/poison", None, b"\xff\xfe", b"")


def _poison(context: FaultContext) -> float:
    kafka, chance = context.installation.direct.kafka, context.chance
    records = [(chance.choice(KEYS), chance.choice(VALUES), chance.randrange(kafka.partitions)) for _ in range(12)]
    asyncio.run(_put(kafka, records))
    return now()


async def _put(kafka: KafkaSettings, records: list[tuple[bytes | None, bytes, int]]) -> None:
    async with kafka_clients(kafka).producing() as producer:
        for key, value, partition in records:
            for topic in (kafka.events_topic, kafka.scored_topic, kafka.dead_topic):
                await producer.send_and_wait(topic, value, key=key, partition=partition)


POISON = {"poison records": FaultKind(_poison)}
