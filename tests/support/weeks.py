"""A week of a small shop, as a log says it."""

import random

from ingest.events import Control, Event, Page, Purchase, Tick
from tests.support.events import NOON, event

MINUTE = 60_000
HOUR = 60 * MINUTE


def a_week(sessions: int = 24, seed: int = 1) -> list[Event | Control]:
    """Visits of some days, some at the same time, some with an idle hour in their middle; all closed in the end."""
    chance = random.Random(seed)
    events: list[Event] = []
    number = 0
    for session in range(sessions):
        at = NOON + session * 5 * HOUR + chance.randrange(HOUR)
        for view in range(chance.randrange(1, 9)):
            number += 1
            at += chance.choice([1_000, MINUTE, 9 * MINUTE, 25 * MINUTE, HOUR])
            page = Page(f"/p/{view % 3}", chance.choice(["ProductRelated", "Informational", None]))
            events.append(event(number, at, session_id=f"s{session % 9}", page=page))
        if session % 4 == 0:
            number += 1
            order = Purchase(10.0 + session, f"o{session}", verified=True)
            events.append(event(number, at + 1_000, session_id=f"s{session % 9}", type="purchase", purchase=order))
    events.sort(key=lambda each: each.received_at)
    return [*events, Tick("live", events[-1].received_at + 24 * HOUR)]
