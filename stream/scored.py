"""The ScoredSession contract: what stands on the `scored-sessions` topic after every update of a session.

The key is `site/session_id`, the partition that of the event. Identity is (site, session_id, opened_at). Records of
one session may come again (at-least-once); the one with the greatest `version` is the newest, and records of one
version come from the same events.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct

from ingest.events import Millis, PageType, Text, Url
from scoring.features import Features
from scoring.manifest import Band, Label
from scoring.signals import Signals
from stream.stored import LISTED_SIGNALS, REPORT_NAMES, ColumnSpec

Decoded = TypeVar("Decoded")

#: (site, session_id, opened_at)
Identity = tuple[str, str, int]
Status = Literal["open", "ended", "closed"]
#: What the log's dead letters say of themselves.
DeadReason = Literal["undecodable", "late", "overflow", "failed"]

# What a database column takes; a record beyond them is refused where it is decoded, not by the databases.
Site = Annotated[str, Meta(min_length=1, max_length=97)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]
Name = Annotated[str, Meta(max_length=64)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Whole = Annotated[int, Meta(ge=0, le=2**63 - 1)]

#: Bytes of a record that its dead letter carries, base64 below Kafka's limit of a message; the record itself stays in
#: its topic for as long as retention keeps it.
DEAD_BYTES = 300_000
#: Prefix of a dead letter's detail when the databases refused the record; folding it had worked.
NOT_WRITTEN = "not written: "
#: Bytes of its key, and characters of the detail.
DEAD_KEY_BYTES, DEAD_DETAIL = 1_000, 500

#: From the lowest to the highest.
_BANDS: tuple[Band, ...] = get_args(Band)
CLOSED_BIT = 1 << 11
OFFSET_SHIFT = 12


def version_of(offset: int, closed: bool, replay_number: int = 0) -> int:
    """offset << 12 | closed << 11 | replay number: grows with the log; live updates have number 0."""
    return offset << OFFSET_SHIFT | closed << 11 | replay_number


# `ColumnSpec` says how the databases keep a field; without one, under its own name in both tables (stream/stored.py).


class Cause(Struct, frozen=True, gc=False, omit_defaults=True):
    """The record that caused this update; a session that the clock closed names no event, only the offset."""

    offset: Whole
    id: Annotated[Id | None, ColumnSpec("event_id")] = None
    type: Annotated[Name | None, ColumnSpec("event_type")] = None
    page_type: PageType | None = None
    path: Url | None = None


class View(Struct, frozen=True, gc=False):
    """A page view that this update added or changed; viewed_at in ms UTC, page_value in the site's currency."""

    event_id: Id
    type: Annotated[PageType | None, ColumnSpec("page_type")]
    path: Annotated[Url, ColumnSpec("page_url")]
    viewed_at: Millis
    seconds: Annotated[float, ColumnSpec("duration_seconds")]
    is_bounce: bool
    is_exit: bool
    page_value: float


class VerifiedOrder(Struct, frozen=True, gc=False):
    """An order that counts as revenue (Purchase.verified): its number, or its event's id where it has none; when, and
    the sum as sent.
    """

    id: Id
    at: Millis
    amount: float
    currency: Name = ""


class Refund(Struct, frozen=True, gc=False):
    """A verified refund (Commerce.verified) of an order: the order's number, the id of its event, when, and the part
    that was paid back as sent, None for all of it.
    """

    order_id: Id
    id: Id
    at: Millis
    amount: float | None = None
    currency: Name = ""


class CurrencyAmount(Struct, frozen=True, gc=False):
    """The sum of a session's verified orders of one currency, "" for those that came without one."""

    currency: Name
    amount: float


class Counts(Struct, frozen=True, gc=False):
    """De-duplicated events of the session, by kind."""

    events: Annotated[Count, ColumnSpec("event_count")]
    page_views: Annotated[Count, ColumnSpec("page_view_count")]
    pings: Annotated[Count, ColumnSpec("ping_count")]
    customs: Annotated[Count, ColumnSpec("custom_count")]
    purchases: Annotated[Count, ColumnSpec("purchase_count")]


class CategoryNames(Struct, frozen=True, gc=False):
    """Names behind the codes of the features, for people."""

    browser: Name
    operating_system: Name
    region: Annotated[Name, ColumnSpec("region_name")]
    traffic_type: Annotated[Name, ColumnSpec("traffic_type_name")]


class Reason(Struct, frozen=True, gc=False, omit_defaults=True):
    """One signed contribution to the probability: the feature, its value, null where unknown, how much it moved it.

    `text` is the same in words; records of earlier versions have none.
    """

    feature: Name
    value: float | int | Text | bool | None
    contribution: float
    text: Text = ""


