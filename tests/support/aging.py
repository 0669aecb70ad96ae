"""A shop of many days as a log says it: each visitor comes on one day, and each day's last visit goes past midnight."""

import random

from ingest.events import Event, Page, Purchase, Tick
from storage.retention.limits import DAY_MS
from tests.support.events import NOON, event

HOUR, MINUTE = 3_600_000, 60_000
#: The first day, in days since 1970.
FIRST = NOON // DAY_MS
SITE = "shop"


def visitor(day: int, number: int) -> str:
    """Who makes a visit of a day, both counted from 0."""
    return f"visitor-{day:03}-{number}"


def day_of(visitor_id: str) -> int:
    return int(visitor_id.split("-")[1])


def a_day(day: int, visits: int = 4, seed: int = 1) -> list[Event]:
    """The events of the visits that begin on a day, by their time; the last visit ends on the day after.

    Session ids come again every few days, as those of a server's own tracking may. One event of a day comes too late.
    """
    chance = random.Random(f"{seed}/{day}")
    events: list[Event] = []
    for number in range(visits):
        at = (FIRST + day) * DAY_MS + 5 * HOUR + number * 3 * HOUR + chance.randrange(HOUR)
        if number == visits - 1:
            at = (FIRST + day + 1) * DAY_MS - 20 * MINUTE
        given = {"site": SITE, "session_id": f"s{(day * visits + number) % 9}", "visitor_id": visitor(day, number)}
        for view in range(chance.randrange(2, 5)):
            page = Page(f"/p/{view}", "ProductRelated")
            events.append(event(_number(day, len(events)), at, page=page, **given))
            at += chance.randrange(9 * MINUTE, 14 * MINUTE)
        if number == visits - 1:
            events.append(event(_number(day, len(events)), at + 10 * MINUTE, page=Page("/after"), **given))
        elif chance.random() < 0.3:
            order = Purchase(10.0 + day, f"order-{day}-{number}", "EUR", verified=True)
            events.append(event(_number(day, len(events)), at, type="purchase", purchase=order, **given))
    late = {"site": SITE, "session_id": f"late{day}", "visitor_id": visitor(day, visits)}
    noon = (FIRST + day) * DAY_MS + 12 * HOUR
    events.append(event(_number(day, len(events)), noon - 4 * HOUR, received_at=noon, page=Page("/late"), **late))
    return sorted(events, key=lambda each: each.received_at)


def days(count: int, seed: int = 1) -> list[Event | Tick]:
    """So many days, and a clock that goes on until their last visits are over."""
    events: list[Event | Tick] = [each for day in range(count) for each in a_day(day, seed=seed)]
    return [*events, Tick("live", (FIRST + count) * DAY_MS + 4 * HOUR)]


def _number(day: int, number: int) -> int:
    return day * 100 + number + 1
