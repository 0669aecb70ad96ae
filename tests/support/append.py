"""Puts events and controls straight into the log of a running system, as the ingest API could have at any time."""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from deploy.log.client_options import client_options
from deploy.settings.model import KafkaSettings
from ingest.events import Control, Event
from tests.support.log import log_of
from tests.support.replays import placed


async def append(kafka: KafkaSettings, records: Sequence[Event | Control]) -> None:
    """Append these, acknowledged. They may have been received hours ago.

    One batch for each partition: between two, a worker could find sessions of hours ago overdue and move the clock to
    today, and the rest of them would be late.
    """
    async with AIOKafkaProducer(**client_options(kafka), acks="all") as producer:
        for number, part in enumerate(placed(records, kafka.partitions)):
            batch = producer.create_batch()
            for record in log_of(part):
                assert batch.append(key=record.key, value=record.value, timestamp=None) is not None
            if part:
                await (await producer.send_batch(batch, kafka.events_topic, partition=number))
