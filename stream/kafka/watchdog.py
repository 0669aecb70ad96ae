"""A watchdog with a thread and a client of its own: lag without progress ends the process.

A Kafka consumer can stall without a word (broker restart, rebalance), and so can an event loop; from inside both
look like an idle one.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Mapping
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition

from ingest.outage import KAFKA_AWAY
from stream.kafka.clients import KafkaClients, close, start, with_timeout

log = logging.getLogger(__name__)

#: The exit code of a failure of Kafka, the model or a database (sysexits.h EX_SOFTWARE).
EXIT_FAILURE = 70
LOOK_EVERY = 5.0


class PartitionProgress:
    """Decides, from positions and ends as they are seen, whether anything stands still. Times in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: dict[int, tuple[int, float]] = {}

    def stalled(self, positions: Mapping[int, int], ends: Mapping[int, int], now: float) -> int | None:
        """A partition that is behind its end and has not moved for `patience`; None where there is none."""
        for number in list(self._since):
            if number not in positions:
                del self._since[number]
        for number, position in positions.items():
            seen = self._since.get(number)
            if seen is None or seen[0] != position or position >= ends.get(number, 0):
                self._since[number] = (position, now)
            elif now - seen[1] > self._patience:
                return number
        return None


def watch(
    clients: KafkaClients,
    topic: str,
    positions: Callable[[], Mapping[int, int]],
    patience: float,
    lag: Callable[[int, int], None],
) -> Callable[[], None]:
    """Start watching; call what is returned to end it. `lag` is called with each partition and its lag in records."""
    done = threading.Event()
    thread = threading.Thread(
        target=lambda: asyncio.run(_watch(clients, topic, positions, PartitionProgress(patience), lag, done)),
        name="watchdog",
        daemon=True,
    )
    thread.start()

    def end() -> None:
        done.set()
        thread.join(LOOK_EVERY)

    return end


async def _watch(
    clients: KafkaClients,
    topic: str,
    positions: Callable[[], Mapping[int, int]],
    progress: PartitionProgress,
    lag: Callable[[int, int], None],
    done: threading.Event,
) -> None:
    consumer: AIOKafkaConsumer | None = None
    while not await asyncio.to_thread(done.wait, LOOK_EVERY):
        try:
            if consumer is None:
                consumer = await _started(clients)
            known = dict(positions())
            places = [TopicPartition(topic, number) for number in known]
            ends = (
                {place.partition: end for place, end in (await with_timeout(consumer.end_offsets(places))).items()}
                if places
                else {}
            )
        except Exception as error:
            log.warning("the watchdog cannot ask Kafka for the log's end: %s", error, extra=KAFKA_AWAY)
            continue
        for number, position in known.items():
            lag(number, max(0, ends[number] - position))
        stalled = progress.stalled(known, ends, monotonic())
        if stalled is not None:
            log.critical(
                "partition %d has records and makes no progress (OPECOM_WORKER__WATCHDOG_SECONDS): ending", stalled
            )
            os._exit(EXIT_FAILURE)
    if consumer is not None:
        await close(consumer)


async def _started(clients: KafkaClients) -> AIOKafkaConsumer:
    consumer = clients.consumer()
    try:
        await start(consumer)
    except BaseException:
        await close(consumer)
        raise
    return consumer
