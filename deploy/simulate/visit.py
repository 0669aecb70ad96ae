"""A visit: one session that is sent as events, and what the events of every simulation have in common. Pure."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import count
from typing import Any, Protocol

from ingest.events import ClockKind, Context, Event, EventType


class Visit(Protocol):
    """One session, ready to be sent; `start` in ms UTC, `lasts` in ms, `number` is that of its source, from 1."""

    site: str
    number: int
    session_id: str
    start: int
    lasts: int

    @property
    def event_count(self) -> int:
        """How many events `events` gives."""
        ...

    def events(self) -> Iterator[Event]:
        """The events in order; at least one."""
        ...


def event(
    visit: Visit,
    tail: str,
    at: int,
    context: Context,
    kind: EventType,
    visitor_id: str = "",
    clock: ClockKind = "replayed",
    **member: Any,
) -> Event:
    """One event of the visit, received when it occurred; `tail` is one of `event_id_tails`.

    Without `visitor_id` each visit is of a visitor of its own.
    """
    return Event(
        event_id=f"{at >> 16:08x}-{at & 0xFFFF:04x}-{tail}",
        site=visit.site,
        session_id=visit.session_id,
        visitor_id=visitor_id or f"visitor-{visit.number:05}",
        type=kind,
        occurred_at=at,
        received_at=at,
        context=context,
        clock=clock,
        **member,
    )


def event_id_tails(visit: Visit) -> Iterator[str]:
    """What follows the time in the ids of a visit's events: UUID version 7, growing within one millisecond."""
    digest = blake2b(f"{visit.site}/{visit.session_id}".encode(), digest_size=8).hexdigest()
    variant = "89ab"[int(digest[0], 16) & 3]
    for number in count():
        yield f"7{number:03x}-{variant}{digest[1:4]}-{digest[4:]}"
