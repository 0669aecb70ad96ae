"""Visits side by side: the events of many sessions as one stream, ordered by the time they are received. Pure."""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from operator import attrgetter

from deploy.simulate.visit import Visit
from ingest.events import Event, key_of


def ordered(visits: Iterable[Visit]) -> Iterator[Event]:
    """All events of the visits, by received_at; a visit is read only from its start on, so few are held at a time."""
    waiting = sorted(visits, key=attrgetter("start"), reverse=True)
    #: (received_at, number, the event, what follows it); no two entries have the same number.
    running: list[tuple[int, int, Event, Iterator[Event]]] = []
    while waiting or running:
        while waiting and (not running or waiting[-1].start <= running[0][0]):
            visit = waiting.pop()
            events = visit.events()
            first = next(events)
            heappush(running, (first.received_at, visit.number, first, events))
        _, number, event, events = heappop(running)
        yield event
        following = next(events, None)
        if following is not None:
            heappush(running, (following.received_at, number, following, events))


def by_partition(
    visits: Iterable[Visit], partitions: int, partition_of: Callable[[bytes, int], int]
) -> list[list[Visit]]:
    """The visits of each partition, whose events share a clock and must be sent in one order."""
    parts: list[list[Visit]] = [[] for _ in range(partitions)]
    for visit in visits:
        parts[partition_of(key_of(visit.site, visit.session_id), partitions)].append(visit)
    return parts
