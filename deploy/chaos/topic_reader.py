"""Everything that a topic holds, for whoever works out what must come of it."""

import asyncio

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings


async def read_topic(kafka: KafkaSettings, topic: str) -> list[ConsumerRecord]:
    """Everything that a topic of a real Kafka holds now; raises TimeoutError and KafkaError."""
    async with kafka_clients(kafka).consuming() as consumer:
        places = [TopicPartition(topic, number) for number in range(kafka.partitions)]
        consumer.assign(places)
        ends = {place: end for place, end in (await consumer.end_offsets(places)).items() if end}
        found: list[ConsumerRecord] = []
        await consumer.seek_to_beginning(*places)
        async with asyncio.timeout(120):
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500, max_records=20_000)).values():
                    found += records
        return found
