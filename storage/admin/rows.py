"""What the admin routes answer: rows as the tables name them, lists of them, and statistics. Times are ms UTC."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from storage.query.intents import Update

_EPOCH = datetime(1970, 1, 1)  # columns hold UTC without saying so


class SessionRow(Struct, frozen=True, kw_only=True):
    """A row of the table `sessions`; durations in seconds, amount in the site's currency."""

    site: str
    session_id: str
    opened_at: int
    visitor_id: str
    visitor_type: str
    browser: str
    operating_system: str
    region: int
    traffic_type: int
    browser_code: int
    operating_system_code: int
    region_name: str
    traffic_type_name: str
    is_weekend: bool
    month: str
    special_day: float
    started_at: int
    ended_at: int | None
    last_event_at: int
    revenue: bool
    amount: float
    unverified_purchases: int
    administrative_count: int
    administrative_duration: float
    informational_count: int
    informational_duration: float
    product_related_count: int
    product_related_duration: float
    bounce_rates: float
    exit_rates: float
    page_values: float
    event_count: int
    page_view_count: int
    ping_count: int
    custom_count: int
    purchase_count: int
    probability: float
    label: str
    band: str
    reasons: msgspec.Raw
    status: str
    model_version: str
    pages_version: int
    updated_at: int


class PageViewRow(Struct, frozen=True, kw_only=True):
    """A row of the table `page_views`."""

    event_id: str
    page_type: str | None
    page_url: str
    duration_seconds: float
    is_bounce: bool
    is_exit: bool
    page_value: float
    viewed_at: int


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
    """Sessions by state, and what they brought. `conversion` is the share of sessions with revenue."""

    sessions: int
    open: int
    ended: int
    closed: int
    with_revenue: int
    conversion: float
    revenue: float
    unverified_purchases: int


class EventCounts(Struct, frozen=True):
    """Events of these sessions, by kind."""

    events: int
    page_views: int
    pings: int
    customs: int
    purchases: int


class Span(Struct, frozen=True):
    """The sessions that were opened in one hour or day (UTC), which began at `at`."""

    at: int
    sessions: int
    with_revenue: int
    revenue: float


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
    given = {name: _plain(row[name]) for name in SessionRow.__struct_fields__}
    for name in ("is_weekend", "revenue"):
        given[name] = bool(given[name])
    given["reasons"] = msgspec.Raw(str(row["reasons"]).encode())
    return SessionRow(**given)


def view_of(row: Mapping[str, Any]) -> PageViewRow:
    """A row of `page_views`."""
    given = {name: _plain(row[name]) for name in PageViewRow.__struct_fields__}
    return PageViewRow(**given | {name: bool(given[name]) for name in ("is_bounce", "is_exit")})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - _EPOCH) // timedelta(milliseconds=1)
    return value
