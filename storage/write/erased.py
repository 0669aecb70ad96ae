"""Redacts records whose visitor is erased: of an event only that its clock moved is left, of the rest nothing.

Pure. storage/write/redaction.py does the same to what is stored already.
"""

import msgspec

from ingest import events
from ingest.events import Event, Tick, clock_of
from storage.write.block import TopicRecord
from stream import scored
from stream.fold.erasures import Erasures
from stream.fold.event_ids import event_id_bytes
from stream.scored import DeadLetter, ScoredSession


def redact(record: TopicRecord, erasures: Erasures) -> TopicRecord | None:
    """The record as it may be kept; None where nothing of it may."""
    content = record.content
    if isinstance(content, Event):
        # Until an erasure is settled, events must stay to tell which sessions are meant (ErasureRecord).
        known = erasures.sessions_known(content.site, content.session_id, content.visitor_id)
        return _moved_only(record, content) if known else record
    if isinstance(content, ScoredSession):
        return None if is_erased(erasures, content) else record
    if isinstance(content, DeadLetter):
        return None if _concerns_erased(content, erasures) else record
    return record


def is_erased(erasures: Erasures, content: Event | ScoredSession) -> bool:
    """Whether this is of somebody who is forgotten."""
    return erasures.is_erased(content.site, content.session_id, content.visitor_id)


def _moved_only(record: TopicRecord, event: Event) -> TopicRecord:
    """The event as a tick: to a fold, the same as an erased event. One that no fold would have taken becomes empty."""
    tick: Tick | None = Tick(clock_of(event), event.received_at)
    try:
        event_id_bytes(event.event_id)
    except ValueError:
        tick = None
    raw = events.encode(tick) if tick is not None else b""
    return TopicRecord(record.role, record.partition, record.offset, record.timestamp, None, raw, tick, "erased")


def _concerns_erased(letter: DeadLetter, erasures: Erasures) -> bool:
    try:
        if letter.topic == "events":
            decoded = events.decode(letter.key, letter.raw)
            return isinstance(decoded, Event) and is_erased(erasures, decoded)
        return is_erased(erasures, scored.decode(letter.raw))
    except (events.UndecodableError, msgspec.DecodeError):
        return False