class SessionUpdate(Struct, frozen=True, gc=False):
    """One update of a session, without its score: what the fold says. stream/step.py makes a ScoredSession of it.

    The one declaration of a session's fields. A line here brings a field to the topic, to the tables `sessions` and
    `scored_sessions`, to the timeline and to the admin rows, unless its `ColumnSpec` says otherwise. The fold takes it
    from the attribute of the Session that has its name, unless stream/fold/update.py computes it or names another
    attribute. A new field needs a default, with which older records are read, and a migration of each database. Order:
    fields read from Session, then computed ones, then Session fields with defaults.
    """

    site: Site
    session_id: Id
    opened_at: Annotated[Millis, ColumnSpec(keep_millis=True)]
    visitor_id: Id
    #: First and last event of the session, by the visitor's time.
    started_at: Millis
    last_event_at: Millis
    origin: Annotated[CategoryNames, ColumnSpec(tables=("sessions",))]
    revenue: bool
    #: Of the verified orders that have the currency of the first one; `currency` names it, `amounts` has the others.
    amount: float
    #: Orders that are not verified: shown, never revenue.
    unverified_purchases: Count
    version: Whole
    event: Annotated[Cause, ColumnSpec(tables=("scored_sessions",))]
    #: When the causing event occurred; for a closing, the clock that closed it.
    occurred_at: Annotated[Millis, ColumnSpec(tables=("scored_sessions",))]
    #: The clock (received_at) at this update.
    updated_at: Millis
    status: Status
    features: Annotated[Features, ColumnSpec(names={"sessions": REPORT_NAMES})]
    counts: Counts
    pages_version: Whole
    views: Annotated[tuple[View, ...], ColumnSpec(tables=())]
    #: No person: a program, by the user agent of the earliest event, or nothing but verified refunds, which a shop's
    #: server sends. Scored like any other, and left out of what is counted, learned, exported, listed and streamed,
    #: unless it is asked for.
    bot: bool = False
    #: The visitor's network: a digest of the site and of the cut address of the earliest event; empty where that has
    #: none, or a private one. It bounds what one network can do to page statistics.
    network: Annotated[Name, ColumnSpec(tables=("scored_sessions",))] = ""
    #: The session's verified orders alone (Session.verified_orders), the first first. One that several sessions of a
    #: site have counts, in statistics, exports and training sets, in the session that had it first.
    orders: Annotated[tuple[VerifiedOrder, ...], ColumnSpec(tables=())] = ()
    #: What `amount` is in; empty where the order does not say, and in records of before there was this field.
    currency: Name = ""
    #: The verified orders by currency, that of the first order first; empty, too, in older records.
    amounts: Annotated[tuple[CurrencyAmount, ...], ColumnSpec(tables=("scored_sessions",))] = ()
    #: None in records of before there were signals.
    signals: Annotated[Signals | None, ColumnSpec(parts={"sessions": LISTED_SIGNALS})] = None
    #: The session's verified refunds alone, the first first. One mostly comes days after its order and in another
    #: session; statistics take it off what the order brought, and never off what `revenue` says.
    refunds: Annotated[tuple[Refund, ...], ColumnSpec(tables=())] = ()
    #: By the log's clock, how long nothing had come of the session when this update was made; 0 where an event made it.
    idle_seconds: Annotated[float, ColumnSpec(tables=())] = 0.0

    @property
    def checkout_left(self) -> bool:
        """Whether a checkout was begun and the visitor has gone on to products or information, or away."""
        signals = self.signals
        if signals is None or not signals.checkout_step:
            return False
        return self.status == "ended" or signals.last_page_type in ("ProductRelated", "Informational")


class ArmAssignment(Struct, frozen=True, gc=False, omit_defaults=True):
    """An experiment that the session is in, and its arm. `acts` is false of an arm of actions that holds them back."""

    experiment: Name
    arm: Name
    acts: bool = True


class FiredIntervention(Struct, frozen=True, gc=False, omit_defaults=True):
    """An intervention that has fired in the session: when, by the log's clock in ms UTC, and by which of its records.

    `held`: an experiment holds it back, so that it is recorded and nobody acts. `payload` is JSON of the shop's, in the
    record that fires it alone, "" for none; `visitor_cap` and `visitor_cooldown_seconds` are what holds for the
    visitor's sessions together (stream/interventions/definition.py).
    """

    name: Name
    action: Name
    fired_at: Millis
    offset: Whole
    held: bool = False
    payload: str = ""
    visitor_cap: Count = 0
    visitor_cooldown_seconds: Count = 0


