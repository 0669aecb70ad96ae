"""Request bytes -> accepted events and refusals, one by one. Pure: time, ids and the sender are given.

A batch is decoded in one go; only when that fails are its events read one by one, so that a bad one refuses only
itself. Both ways give the same events (a test compares them).
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import uuid_utils
from msgspec import Struct

from ingest import enrich, schemas
from ingest.admission.keys import Grant
from ingest.errors import RequestRefusedError
from ingest.events import LATEST_MS, UNKNOWN, Code, Context, Custom, Event, EventType, encode, key_of
from ingest.orders import commerce_of, order_event_id, order_id, purchase_of, refund_event_id
from ingest.parsing.agents import UNKNOWN_AGENT, Agent
from ingest.parsing.field_errors import TIME_FORM, explained
from ingest.parsing.texts import printable
from ingest.schemas import (
    ImportedEvent,
    Moment,
    RefusedEvent,
    SentCommerce,
    SentCustom,
    SentEvent,
    SentPage,
    SentPurchase,
)

Body = TypeVar("Body", bound=Struct)
#: Kafka key and value.
Record = tuple[bytes, bytes]

#: Some editors and libraries write this before UTF-8; it says nothing.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
#: Numbers in this range are taken for seconds: as ms they would be 1970 to 1973.
_SECONDS = range(100_000_000, 100_000_000_000)
_HALF_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]")
_CUT_TEXT = "a text has half of a surrogate pair: cut texts between characters"
#: A reason names the field that is wrong, but gives back no kilobytes of it.
MAX_REASON = 300
#: The member that each type must have and no other type may have, but for `page`: any event may bring it to tell where
#: the visitor comes from; only a page view keeps it.
MEMBERS: dict[EventType, str | None] = {
    "session_start": None,
    "page_view": "page",
    "page_ping": "ping",
    "custom": "custom",
    "commerce": "commerce",
    "purchase": "purchase",
    "session_end": None,
    "intervention": "intervention",
}


def new_id() -> str:
    """A UUIDv7; within this process each is greater than the one before."""
    return str(uuid_utils.uuid7())


@dataclass(frozen=True, slots=True)
class SenderContext:
    """Who sends, as far as the request tells: what every event of it has in common.

    received_at in ms UTC; `page_host` is the host of the page that sends, where the browser names it; `verified`: the
    site's own server signed the request.
    """

    grant: Grant
    received_at: int
    agent: Agent = UNKNOWN_AGENT
    region: Code = UNKNOWN
    ip: str | None = None
    page_host: str | None = None
    verified: bool = False
    new_id: Callable[[], str] = new_id

    @property
    def is_trusted_with_money(self) -> bool:
        """Whether purchases and refunds of this sender change the revenue: see Purchase.verified."""
        return self.verified or self.grant.scope == "import" or self.grant.site.count_unverified_purchases


@dataclass(frozen=True, slots=True)
class Collected:
    records: list[Record] = field(default_factory=list)
    refused: list[RefusedEvent] = field(default_factory=list)
    #: When the event of each record of an import was received, in ms.
    times: list[int] = field(default_factory=list)
    #: How many records are of programs, where the event says so and not the request.
    bots: int = 0

    def add(self, event: Event) -> None:
        self.records.append((key_of(event.site, event.session_id), encode(event)))
        if event.clock == "replayed":  # of an import: see ClockKind
            self.times.append(event.received_at)

    def in_order(self) -> Sequence[Record]:
        """The records as they go to the log.

        An import's records are sorted by received_at; one older than its site's clock would be dropped as sent before.
        """
        if not self.times:
            return self.records
        return [self.records[index] for index in sorted(range(len(self.times)), key=self.times.__getitem__)]

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
    raw = _without_mark(body) if isinstance(body, bytes) else body
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise RequestRefusedError("invalid", explained(str(error), decoder.type)[:MAX_REASON]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        reason = _CUT_TEXT if _HALF_PAIR.search(raw) else str(error)
        raise RequestRefusedError("malformed", reason[:MAX_REASON]) from None
    except RecursionError:
        raise RequestRefusedError("malformed", "the JSON is nested too deeply") from None


def _without_mark(body: bytes) -> bytes:
    return body[len(_BYTE_ORDER_MARK) :] if body.startswith(_BYTE_ORDER_MARK) else body


def batch(body: bytes, sender: SenderContext, max_events: int) -> Collected:
    """The records of a batch and what was refused of it; raises RequestRefusedError when the whole of it is."""
    body = _without_mark(body)
    try:
        whole = _batch[sender.grant.scope].decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return batch_one_by_one(body, sender, max_events)
    check_size(whole.events, max_events)
    collected, site, sent_at = Collected(), sender.grant.name_for(whole.site), millis(whole.sent_at, "sent_at")
    for index, sent in enumerate(whole.events):
        try:
            collected.add(event_of(sent, site, sent_at, sender))
        except RequestRefusedError as refusal:
            collected.refused.append(RefusedEvent(index, refusal.code, refusal.reason))
    return collected


def batch_one_by_one(body: bytes, sender: SenderContext, max_events: int) -> Collected:
    """As `batch`, for a body in which something is wrong."""
    whole = _opened(body)
    check_size(whole.events, max_events)
    collected, site, sent_at = Collected(), sender.grant.name_for(whole.site), millis(whole.sent_at, "sent_at")
    for index, raw in enumerate(whole.events):
        try:
            sent = decoded(_one[sender.grant.scope], raw)
            collected.add(event_of(sent, site, sent_at, sender))
        except RequestRefusedError as refusal:
            collected.refused.append(RefusedEvent(index, refusal.code, refusal.reason))
    return collected


def _opened(body: bytes) -> schemas.Envelope:
    """The envelope of a batch; raises RequestRefusedError.

    msgspec does not read past half of a surrogate pair, Python's own reader does. It writes each event again, so that
    only those are refused that have one.
    """
    try:
        return decoded(_envelope, body)
    except RequestRefusedError as refusal:
        if refusal.code != "malformed" or not _HALF_PAIR.search(body):
            raise
        return _opened_in_python(body, refusal)


def _opened_in_python(body: bytes, refusal: RequestRefusedError) -> schemas.Envelope:
    try:
        read = json.loads(body.decode("utf-8", "surrogateescape"))
        written = [msgspec.Raw(json.dumps(event).encode()) for event in list(read["events"])]
        around = json.dumps({**read, "events": []}).encode()
    except (ValueError, RecursionError, TypeError, LookupError):
        raise refusal from None
    return msgspec.structs.replace(decoded(_envelope, around), events=written)


def check_size(events: list[Any], max_events: int) -> None:
    """Raise RequestRefusedError(too_many) for a batch of too many events."""
    if len(events) > max_events:
        raise RequestRefusedError(
            "too_many", f"{len(events)} events in one batch; at most {max_events} (ingest.max_batch_events)"
        )


def record(sent: SentEvent, site: str, sent_at: Moment | None, sender: SenderContext) -> Record:
    """The Kafka record of one sent event; raises RequestRefusedError(invalid) when its members do not fit its type."""
    event = event_of(sent, site, None if sent_at is None else millis(sent_at, "sent_at"), sender)
    return key_of(site, event.session_id), encode(event)


def event_of(sent: SentEvent, site: str, sent_at: int | None, sender: SenderContext) -> Event:
    """The Event that we make of what was sent; raises RequestRefusedError(invalid)."""
    _check_members(sent)
    imported = isinstance(sent, ImportedEvent)
    received_at = millis(sent.received_at, "received_at") if isinstance(sent, ImportedEvent) else sender.received_at
    occurred_at, corrected = enrich.correct_occurred_at(
        None if sent.occurred_at is None else millis(sent.occurred_at, "occurred_at"),
        None if imported else sent_at,
        received_at,
    )
    return Event(
        event_id=sent.event_id.lower() if sent.event_id else sender.new_id(),
        site=site,
        session_id=sent.session_id,
        visitor_id=sent.visitor_id or sent.session_id,
        type=sent.type,
        occurred_at=occurred_at,
        received_at=received_at,
        page=_page(sent.page, sender) if sent.type == "page_view" and sent.page else None,
        ping=sent.ping,
        custom=_custom(sent.custom) if sent.custom else None,
        purchase=purchase_of(sent.purchase, sender.is_trusted_with_money) if sent.purchase else None,
        commerce=commerce_of(sent.commerce, sender.is_trusted_with_money) if sent.commerce else None,
        intervention=sent.intervention,
        history=sent.history,
        context=_imported_context(sent) if isinstance(sent, ImportedEvent) else _context(sent, sender),
        clock="replayed" if imported else "live",  # see ClockKind
        flags=_flags(not imported and sender.agent.bot, corrected),
    )


def _check_members(sent: SentEvent) -> None:
    needed = MEMBERS[sent.type]
    if needed is not None and getattr(sent, needed) is None:
        raise RequestRefusedError("invalid", f"an event of type {sent.type} needs `{needed}`")
    for member in ("ping", "custom", "commerce", "purchase", "intervention"):
        if member != needed and getattr(sent, member) is not None:
            raise RequestRefusedError("invalid", f"an event of type {sent.type} takes no `{member}`")
    if sent.type == "intervention" and isinstance(sent, ImportedEvent):
        raise RequestRefusedError("invalid", "an import takes no event of type intervention: none fires in history")
    if sent.history is not None and sent.type != "session_start":
        raise RequestRefusedError("invalid", f"an event of type {sent.type} takes no `history`: session_start does")


def _page(page: SentPage, sender: SenderContext) -> Any:
    try:
        return enrich.page(page.url, page.referrer, page.type, sender.grant.site.url_rules)
    except ValueError:
        raise RequestRefusedError(
            "invalid", "the page's URL cannot be read: send the page's whole address, or its path from / on"
        ) from None


def millis(moment: Moment, name: str) -> int:
    """Milliseconds since 1970; raises RequestRefusedError for what are seconds, or a date that no calendar holds."""
    if type(moment) is int and moment >= _SECONDS.stop:
        return moment
    if isinstance(moment, datetime):
        given = (moment - _EPOCH) // _MILLISECOND
        if 0 <= given <= LATEST_MS:
            return given
        raise RequestRefusedError("invalid", f"`{name}` is {moment.isoformat()}; times are of 1970 to 2199")
    whole = int(moment)
    if whole in _SECONDS:
        raise RequestRefusedError("invalid", f"`{name}` is {moment}, which are seconds; {TIME_FORM}")
    return whole


def _custom(custom: SentCustom) -> Custom:
    label = printable(custom.label) if custom.label is not None else None
    value = float(custom.value) if custom.value is not None else None
    return Custom(printable(custom.category), printable(custom.action), label, value)


def _context(sent: SentEvent, sender: SenderContext) -> Context:
    return Context(
        sender.agent.browser,
        sender.agent.operating_system,
        sender.region,
        enrich.traffic_type(sent.page.url, sent.page.referrer, sender.page_host, sender.grant.site.url_rules)
        if sent.page
        else UNKNOWN,
        sent.visitor_type or "New_Visitor",
        sender.ip,
        sender.agent.device_class,
    )


def _imported_context(sent: ImportedEvent) -> Context:
    """The context that history gives; the request of an import tells nothing of the visitor."""
    context = _printable_names(sent.context) if sent.context else Context()
    if sent.visitor_type is not None:
        context = msgspec.structs.replace(context, visitor_type=sent.visitor_type)
    return msgspec.structs.replace(context, ip=enrich.cut_address(context.ip)) if context.ip else context


def _printable_names(context: Context) -> Context:
    names = {name: getattr(context, name) for name in ("browser", "operating_system", "region", "traffic_type")}
    changed = {
        name: Code(code.code, printable(code.name)) for name, code in names.items() if not code.name.isprintable()
    }
    return msgspec.structs.replace(context, **changed) if changed else context


def _flags(bot: bool, corrected: str | None) -> tuple[Any, ...]:
    if bot:
        return ("bot", corrected) if corrected else ("bot",)
    return (corrected,) if corrected else ()


def start(body: schemas.SessionStart, sender: SenderContext) -> tuple[SentEvent, schemas.SessionStarted]:
    """A session start, with ids made here where the client sends none."""
    answer = schemas.SessionStarted(
        body.session_id or sender.new_id(),
        body.visitor_id or sender.new_id(),
        (body.event_id or sender.new_id()).lower(),
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
        history=body.history,
    )
    return sent, answer


def pageview(body: schemas.PageView, sender: SenderContext) -> tuple[SentEvent, schemas.Accepted]:
    return _single(
        body, body.session_id, "page_view", sender, page=SentPage(body.page_url, body.page_type, body.referrer)
    )


def custom(body: schemas.CustomEvent, sender: SenderContext) -> tuple[SentEvent, schemas.Accepted]:
    given = SentCustom(body.category, body.action, body.label, body.value)
    return _single(body, body.session_id, "custom", sender, custom=given)


def commerce(body: schemas.CommerceEvent, sender: SenderContext) -> tuple[SentEvent, schemas.Accepted]:
    """A step of buying, or a refund; one that the site's server signed has the event_id of its order, time and value.

    So a repetition of a refund counts once, and a second refund of a part of the order counts beside the first.
    """
    order = order_id(body.order_id)
    given = SentCommerce(body.action, body.value, body.currency, body.items, order)
    if sender.verified:
        if body.action != "refund":
            raise RequestRefusedError("invalid", f"{body.action} is not signed: of commerce events only a refund is")
        if order is None or body.occurred_at is None:
            raise RequestRefusedError(
                "invalid", "a signed refund needs `order_id` and `occurred_at`, the time of the refund"
            )
        site, at = sender.grant.site, millis(body.occurred_at, "occurred_at")
        made = refund_event_id(site.purchase_secrets, site.name, order, at, body.value)
        body = msgspec.structs.replace(body, event_id=made)
    return _single(body, body.session_id, "commerce", sender, commerce=given)


def purchase(body: schemas.PurchaseMade, sender: SenderContext) -> tuple[SentEvent, schemas.Accepted]:
    """A purchase; one that the site's server signed has the event_id of its order, however often it is sent.

    Its time must be given: so a repetition that comes late is late, and cannot count in a session of its own.
    """
    order = order_id(body.order_id)
    given = SentPurchase(body.amount, order, body.currency)
    if sender.verified:
        if order is None or body.occurred_at is None:
            raise RequestRefusedError(
                "invalid", "a signed purchase needs `order_id` and `occurred_at`, the time of the order"
            )
        site = sender.grant.site
        body = msgspec.structs.replace(body, event_id=order_event_id(site.purchase_secrets, site.name, order))
    return _single(body, body.session_id, "purchase", sender, purchase=given)


def end(body: schemas.SessionEnd, sender: SenderContext) -> tuple[SentEvent, schemas.Accepted]:
    return _single(body, body.session_id, "session_end", sender)


def _single(
    body: schemas.SentBody, session_id: str, kind: EventType, sender: SenderContext, **member: Any
) -> tuple[SentEvent, schemas.Accepted]:
    event_id = (body.event_id or sender.new_id()).lower()
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
