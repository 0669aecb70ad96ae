"""A UCI row as a session of events, such that the seventeen features of the session are the row again. Pure.

Everything follows from the row's number and the site, so the same row gives the same events each time. Knows no Kafka
and no HTTP.
"""

from collections.abc import Iterator

import numpy as np

from deploy.simulate.dates import Dates
from deploy.simulate.pages import Catalogue
from deploy.simulate.rows import Row, views_of
from deploy.simulate.visit import event, event_id_tails
from ingest.events import Code, Context, Event, Page, PageType, Ping, Purchase
from scoring.features import Features

KINDS: tuple[PageType, ...] = ("Administrative", "Informational", "ProductRelated")
#: Where in a visit the pages of a kind lie, from 0 (begin) to 1 (end): the account is towards the end.
SPANS: dict[PageType, tuple[float, float]] = {
    "Administrative": (0.35, 1.0),
    "Informational": (0.0, 0.6),
    "ProductRelated": (0.0, 0.95),
}
CURRENCY = "EUR"


class UciVisit:
    """One row's session, ready to be sent as events."""

    __slots__ = ("lasts", "number", "paths", "row", "session_id", "site", "start", "views")

    def __init__(self, site: str, row: Row, dates: Dates, catalogue: Catalogue) -> None:
        chance = np.random.default_rng(row.number)
        self.site = site
        self.row = row
        self.number = row.number
        self.session_id = session_id(row)
        self.start = dates.start(row, chance)
        #: (kind, ms) of each page view, in order.
        self.views = _views(row.features)
        self.paths = catalogue.paths(row.features, [kind for kind, _ in self.views])
        self.lasts = sum(millis for _, millis in self.views)

    @property
    def event_count(self) -> int:
        """How many events `events` gives."""
        return 1 + len(self.views) + self.row.revenue + bool(self.views)

    def events(self) -> Iterator[Event]:
        """The events in order: start, page views, the purchase, and a ping on the last page, which ends its view."""
        tails = event_id_tails(self)
        context = context_of(self.row.features)
        at = self.start
        yield event(self, next(tails), at, context, "session_start")
        before: str | None = None
        for (kind, millis), path in zip(self.views, self.paths, strict=True):
            yield event(self, next(tails), at, context, "page_view", page=Page(path, kind, before))
            at += millis
            before = path
        if self.row.revenue:
            yield event(self, next(tails), at, context, "purchase", purchase=_purchase(self.row))
        if self.views:
            engaged = min(self.views[-1][1], 86_400_000)
            yield event(self, next(tails), at, context, "page_ping", ping=Ping(engaged, 100.0))


def session_id(row: Row) -> str:
    """The session of a row; the number in it is the row's in the file, from 1."""
    return f"row-{row.number:05}"


def context_of(features: Features) -> Context:
    """The row's codes; UCI never said what they mean, so their names are the numbers."""
    return Context(
        browser=_code(features.Browser),
        operating_system=_code(features.OperatingSystems),
        region=_code(features.Region),
        traffic_type=_code(features.TrafficType),
        visitor_type=features.VisitorType,
    )


def _code(code: int) -> Code:
    return Code(code, str(code))


def _views(features: Features) -> list[tuple[PageType, int]]:
    """(kind, ms) of each view: a kind's time spread evenly over its views, the kinds mixed as in a visit."""
    placed: list[tuple[float, PageType, int]] = []
    for kind, (views, millis) in zip(KINDS, views_of(features), strict=True):
        begin, end = SPANS[kind]
        for index in range(views):
            share = millis // views + (index < millis % views)
            placed.append((begin + (end - begin) * (index + 0.5) / views, kind, share))
    return [(kind, share) for _, kind, share in sorted(placed)]


def _purchase(row: Row) -> Purchase:
    """The file does not say what was spent: the page value where there is one, else a small order."""
    return Purchase(round(max(row.features.PageValues, 10.0), 2), f"order-{row.number:05}", CURRENCY, True)