class ScoredSession(SessionUpdate, frozen=True, gc=False, kw_only=True):
    """One update of a session with its score."""

    probability: float
    label: Label
    band: Band
    reasons: tuple[Reason, ...]
    model_version: Name
    #: The band of a session that was in a higher one before: whoever acts on crossings so sees few of them. None in
    #: older records, and then it is the band.
    kept_band: Annotated[Band | None, ColumnSpec(tables=())] = None
    #: The experiments whose audience this update is in, in the order in which they were started.
    experiments: Annotated[tuple[ArmAssignment, ...], ColumnSpec(in_intent=True)] = ()
    #: Whether its visitor is held out of all experiments and actions of the site.
    holdout: Annotated[bool, ColumnSpec(in_intent=True)] = False
    #: What has fired in the session so far, in its order. The one that this update fires has the offset of its record.
    interventions: Annotated[tuple[FiredIntervention, ...], ColumnSpec(in_intent=True)] = ()
    schema_version: Annotated[Literal[1], ColumnSpec(tables=())] = 1


def without_payload(fired: FiredIntervention) -> FiredIntervention:
    """The intervention as records have it after the one that fires it."""
    return msgspec.structs.replace(fired, payload="") if fired.payload else fired


def is_held(experiments: Sequence[ArmAssignment], holdout: bool) -> bool:
    """Whether nothing may be done about an update with these: its visitor is held out, or an arm of it does not act."""
    return holdout or not all(each.acts for each in experiments)


def band_after(before: Band, update: ScoredSession) -> Band:
    """The band that a session is in after an update, if it was in `before`: it leaves a band later than it enters it,
    so that a probability which goes up and down at a limit crosses it once.
    """
    rank = _BANDS.index
    kept = update.kept_band or update.band
    if rank(update.band) >= rank(before):
        return update.band
    return before if rank(kept) >= rank(before) else kept


class DeadLetter(Struct, frozen=True, gc=False, kw_only=True):
    """A record that ended outside every session. `raw` is the record's value, base64 on the wire."""

    log: str
    partition: Whole
    offset: Whole
    reason: DeadReason
    detail: str
    key: bytes | None
    raw: bytes
    #: The topic that partition and offset belong to; the writer also gives up records of `scored-sessions`.
    topic: str = "events"


_decoder = msgspec.json.Decoder(ScoredSession)
_dead_decoder = msgspec.json.Decoder(DeadLetter)
_encoder = msgspec.json.Encoder()


def encode(record: ScoredSession | DeadLetter) -> bytes:
    return _encoder.encode(record)


def stored_list(values: Sequence[Any]) -> bytes:
    """A list of a record as both databases keep it: JSON, of reasons without the words, which follow from the rest, of
    interventions without what their definitions have.
    """
    return _encoder.encode(list(map(_stored, values)))


def _stored(value: Any) -> Any:
    if isinstance(value, Reason):
        return Reason(value.feature, value.value, value.contribution)
    if isinstance(value, FiredIntervention):
        return FiredIntervention(value.name, value.action, value.fired_at, value.offset, value.held)
    return value


def encode_lines(records: Sequence[ScoredSession]) -> bytes:
    """The records as JSON Lines."""
    return _encoder.encode_lines(records)


def decode(value: bytes) -> ScoredSession:
    """Read one record of `scored-sessions`; raises msgspec.DecodeError."""
    return _decoded(_decoder, value)


def decode_dead(value: bytes) -> DeadLetter:
    """Read one record of `events-dead`; raises msgspec.DecodeError."""
    return _decoded(_dead_decoder, value)


def dead_record(letter: DeadLetter) -> tuple[bytes, bytes]:
    """Kafka key and value of a dead letter on `events-dead`; what is too long for a message is cut, and says so."""
    raw, key, notes = letter.raw, letter.key, ""
    if len(raw) > DEAD_BYTES:
        raw, notes = raw[:DEAD_BYTES], f" (first {DEAD_BYTES} of {len(raw)} bytes)"
    if key is not None and len(key) > DEAD_KEY_BYTES:
        key, notes = key[:DEAD_KEY_BYTES], notes + f" (first {DEAD_KEY_BYTES} of {len(key)} bytes of the key)"
    noted = msgspec.structs.replace(letter, raw=raw, key=key, detail=letter.detail[:DEAD_DETAIL] + notes)
    return f"{letter.log}:{letter.topic}:{letter.partition}:{letter.offset}".encode(), encode(noted)


def identity_of(update: SessionUpdate) -> Identity:
    return update.site, update.session_id, update.opened_at


def _decoded(decoder: "msgspec.json.Decoder[Decoded]", value: bytes) -> Decoded:
    try:
        return decoder.decode(value)
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"no UTF-8: {error.reason}") from error
