"""Request bytes -> accepted events and refusals, one by one. Pure: time, ids and the sender are given.

A batch is decoded in one go; only when that fails are its events read one by one, so that a bad one refuses only
itself. Both ways give the same events (a test compares them).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import uuid_utils
from msgspec import Struct

from ingest import enrich, schemas
from ingest.admission.keys import Grant
from ingest.errors import RequestRefusedError
from ingest.events import UNKNOWN, Code, Context, Custom, Event, EventType, Purchase, encode, key_of
from ingest.schemas import ImportedEvent, RefusedEvent, SentEvent, SentPage, SentPurchase

Body = TypeVar("Body", bound=Struct)
#: Kafka key and value.
Record = tuple[bytes, bytes]

#: Under which the event ids of verified orders are made.
_ORDERS = uuid.UUID("5f0a4a8e-4a55-5a2c-9c3b-8f5e0d1f7b61")
#: A reason names the field that is wrong, but gives back no kilobytes of it.
MAX_REASON = 300
#: The member that each type must have and no other type may have, but for `page`: any event may bring it to tell where
#: the visitor comes from; only a page view keeps it.
MEMBERS: dict[EventType, str | None] = {
    "session_start": None,
    "page_view": "page",
    "page_ping": "ping",
    "custom": "custom",
    "purchase": "purchase",
    "session_end": None,
}


def new_id() -> str:
    """A UUIDv7; within this process each is greater than the one before."""
    return str(uuid_utils.uuid7())


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Who sends, as far as the request tells: what every event of it has in common.

    received_at in ms UTC; `home` is the host of the page that asks, where the browser says it; `verified` is the site's
    own server, which signed what it sends.
    """

    grant: Grant
    received_at: int
    agent: enrich.Agent = enrich.UNKNOWN_AGENT
    region: Code = UNKNOWN
    ip: str | None = None
    home: str | None = None
    verified: bool = False
    new_id: Callable[[], str] = new_id


@dataclass(frozen=True, slots=True)
class Collected:
    records: list[Record] = field(default_factory=list)
    refused: list[RefusedEvent] = field(default_factory=list)

    def event_ids(self) -> list[str | None]:
        """The id of each event sent, in its place; None for a refused one."""
        refused, ids = {each.index for each in self.refused}, (_id.decode(value).event_id for _, value in self.records)
        return [None if place in refused else next(ids) for place in range(len(self.records) + len(refused))]


class _Id(Struct, frozen=True):
    event_id: str


_id = msgspec.json.Decoder(_Id)

_batch: dict[str, msgspec.json.Decoder[Any]] = {
    "write": msgspec.json.Decoder(schemas.Batch),
    "import": msgspec.json.Decoder(schemas.ImportBatch),
}
_one: dict[str, msgspec.json.Decoder[Any]] = {
    "write": msgspec.json.Decoder(SentEvent),
    "import": msgspec.json.Decoder(ImportedEvent),
}
_envelope = msgspec.json.Decoder(schemas.Envelope)


