"""What is put straight onto the log before a run: sessions of an hour ago, so that some close all the time, and open
ones."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import uuid_utils

from deploy.chaos.ledger import LedgerFile
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings
from ingest.events import Event, Page, encode, key_of
from ingest.partition import partition_of
from stream.fold.clock import IDLE

#: Events of each session, and the ms between two of them.
EVENTS, STEP_MS = 3, 5_000
#: Sessions that are due to close in each second of the run.
CLOSINGS_PER_SECOND = 1.0
#: Seconds before the run in which the first of them were due.
BEFORE = 30.0


def past_sessions(now_ms: int, seconds: float, site: str) -> Iterator[Event]:
    """Their events in order; the sessions are due to close from BEFORE seconds before `now_ms` to `seconds` after.

    No event is of a time to come: so the last is due before IDLE is over, when sessions of the run close themselves.
    """
    count = int((BEFORE + min(seconds, IDLE / 1000 - 2 * BEFORE)) * CLOSINGS_PER_SECOND)
    made: list[tuple[int, int]] = []
    for number in range(count):
        last = now_ms - IDLE + round((number / CLOSINGS_PER_SECOND - BEFORE) * 1000)
        made += [(last - STEP_MS * (EVENTS - 1 - step), number) for step in range(EVENTS)]
    for at, number in sorted(made):
        yield Event(
            event_id=str(uuid_utils.uuid7()),
            site=site,
            session_id=str(UUID(int=number + 1)),
            visitor_id=f"past-{number}",
            type="page_view",
            occurred_at=at,
            received_at=at,
            page=Page(f"/past/{number % 10}", "ProductRelated"),
        )


def open_sessions(now_ms: int, sessions: Sequence[str], site: str) -> Iterator[Event]:
    """A page view of now in each of these sessions, of the visitor `v` and its place."""
    for number, session in enumerate(sessions):
        yield Event(
            event_id=str(uuid_utils.uuid7()),
            site=site,
            session_id=session,
            visitor_id=f"v{number}",
            type="page_view",
            occurred_at=now_ms,
            received_at=now_ms,
            page=Page(f"/p/{number % 1_000}", "ProductRelated"),
        )


async def put_history(
    kafka: KafkaSettings, seconds: float, site: str, ledger: LedgerFile, sessions: Sequence[str] = ()
) -> int:
    """Append past sessions and these open ones, and list them as accepted once Kafka has them; how many events.

    Raises KafkaError.
    """
    now = int(time.time() * 1000)
    return await _put(kafka, [*past_sessions(now, seconds, site), *open_sessions(now, sessions, site)], ledger)


async def _put(kafka: KafkaSettings, events: Iterable[Event], ledger: LedgerFile) -> int:
    events = list(events)
    async with kafka_clients(kafka).producing() as producer:
        sent = []
        for event in events:
            key = key_of(event.site, event.session_id)
            place = partition_of(key, kafka.partitions)
            sent.append(await producer.send(kafka.events_topic, encode(event), key=key, partition=place))
        await asyncio.gather(*sent)
    ledger.add([{"event_id": event.event_id, "session_id": event.session_id} for event in events])
    return len(events)
