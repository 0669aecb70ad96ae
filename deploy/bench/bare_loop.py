"""A baseline: the worker's step in a plain aiokafka loop, without Faust, recovery, marks and metrics.

`python -m deploy.bench.bare_loop` runs it with the settings in force until it is ended.
"""

import asyncio
from itertools import chain
from time import monotonic

from deploy.log.client_options import kafka_clients
from deploy.log.topics import log_id
from deploy.settings.model import Settings, load
from deploy.wiring.calendars import calendars
from deploy.wiring.folding import collect_rarely, scored_producer
from deploy.wiring.followed import FollowedTopics
from deploy.wiring.models import models
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.kafka.publish import KafkaRecordPublisher
from stream.publish import KeyedRecord
from stream.required import required_versions
from stream.scored import encode
from stream.step import fold, score

#: The line that it prints when it has its partitions.
READY = "ready"


async def loop(settings: Settings) -> None:
    """Fetch, fold, score, publish, await; commit once a second."""
    collect_rarely()
    kafka = settings.kafka
    clients = kafka_clients(kafka)
    followed = FollowedTopics(settings, clients, 60)
    producer = scored_producer(clients)
    consumer = clients.consumer(
        kafka.events_topic,
        group_id=settings.worker.group,
        fetch_max_wait_ms=kafka.fetch_wait_ms,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    model = models(settings.scoring)
    log_name, known = await log_id(clients), calendars(settings)
    for client in (producer, followed, consumer):
        await client.start()
    records = KafkaRecordPublisher(producer, 60)
    while not consumer.assignment():  # noqa: ASYNC110 - aiokafka has no event for it
        await asyncio.sleep(0.05)
    partitions = {
        place.partition: Partition(
            log_name, place.partition, known, followed.statistics, Mark(0, {}), followed.erasures, followed.experiments
        )
        for place in consumer.assignment()
    }
    print(READY, flush=True)
    commit_at = monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=500, max_records=settings.worker.round_records)
        batches = {place.partition: batch for place, batch in fetched.items()}
        await followed.wait_for_versions(required_versions(chain.from_iterable(batches.values())))
        folded = fold(partitions, batches).folded
        for ready in score(folded.updates, model):
            keyed = [KeyedRecord(update.partition, update.key, encode(update.record)) for update in ready]
            await records.publish(kafka.scored_topic, keyed)
        if monotonic() >= commit_at:
            await consumer.commit()
            commit_at = monotonic() + 1


if __name__ == "__main__":
    asyncio.run(loop(load()))
