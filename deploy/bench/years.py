"""A log of any length: the simulated year again and again, each time under other session ids and later. Pure."""

from collections.abc import Iterator
from copy import copy
from typing import NamedTuple

from deploy.bench.simulation import SITE, BenchTraffic
from deploy.simulate.ordered import by_partition, ordered
from ingest.events import Event, Tick, encode, key_of
from ingest.partition import partition_of

#: From one year to the next, in ms: whole days, so that no visit crosses the daily cut, and longer than a year and
#: the tick that ends it.
YEAR = 400 * 86_400_000
#: How far after its last event a year's tick moves the clock, in ms: every session of the year is closed.
AFTER = 86_400_000

#: A record's key, its value, and the id of the event that it is.
Given = tuple[bytes | None, bytes, str | None]


class Sizes(NamedTuple):
    """What one year holds; a visit ends before the daily cut and pauses less than IDLE, so it is one session."""

    events: int
    sessions: int


class Years:
    """Years of one simulation."""

    def __init__(self, base: BenchTraffic) -> None:
        self._base = base
        self.sizes = Sizes(sum(visit.event_count for visit in base.visits), len(base.visits))

    def records(self, year: int, partitions: int) -> list[Iterator[Given]]:
        """The records of each partition in order: the events of the year, then the tick."""
        visits = []
        for visit in self._base.visits:
            again = copy(visit)
            again.session_id = f"{visit.session_id}.{year}"
            again.start += year * YEAR
            visits.append(again)
        return [_records(ordered(part)) for part in by_partition(visits, partitions, partition_of)]


def _records(events: Iterator[Event]) -> Iterator[Given]:
    last = 0
    for event in events:
        yield key_of(event.site, event.session_id), encode(event), event.event_id
        last = event.received_at
    if last:
        yield None, encode(Tick(SITE, last + AFTER)), None
