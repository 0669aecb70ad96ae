"""Dead letters of reason `failed` as new events at the end of the log: `opecom topics retry-failed`.

How far it has come is committed to Kafka, so that no letter is published twice. Where its session has closed, such an
event is of a new session, or late; a replay folds it in its own place.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
from aiokafka import TopicPartition

from deploy.settings.model import Settings
from ingest.events import Event, UndecodableError, decode, encode, key_of
from ingest.partition import partition_of
from ingest.publish import Record
from stream.fold.log_time import clamp_to_append_time
from stream.fold.partition import LogRecord
from stream.kafka.clients import KafkaClients, with_timeout
from stream.kafka.source import KafkaSource
from stream.scored import NOT_WRITTEN, DeadLetter, decode_dead

#: What earlier workers say of an event of a clock that ran ahead, with the Kafka timestamp of its record.
_AHEAD = re.compile(r"received_at \d+ is ahead of the log's (\d+)")


async def retry_failed(settings: Settings, clients: KafkaClients) -> int:
    """Publish the events that were not published again yet; how many. Raises KafkaError and SourceError."""
    kafka, group = settings.kafka, f"{settings.worker.group}-retry"
    dead = KafkaSource(clients, kafka.dead_topic)
    places = [TopicPartition(kafka.dead_topic, number) for number in range(kafka.partitions)]
    published = 0
    async with clients.producing() as producer, clients.consuming(group_id=group) as consumer:
        consumer.assign(places)
        for place in places:
            start, end = await dead.bounds(place.partition)
            first = max(start, await with_timeout(consumer.committed(place)) or 0)
            async for letters in dead.read(place.partition, first, end):
                for key, value in events_of(letters):
                    partition = partition_of(key, kafka.partitions)
                    await with_timeout(producer.send_and_wait(kafka.events_topic, value, key=key, partition=partition))
                    published += 1
                await with_timeout(consumer.commit({place: letters[-1].offset + 1}))
    return published


def events_of(letters: Sequence[LogRecord]) -> Iterator[Record]:
    """The events among these dead letters that no session has taken because folding them failed."""
    for record in letters:
        try:
            letter = decode_dead(record.value or b"")
            event = decode(letter.key, letter.raw)
        except (msgspec.DecodeError, UndecodableError):
            continue
        unfolded = letter.reason == "failed" and not letter.detail.startswith(NOT_WRITTEN)
        if unfolded and letter.topic == "events" and isinstance(event, Event):
            yield key_of(event.site, event.session_id), encode(_in_log_time(event, letter))


def _in_log_time(event: Event, letter: DeadLetter) -> Event:
    ahead = _AHEAD.match(letter.detail)
    bounded = clamp_to_append_time(event, int(ahead[1])) if ahead else event
    return bounded if isinstance(bounded, Event) else event
