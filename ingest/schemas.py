"""The bodies that clients send and the answers they get: strict, unknown fields refused.

Times are ms UTC by the client's clock, or ISO 8601. Distinct from the Event contract: these are what a browser may say,
an Event is what we make of it.
"""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from ingest.commerce import MAX_AMOUNT, MAX_ITEMS, CommerceAction, VisitorHistory
from ingest.events import (
    LATEST_MS,
    Context,
    EventType,
    InterventionReport,
    PageType,
    Ping,
    SessionId,
    Site,
    Text,
    VisitorId,
    VisitorType,
)

#: Browsers send whole URLs; only the path and allowed parameters, at most 500 characters, are kept.
LongUrl = Annotated[str, Meta(max_length=4000)]
#: When something happened: ms since 1970, whole or not, or ISO 8601 with a zone.
Moment = (
    Annotated[int, Meta(ge=0, le=LATEST_MS)]
    | Annotated[float, Meta(ge=0, le=LATEST_MS)]
    | Annotated[datetime, Meta(tz=True)]
)
#: A number as text, as many shops keep their sums: "99.99".
DecimalText = Annotated[str, Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,20})?$", max_length=40)]
Amount = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)] | DecimalText
OwnEventId = Annotated[
    Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$", max_length=36)] | None,
    Meta(description="Send your own, and the event counts once however often it is sent; else one is made."),
]
#: What adorns a purchase never costs it: any text is taken, and kept as far as it can be read.
OrderId = Annotated[
    str | int | None,
    Meta(description="Your own number of the order; of more than 64 characters the beginning and a digest are kept."),
]
Currency = Annotated[
    str | None, Meta(description="Three letters of ISO 4217, in either case; anything else is left out.")
]


class SentPage(Struct, frozen=True, forbid_unknown_fields=True):
    """The page of an event: its URL (whole, or from the path on), its type if the page says one, its referrer."""

    url: LongUrl
    type: PageType | None = None
    referrer: LongUrl | None = None


class SentCustom(Struct, frozen=True, forbid_unknown_fields=True):
    category: Text
    action: Text
    label: Text | None = None
    value: float | DecimalText | None = None


class SentPurchase(Struct, frozen=True, forbid_unknown_fields=True):
    amount: Amount
    order_id: OrderId = None
    currency: Currency = None


class SentItem(Struct, frozen=True, forbid_unknown_fields=True):
    """A product of a commerce event; without a price the event's value is shared among its items."""

    id: str | int
    quantity: float | DecimalText = 1.0
    price: float | DecimalText | None = None


Items = Annotated[tuple[SentItem, ...], Meta(max_length=MAX_ITEMS)]
CommerceValue = Annotated[
    float | DecimalText | None,
    Meta(description="The sum of the items, or of the cart where the action shows it; of a refund what is paid back."),
]


class SentCommerce(Struct, frozen=True, forbid_unknown_fields=True):
    action: CommerceAction
    value: CommerceValue = None
    currency: Currency = None
    items: Items = ()
    order_id: OrderId = None


class SentEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of a batch. Without visitor_id the visitor is known by the session_id alone."""

    type: EventType
    session_id: SessionId
    event_id: OwnEventId = None
    visitor_id: VisitorId | None = None
    visitor_type: VisitorType | None = None
    occurred_at: Moment | None = None
    page: SentPage | None = None
    ping: Ping | None = None
    custom: SentCustom | None = None
    purchase: SentPurchase | None = None
    commerce: SentCommerce | None = None
    intervention: InterventionReport | None = None
    history: VisitorHistory | None = None


class ImportedEvent(SentEvent, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One event of a batch sent with an import key: history, with the clock and the context it had."""

    received_at: Moment
    context: Context | None = None


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many events of one site; a bad event refuses only itself."""

    sent_at: Moment
    events: list[SentEvent]
    site: Site | None = None


class ImportBatch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sent_at: Moment
    events: list[ImportedEvent]
    site: Site | None = None


class Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose events are still bytes, to be read one by one."""

    sent_at: Moment
    events: list[msgspec.Raw]
    site: Site | None = None


class SentBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every single event may carry: sent_at corrects a wrong client clock.

    Send an event_id of your own and a repeated event counts once. Without visitor_id the visitor is known by the
    session_id alone; send it with every event, as a session that begins again after a pause begins with any of them.
    """

    event_id: OwnEventId = None
    visitor_id: VisitorId | None = None
    visitor_type: VisitorType | None = None
    occurred_at: Moment | None = None
    sent_at: Moment | None = None


class SessionStart(SentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """page_url is where the visitor lands: its campaign parameters (utm_...) say where the visitor comes from.

    history: what the visitor's browser knows of earlier sessions on the site; left out where it knows nothing.
    """

    session_id: SessionId | None = None
    page_url: LongUrl | None = None
    referrer: LongUrl | None = None
    history: VisitorHistory | None = None


class PageView(SentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_id: SessionId
    page_url: LongUrl
    page_type: PageType | None = None
    referrer: LongUrl | None = None


class CustomEvent(SentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_id: SessionId
    category: Text
    action: Text
    label: Text | None = None
    value: float | DecimalText | None = None


class CommerceEvent(SentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step of buying, by the names of Google Analytics 4; a refund names its order."""

    session_id: SessionId
    action: CommerceAction
    value: CommerceValue = None
    currency: Currency = None
    items: Items = ()
    order_id: OrderId = None


class PurchaseMade(SentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_id: SessionId
    amount: Amount
    order_id: OrderId = None
    currency: Currency = None


class SessionEnd(SentBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_id: SessionId


class SessionStarted(Struct, frozen=True):
    """The answer to a session start: ids to use from now on."""

    session_id: str
    visitor_id: str
    event_id: str


class Accepted(Struct, frozen=True):
    event_id: str


class RefusedEvent(Struct, frozen=True):
    """An event of a batch that was not accepted: its place in `events`, counted from 0, and why."""

    index: int
    code: str
    reason: str


class BatchAnswer(Struct, frozen=True):
    accepted: int
    refused: list[RefusedEvent]


class IngestErrorAnswer(Struct, frozen=True, omit_defaults=True):
    """Why nothing was accepted.

    With 500 and 503 the events may be in the log all the same. Send them again with the ids that stand here, those made
    by the server among them, and they count once. event_ids: of a batch, in the order of its events, null for an event
    that is refused anyway. Whoever gets no answer at all has no ids: a client that wants safe retries sends its own.
    """

    error: str
    reason: str
    session_id: str | None = None
    visitor_id: str | None = None
    event_id: str | None = None
    event_ids: list[str | None] | None = None