def decoded(decoder: "msgspec.json.Decoder[Body]", body: bytes | msgspec.Raw) -> Body:
    """Read JSON; raises RequestRefusedError: invalid when a field is wrong, malformed when it is no JSON in UTF-8."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestRefusedError("invalid", str(error)[:MAX_REASON]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestRefusedError("malformed", str(error)[:MAX_REASON]) from None
    except RecursionError:
        raise RequestRefusedError("malformed", "the JSON is nested too deeply") from None


def batch(body: bytes, sender: RequestOrigin, max_events: int) -> Collected:
    """The records of a batch and what was refused of it; raises RequestRefusedError when the whole of it is."""
    try:
        whole = _batch[sender.grant.scope].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return batch_one_by_one(body, sender, max_events)
    _check_size(whole.events, max_events)
    collected, site = Collected(), sender.grant.name_for(whole.site)
    for index, sent in enumerate(whole.events):
        try:
            collected.records.append(record(sent, site, whole.sent_at, sender))
        except RequestRefusedError as refusal:
            collected.refused.append(RefusedEvent(index, refusal.code, refusal.reason))
    return collected


def batch_one_by_one(body: bytes, sender: RequestOrigin, max_events: int) -> Collected:
    """As `batch`, for a body in which something is wrong."""
    whole = decoded(_envelope, body)
    _check_size(whole.events, max_events)
    collected, site = Collected(), sender.grant.name_for(whole.site)
    for index, raw in enumerate(whole.events):
        try:
            sent = decoded(_one[sender.grant.scope], raw)
            collected.records.append(record(sent, site, whole.sent_at, sender))
        except RequestRefusedError as refusal:
            collected.refused.append(RefusedEvent(index, refusal.code, refusal.reason))
    return collected


def _check_size(events: list[Any], max_events: int) -> None:
    if len(events) > max_events:
        raise RequestRefusedError(
            "too_many", f"{len(events)} events in one batch; at most {max_events} (ingest.max_batch_events)"
        )


def record(sent: SentEvent, site: str, sent_at: int | None, sender: RequestOrigin) -> Record:
    """The Kafka record of one sent event; raises RequestRefusedError(invalid) when its members do not fit its type."""
    event = event_of(sent, site, sent_at, sender)
    return key_of(site, event.session_id), encode(event)


def event_of(sent: SentEvent, site: str, sent_at: int | None, sender: RequestOrigin) -> Event:
    """The Event that we make of what was sent; raises RequestRefusedError(invalid)."""
    _check_members(sent)
    imported = isinstance(sent, ImportedEvent)
    received_at = sent.received_at if isinstance(sent, ImportedEvent) else sender.received_at
    occurred_at, corrected = enrich.clock(sent.occurred_at, None if imported else sent_at, received_at)
    return Event(
        event_id=sent.event_id or sender.new_id(),
        site=site,
        session_id=sent.session_id,
        visitor_id=sent.visitor_id or sent.session_id,
        type=sent.type,
        occurred_at=occurred_at,
        received_at=received_at,
        page=_page(sent.page, sender) if sent.type == "page_view" and sent.page else None,
        ping=sent.ping,
        custom=sent.custom,
        purchase=_purchase(sent.purchase, sender) if sent.purchase else None,
        context=_imported_context(sent) if isinstance(sent, ImportedEvent) else _context(sent, sender),
        clock="replayed" if imported else "live",
        flags=_flags(not imported and sender.agent.bot, corrected),
    )


def _check_members(sent: SentEvent) -> None:
    needed = MEMBERS[sent.type]
    if needed is not None and getattr(sent, needed) is None:
        raise RequestRefusedError("invalid", f"an event of type {sent.type} needs `{needed}`")
    for member in ("ping", "custom", "purchase"):
        if member != needed and getattr(sent, member) is not None:
            raise RequestRefusedError("invalid", f"an event of type {sent.type} takes no `{member}`")


def _page(page: SentPage, sender: RequestOrigin) -> Any:
    try:
        return enrich.page(page.url, page.referrer, page.type, sender.grant.site.rules)
    except ValueError:
        raise RequestRefusedError(
            "invalid", "the page's URL cannot be read: send the page's whole address, or its path from / on"
        ) from None


def _purchase(purchase: SentPurchase, sender: RequestOrigin) -> Purchase:
    verified = sender.verified or sender.grant.scope == "import" or sender.grant.site.count_unverified_purchases
    return Purchase(purchase.amount, purchase.order_id, purchase.currency, verified)


def _context(sent: SentEvent, sender: RequestOrigin) -> Context:
    return Context(
        sender.agent.browser,
        sender.agent.operating_system,
        sender.region,
        enrich.traffic(sent.page.url, sent.page.referrer, sender.home) if sent.page else UNKNOWN,
        sent.visitor_type or "New_Visitor",
        sender.ip,
    )


def _imported_context(sent: ImportedEvent) -> Context:
    """The context that history gives; the request of an import tells nothing of the visitor."""
    context = sent.context or Context()
    if sent.visitor_type is not None:
        context = msgspec.structs.replace(context, visitor_type=sent.visitor_type)
    return msgspec.structs.replace(context, ip=enrich.cut_address(context.ip)) if context.ip else context


def _flags(bot: bool, corrected: str | None) -> tuple[Any, ...]:
    if bot:
        return ("bot", corrected) if corrected else ("bot",)
    return (corrected,) if corrected else ()


def start(body: schemas.SessionStart, sender: RequestOrigin) -> tuple[SentEvent, schemas.SessionStarted]:
    """A session start, with ids made here where the client sends none."""
    answer = schemas.SessionStarted(
        body.session_id or sender.new_id(), body.visitor_id or sender.new_id(), body.event_id or sender.new_id()
    )
    sent = SentEvent(
        type="session_start",
        session_id=answer.session_id,
        event_id=answer.event_id,
        visitor_id=answer.visitor_id,
        visitor_type=body.visitor_type,
        occurred_at=body.occurred_at,
        # An empty URL says that the page is one of the site's own host.
        page=SentPage(body.page_url or "", None, body.referrer),
    )
    return sent, answer


def pageview(body: schemas.PageView, sender: RequestOrigin) -> tuple[SentEvent, schemas.Accepted]:
    return _single(
        body, body.session_id, "page_view", sender, page=SentPage(body.page_url, body.page_type, body.referrer)
    )


def custom(body: schemas.CustomEvent, sender: RequestOrigin) -> tuple[SentEvent, schemas.Accepted]:
    given = Custom(body.category, body.action, body.label, body.value)
    return _single(body, body.session_id, "custom", sender, custom=given)


def purchase(body: schemas.PurchaseMade, sender: RequestOrigin) -> tuple[SentEvent, schemas.Accepted]:
    """A purchase; one that the site's server signed has the event_id of its order, however often it is sent.

    Its time must be given: so a repetition that comes late is late, and cannot count in a session of its own.
    """
    given = SentPurchase(body.amount, body.order_id, body.currency)
    if sender.verified:
        if not body.order_id or body.occurred_at is None:
            raise RequestRefusedError(
                "invalid", "a signed purchase needs `order_id` and `occurred_at`, the time of the order"
            )
        body = msgspec.structs.replace(body, event_id=order_event_id(sender.grant.site.name, body.order_id))
    return _single(body, body.session_id, "purchase", sender, purchase=given)


def order_event_id(site: str, order_id: str) -> str:
    """The event_id of a site's verified order. A browser's own report of it has another: both are folded into one."""
    return str(uuid.uuid5(_ORDERS, f"{site}/{order_id}"))


def end(body: schemas.SessionEnd, sender: RequestOrigin) -> tuple[SentEvent, schemas.Accepted]:
    return _single(body, body.session_id, "session_end", sender)


def _single(
    body: schemas.Timed, session_id: str, kind: EventType, sender: RequestOrigin, **member: Any
) -> tuple[SentEvent, schemas.Accepted]:
    event_id = body.event_id or sender.new_id()
    sent = SentEvent(
        type=kind,
        session_id=session_id,
        event_id=event_id,
        visitor_id=body.visitor_id,
        visitor_type=body.visitor_type,
        occurred_at=body.occurred_at,
        **member,
    )
    return sent, schemas.Accepted(event_id)
