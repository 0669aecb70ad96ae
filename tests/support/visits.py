"""A log of several visitors for tests that forget one: sessions of its own, shared ones, late events, an open one."""

from ingest.events import Control, Event, Page, Tick
from tests.support.events import NOON, event
from tests.support.weeks import HOUR, MINUTE

#: The visitor that tests forget.
GONE = "gone-visitor"


def visits() -> list[Event | Control]:
    """Three days. Even sessions are the forgotten visitor's; of session s4 it is only the start's, of s6 the end's."""
    events: list[Event] = []
    number = 0
    for session in range(14):
        at = NOON + session * 5 * HOUR
        for view in range(4):
            number += 1
            at += 7 * MINUTE
            visitor = GONE if session % 2 == 0 else f"v{session}"
            if (session == 4 and view) or (session == 6 and not view):
                visitor = f"s{session}"
            given = {"session_id": f"s{session}", "visitor_id": visitor, "page": Page(f"/p/{view}", "ProductRelated")}
            events.append(event(number, at, **given))
        late = GONE if session % 4 == 0 else f"v{session}"
        if session % 2 == 0 or session == 3:
            number += 1
            events.append(event(number, at - HOUR, received_at=at, session_id=f"late{session}", visitor_id=late))
    events.sort(key=lambda each: each.received_at)
    last = events[-1].received_at
    open_ones = [
        event(number + 1, last + HOUR, session_id="open1", visitor_id=GONE),
        event(number + 2, last + HOUR + 1, session_id="open2", visitor_id="v2"),
    ]
    return [*events, Tick("live", last + HOUR - 1), *open_ones]
