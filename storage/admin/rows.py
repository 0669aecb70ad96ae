"""What the admin routes answer: rows as the tables name them, lists of them, and statistics. Times are ms UTC."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from storage.database.columns import SESSION_COLUMNS, VIEW_COLUMNS, answer_reader, plain, types_of, with_fields
from storage.query.intents import Update


@with_fields(types_of([column for column in SESSION_COLUMNS if column.name != "version"]))
class SessionRow(Struct, frozen=True, kw_only=True):
    """A row of the table `sessions`; durations in seconds, amount in `currency`."""

    ended_at: int | None


@with_fields(types_of(VIEW_COLUMNS))
class PageViewRow(Struct, frozen=True, kw_only=True):
    """A row of the table `page_views`."""


class SessionList(Struct, frozen=True):
    """A page of a list; `total` is how many there are of all pages."""

    total: int
    offset: int
    sessions: list[SessionRow]


class WholeSession(Struct, frozen=True):
    """One session: its row, its page views and every update of its score, the oldest first."""

    session: SessionRow
    page_views: list[PageViewRow]
    updates: list[Update]


class Totals(Struct, frozen=True):
    """Sessions by state, and what they brought. `conversion` is the share of sessions with revenue.

    `revenue` is in `currency`: the site's reporting currency, or the only one. It is null where amounts are in several
    currencies and not every one has a rate; `revenue_by_currency` has them all, "" those that came without one. Refunds
    of these orders are taken off already, and stand beside: `with_revenue` and `conversion` keep a refunded order.
    """

    sessions: int
    open: int
    ended: int
    closed: int
    with_revenue: int
    conversion: float
    revenue: float | None
    unverified_purchases: int
    currency: str
    revenue_by_currency: dict[str, float]
    refunded_orders: int
    refunded: float | None
    refunded_by_currency: dict[str, float]


class EventCounts(Struct, frozen=True):
    """Events of these sessions, by kind."""

    events: int
    page_views: int
    pings: int
    customs: int
    purchases: int


class Span(Struct, frozen=True):
    """The sessions that were opened in one hour or day (UTC), which began at `at`; revenue as in the totals."""

    at: int
    sessions: int
    with_revenue: int
    revenue: float | None
    currency: str
    revenue_by_currency: dict[str, float]


class Statistics(Struct, frozen=True):
    """Sessions and what came of them; `spans` are the newest ones, the oldest of them first."""

    totals: Totals
    events: EventCounts
    bands: dict[str, int]
    labels: dict[str, int]
    visitor_types: dict[str, int]
    spans: list[Span]


def session_of(row: Mapping[str, Any]) -> SessionRow:
    """A row of `sessions`."""
    return SessionRow(ended_at=plain(row["ended_at"]), **{name: read(row) for name, read in _SESSION})


def view_of(row: Mapping[str, Any]) -> PageViewRow:
    """A row of `page_views`."""
    return PageViewRow(**{name: read(row) for name, read in _VIEW})


_SESSION = [(column.name, answer_reader(column)) for column in SESSION_COLUMNS if column.name != "version"]
_VIEW = [(column.name, answer_reader(column)) for column in VIEW_COLUMNS]
