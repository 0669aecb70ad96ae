"""Sessions that are open at the same time, each of the same number of events, sent in turn. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from deploy.bench.simulation import SITE, BenchTraffic
from deploy.simulate.uci import UciVisit, context_of
from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Event, EventType, Page, Ping, encode, key_of
from ingest.partition import partition_of

#: Events of a session: a start with a history, pings, products looked at, views otherwise.
EVENTS = 20
PINGS = (9, 19)
PRODUCTS = (4, 12)
#: Every so many sessions put the second product into the cart, as one in nine of the generated shop's do.
CART_OF, CART = 9, 13
#: Just after a daily cut, so that a log of less than a day has none.
BEGIN = int(datetime(2025, 6, 2, 4, 1, tzinfo=UTC).timestamp() * 1000)
MINUTE, HOUR = 60_000, 3_600_000
#: A session that lasts for hours has an event this often, and beside it this many minutes of short ones at a time.
STEP = 10 * MINUTE

#: Numbers of sessions that come and go.
_OTHERS = 1 << 30

Given = tuple[bytes | None, bytes]


class ConcurrentSessions:
    """Sessions that see the pages of a simulation and have ids as long as those of the tracker."""

    def __init__(self, given: BenchTraffic) -> None:
        self._visits = [visit for visit in given.visits if isinstance(visit, UciVisit) and visit.views]

    def at_once(self, sessions: int, partitions: int) -> list[Iterator[Given]]:
        """So many sessions within half an hour, none of which ends: the records of each partition."""
        parts: list[list[int]] = [[] for _ in range(partitions)]
        for number in range(sessions):
            parts[partition_of(_key(number), partitions)].append(number)
        return [self.in_turn(numbers, BEGIN, 30 * MINUTE) for numbers in parts]

    def after_hours(self, sessions: int, passed: int, hours: int, partitions: int) -> list[Iterator[Given]]:
        """So many sessions in the last half an hour of `hours`, which do not end, and before them about so many events
        of others; in partition 0 one more session is open all the time.
        """
        steps = hours * HOUR // STEP - 3
        at_a_time = passed // EVENTS // steps // partitions
        parts: list[list[int]] = [[] for _ in range(partitions)]
        for number in range(sessions):
            parts[partition_of(_key(number), partitions)].append(number)
        return [self._after(part, numbers, at_a_time, steps, partitions) for part, numbers in enumerate(parts)]

    def _after(self, part: int, last: Sequence[int], at_a_time: int, steps: int, partitions: int) -> Iterator[Given]:
        others = (number for number in range(_OTHERS, 1 << 40) if partition_of(_key(number), partitions) == part)
        long = next(others)
        for step in range(steps):
            since = BEGIN + step * STEP
            if part == 0:
                yield self._record(long, step, since)
            if step < steps - 2:
                # They have closed when the log ends.
                yield from self.in_turn([next(others) for _ in range(at_a_time)], since, STEP)
        yield from self.in_turn(last, BEGIN + steps * STEP, 3 * STEP)

    def in_turn(self, numbers: Sequence[int], since: int, lasts: int) -> Iterator[Given]:
        """One event of each session, then the next of each, evenly over the time."""
        sent, count = 0, len(numbers) * EVENTS
        for nth in range(EVENTS):
            for number in numbers:
                yield self._record(number, nth, since + sent * lasts // count)
                sent += 1

    def _record(self, number: int, nth: int, at: int) -> Given:
        visit = self._visits[number % len(self._visits)]
        kind = _kind(number, nth)
        seen = nth % len(visit.views)
        event = Event(
            event_id=f"{at >> 16:08x}-{at & 0xFFFF:04x}-7{nth:03x}-8000-{number:012x}",
            site=SITE,
            session_id=_session_id(number),
            visitor_id=f"0197f3a1-5c00-7000-9000-{number:012x}",
            type=kind,
            occurred_at=at,
            received_at=at,
            page=Page(visit.paths[seen], visit.views[seen][0], visit.paths[seen - 1]) if kind == "page_view" else None,
            ping=Ping(at % HOUR, 50.0) if kind == "page_ping" else None,
            commerce=_commerce(number, nth) if kind == "commerce" else None,
            history=VisitorHistory(number % 4, 0, 1.5 if number % 4 else None) if nth == 0 else None,
            context=context_of(visit.row.features),
            clock="replayed",
        )
        return key_of(SITE, event.session_id), encode(event)


def _kind(number: int, nth: int) -> EventType:
    if nth == 0:
        return "session_start"
    if nth in PINGS:
        return "page_ping"
    return "commerce" if nth in PRODUCTS or (nth == CART and number % CART_OF == 0) else "page_view"


def _commerce(number: int, nth: int) -> Commerce:
    item = CommerceItem(f"sku-{number % 5_000}-{min(nth, PRODUCTS[-1])}", price=20.0)
    return Commerce("add_to_cart" if nth == CART else "view_item", 20.0, "EUR", (item,))


def _session_id(number: int) -> str:
    return f"0197f3a0-5c00-7000-8000-{number:012x}"


def _key(number: int) -> bytes:
    return key_of(SITE, _session_id(number))
