"""The floor of a latency: a bare produce-to-consume pair on the same Kafka, under the same open loop.

One record for each event, as large as the event's own, on topics of its own. Nothing is decoded, folded, scored or
stored: what a record takes here, Kafka, its client and this machine take. The path of an event has two such pairs.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.bench.errors import BenchError
from deploy.bench.log import BenchLog
from ingest.events import Event, encode, key_of
from ingest.partition import partition_of
from stream.kafka.publish import KafkaRecordPublisher
from stream.publish import KeyedRecord

#: As large as the ingest API's batches may be.
BATCH_BYTES = 512 * 1024


async def bare_pair(log: BenchLog, traffic: Iterator[Event], rate: int, count: int, patience: float) -> list[float]:
    """Milliseconds from when each of `count` records was due until it could be read, in the order in which they were.

    `rate` is records a second, `patience` the seconds that the last may take; raises BenchError when one does not come.
    """
    kafka = log.settings.kafka
    lanes = [_Lane(number) for number in range(kafka.partitions)]
    async with (
        log.clients.consuming() as consumer,
        log.clients.producing(max_batch_size=BATCH_BYTES) as producer,
    ):
        places = [TopicPartition(kafka.events_topic, lane.partition) for lane in lanes]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)
        try:
            async with asyncio.timeout(count / rate + patience), asyncio.TaskGroup() as group:
                group.create_task(_read(consumer, lanes, count))
                senders = [group.create_task(lane.send(producer, kafka.events_topic)) for lane in lanes]
                await _offer(lanes, traffic, rate, count)
                for lane in lanes:
                    lane.end()
                await asyncio.wait(senders)
        except TimeoutError:
            back = sum(len(lane.readable) for lane in lanes)
            raise BenchError(f"of {count:,} bare records {back:,} came back: so there is no floor") from None
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
    timed = sorted((due, read) for lane in lanes for due, read in zip(lane.due, lane.readable, strict=True))
    return [(read - due) * 1000 for due, read in timed]


class _Lane:
    """One partition: a batch on its way, and behind it what waits for the next."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.due: list[float] = []
        self.readable: list[float] = []
        self._waiting: deque[KeyedRecord] = deque()
        self._given = asyncio.Event()
        self._ended = False

    def offer(self, key: bytes, value: bytes, due: float) -> None:
        self.due.append(due)
        self._waiting.append(KeyedRecord(self.partition, key, value))
        self._given.set()

    def end(self) -> None:
        self._ended = True
        self._given.set()

    async def send(self, producer: AIOKafkaProducer, topic: str) -> None:
        publisher = KafkaRecordPublisher(producer, 60)
        while self._waiting or not self._ended:
            await self._given.wait()
            self._given.clear()
            records, self._waiting = self._waiting, deque()
            if records:
                await publisher.publish(topic, records)


async def _offer(lanes: list[_Lane], traffic: Iterator[Event], rate: int, count: int) -> None:
    begin = time.monotonic() + 0.1
    for number in range(count):
        event = next(traffic)
        key, value = key_of(event.site, event.session_id), encode(event)
        due = begin + number / rate
        wait = due - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        lanes[partition_of(key, len(lanes))].offer(key, value, due)


async def _read(consumer: AIOKafkaConsumer, lanes: list[_Lane], count: int) -> None:
    left = count
    while left > 0:
        fetched = await consumer.getmany(timeout_ms=200)
        now = time.monotonic()
        for place, records in fetched.items():
            # In the order in which they were offered, as a partition keeps it.
            lanes[place.partition].readable += [now] * len(records)
            left -= len(records)
