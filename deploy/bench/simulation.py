"""The input of every benchmark: events of the UCI simulation, as history or as live traffic. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy.bench.errors import BenchError
from deploy.settings.model import SiteSettings
from deploy.simulate.dates import Dates
from deploy.simulate.draw import draw
from deploy.simulate.ordered import by_partition, ordered
from deploy.simulate.pages import Catalogue
from deploy.simulate.rows import Row, read, sample
from deploy.simulate.uci import UciVisit
from deploy.simulate.visit import Visit
from ingest.events import Event
from ingest.partition import partition_of
from stream.fold.calendar import Calendar
from stream.fold.pages import PageRow

#: The simulated site and what makes its year fit the file.
SITE = "uci"
SPECIAL_DAYS = ("02-14", "05-09")
#: Events of an average session: a start, 34.6 page views, now and then a purchase, a ping.
EVENTS_PER_SESSION = 36.7


class BenchTraffic(Struct, frozen=True):
    """Visits of one site, and the statistics of the pages that they see."""

    visits: Sequence[Visit]
    pages: list[PageRow]

    def history(self, partitions: int) -> list[Iterator[Event]]:
        """The events of each partition in the order of the simulated year."""
        return [ordered(part) for part in by_partition(self.visits, partitions, partition_of)]

    def traffic(self, visitors: int = 500) -> Iterator[Event]:
        """The events as `visitors` people at a time would cause them, each event in turn."""
        return interleaved((visit.events() for visit in self.visits), visitors)


def endless(given: BenchTraffic, first: int = 0) -> Iterator[Event]:
    """Its traffic again and again, with other ids of events, sessions and visitors in each round from `first` on."""
    for number in count(first):
        for event in given.traffic():
            yield msgspec.structs.replace(
                event,
                event_id=f"{event.event_id[:24]}{int(event.event_id[24:], 16) ^ number:012x}",
                session_id=f"{event.session_id}.{number}",
                visitor_id=f"{event.visitor_id}.{number}",
            )


def simulation(data: Path | None, events: int) -> BenchTraffic:
    """At least `events` events, few more, of rows of the UCI file, or of rows drawn from the table fitted to it.

    Raises BenchError where the file has fewer.
    """
    given = read(data) if data else None
    sessions = max(2, round(events / EVENTS_PER_SESSION))
    while True:
        made = _of_rows(sample(given, sessions) if given else draw(sessions))
        if sum(visit.event_count for visit in made.visits) >= events:
            return made
        if given and sessions >= len(given):
            raise BenchError(f"{data} has too few sessions for {events:,} events")
        sessions += 2 + sessions // 20


def _of_rows(rows: Sequence[Row]) -> BenchTraffic:
    site = site_settings()
    dates = Dates(Calendar(site.timezone, site.holidays, site.special_days))
    catalogue = Catalogue()
    visits = [UciVisit(SITE, row, dates, catalogue) for row in rows]
    return BenchTraffic(visits, catalogue.rows("", SITE))


def site_settings(**given: object) -> SiteSettings:
    return SiteSettings.model_validate({"special_days": SPECIAL_DAYS, **given})


def interleaved(visits: Iterable[Iterator[Event]], visitors: int) -> Iterator[Event]:
    """One event of each of `visitors` visits in turn; a visit that ends makes room for the next."""
    waiting = iter(visits)
    going: list[Iterator[Event]] = []
    while True:
        while len(going) < visitors and (visit := next(waiting, None)) is not None:
            going.append(visit)
        if not going:
            return
        still: list[Iterator[Event]] = []
        for visit in going:
            event = next(visit, None)
            if event is not None:
                still.append(visit)
                yield event
        going = still


#: The tracker's endpoint for each type of event; the others go into a batch of one.
ENDPOINTS = {
    "session_start": "/tracker/session/start",
    "page_view": "/tracker/pageview",
    "purchase": "/tracker/purchase",
}


def single(event: Event, at: int) -> tuple[str, bytes]:
    """The request by which a tracker tells this event at `at`, in ms: path and body."""
    body: dict[str, object] = {"event_id": event.event_id, "session_id": event.session_id, "occurred_at": at}
    path = ENDPOINTS.get(event.type)
    if path is None:
        return "/v1/batch", batch([event], at)
    if event.type == "session_start":
        body["visitor_id"] = event.visitor_id
        body["visitor_type"] = event.context.visitor_type
    if event.page is not None:
        body["page_url"] = f"https://shop.example{event.page.path}"
        body["page_type"] = event.page.type
    if event.purchase is not None:
        body["amount"] = event.purchase.amount
        body["order_id"] = event.purchase.order_id
        body["currency"] = event.purchase.currency
    return path, msgspec.json.encode({**body, "sent_at": at})


def batch(events: Sequence[Event], at: int) -> bytes:
    """The body of POST /v1/batch by which a tracker tells these events at `at`, in ms."""
    return msgspec.json.encode({"site": SITE, "sent_at": at, "events": [_body_of(event, at) for event in events]})


def _body_of(event: Event, at: int) -> dict[str, object]:
    body: dict[str, object] = {
        "type": event.type,
        "event_id": event.event_id,
        "session_id": event.session_id,
        "visitor_id": event.visitor_id,
        "visitor_type": event.context.visitor_type,
        "occurred_at": at,
    }
    if event.page is not None:
        body["page"] = {"url": f"https://shop.example{event.page.path}", "type": event.page.type}
    if event.ping is not None:
        body["ping"] = event.ping
    if event.purchase is not None:
        purchase = event.purchase
        body["purchase"] = {"amount": purchase.amount, "order_id": purchase.order_id, "currency": purchase.currency}
    return body
