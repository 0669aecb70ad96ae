"""Dead letters of reason `failed` as new events at the end of the log: `opecom topics retry-failed`.

How far it has come is committed to Kafka, so that no letter is published twice; what the console has sent again is left
out, and what is published here is noted where the console looks. Where its session has closed, such an event is of a
new session, or late; a replay folds it in its own place.
"""

import re
from collections.abc import Iterator, Sequence

import msgspec
from aiokafka import TopicPartition

from deploy.settings.model import Settings
from ingest.endpoints import now_ms
from ingest.events import Event, UndecodableError, decode, encode, key_of
from ingest.partition import partition_of
from storage.database.threads import in_thread
from storage.dead_letters.answers import ResentLetter
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.place import LetterPlace
from stream.fold.log_time import clamp_to_append_time
from stream.fold.partition import LogRecord
from stream.kafka.clients import KafkaClients, with_timeout
from stream.kafka.source import KafkaSource
from stream.scored import NOT_WRITTEN, DeadLetter, decode_dead

#: What earlier workers say of an event of a clock that ran ahead, with the Kafka timestamp of its record.
_AHEAD = re.compile(r"received_at \d+ is ahead of the log's (\d+)")


async def retry_failed(settings: Settings, clients: KafkaClients, ledger: ResentLedger, who: str) -> int:
    """Publish the events that were not sent again yet, for `who`; how many.

    Raises KafkaError, SourceError and DatabaseUnavailableError. Of each letter: 1 claim it, or leave it to whoever
    has · 2 publish it · 3 note that · 4 commit. A crash before 3 publishes it again, with the same event_id.
    """
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
                for letter, event in events_of(letters):
                    claimed = await in_thread(ledger.claim, _resent(letter, event, who))
                    if claimed.state != "publishing":
                        continue
                    key, value = key_of(event.site, event.session_id), encode(event)
                    partition = partition_of(key, kafka.partitions)
                    await with_timeout(producer.send_and_wait(kafka.events_topic, value, key=key, partition=partition))
                    await in_thread(ledger.mark_sent, claimed, event.event_id, now_ms())
                    published += 1
                await with_timeout(consumer.commit({place: letters[-1].offset + 1}))
    return published


def events_of(letters: Sequence[LogRecord]) -> Iterator[tuple[DeadLetter, Event]]:
    """The events among these dead letters that no session has taken because folding them failed."""
    for record in letters:
        try:
            letter = decode_dead(record.value or b"")
            event = decode(letter.key, letter.raw)
        except (msgspec.DecodeError, UndecodableError):
            continue
        unfolded = letter.reason == "failed" and not letter.detail.startswith(NOT_WRITTEN)
        if unfolded and letter.topic == "events" and isinstance(event, Event):
            yield letter, _in_log_time(event, letter)


def _resent(letter: DeadLetter, event: Event, who: str) -> ResentLetter:
    """What the console shows of it: published by this command as it is."""
    return ResentLetter(
        letter=str(LetterPlace(letter.log, letter.topic, letter.partition, letter.offset)),
        state="publishing",
        event_id=event.event_id,
        site=event.site,
        session_id=event.session_id,
        visitor_id=event.visitor_id,
        event=msgspec.Raw(encode(event)),
        sent_by=who,
        claimed_at=now_ms(),
        sent_at=0,
    )


def _in_log_time(event: Event, letter: DeadLetter) -> Event:
    ahead = _AHEAD.match(letter.detail)
    bounded = clamp_to_append_time(event, int(ahead[1])) if ahead else event
    return bounded if isinstance(bounded, Event) else event
