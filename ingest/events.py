"""The Event contract: what stands on the `events` topic, and how it is read and written.

Times are milliseconds since 1970-01-01 UTC. A record with a key is an event of `site/session_id`; a record without a
key is a control: it moves a clock, puts a model, page statistics or experiments in force, or forgets a visitor. Knows
nothing of HTTP and sessions.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from ingest.commerce import Commerce, CurrencyCode, OrderId, VisitorHistory
from ingest.errors import IngestError

#: The clock that all live sites of a partition share; an imported site's clock carries the site's own name.
LIVE_CLOCK = "live"

#: A live time so far after the Kafka timestamp of its record is not believed; in ms.
CLOCK_TOLERANCE_MS = 10_000

EventType = Literal[
    "session_start", "page_view", "page_ping", "custom", "commerce", "purchase", "session_end", "intervention"
]  # fmt: skip
#: What a page says of an intervention that reached it.
ReportAction = Literal["shown", "dismissed", "clicked"]
PageType = Literal["Administrative", "Informational", "ProductRelated"]
VisitorType = Literal["New_Visitor", "Returning_Visitor", "Other"]
DeviceClass = Literal["desktop", "mobile", "tablet", "other"]
#: Which clock an event moves: the live one, or that of its imported site, whose history came with an import key. The
#: wire keeps the old word "replayed" for imported: it has nothing to do with `opecom replay`.
ClockKind = Literal["live", "replayed"]

# `$` lets a line end pass behind it in Python, though not in JSON Schema: (?!\n) makes both mean the end.
#: A site's name, with the run of an import after "~": `uci~k3f9` has the settings of `uci` and a clock of its own.
Site = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}(~[a-z0-9_.-]{1,32})?$(?!\n)")]
SessionId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:~-]{1,64}$(?!\n)")]
VisitorId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:~-]{1,64}$(?!\n)")]
#: 1970 to 2200: room for history and for a wrong clock, none for a value that no calendar holds.
LATEST_MS = 7_258_118_400_000
#: An event further than this in the future, in ms, is taken to have occurred when it was received.
FUTURE_TOLERANCE_MS = 5 * 60_000
#: A time in ms UTC; `extra` says so to whoever makes a column of it (storage/database/columns.py).
Millis = Annotated[int, Meta(ge=0, le=LATEST_MS, extra={"is_time": True})]
Text = Annotated[str, Meta(max_length=200)]
Url = Annotated[str, Meta(max_length=500)]
#: SHA-256 in hexadecimal.
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", max_length=64)]
SmallCode = Annotated[int, Meta(ge=0, le=10_000)]
#: An id on the topic: ingest has matched its pattern, and matching again would double the cost of decoding.
CheckedId = Annotated[str, Meta(min_length=1, max_length=100)]
ValidatedEventId = Annotated[str, Meta(min_length=36, max_length=36)]


class Code(Struct, frozen=True, gc=False):
    """A categorical feature: the integer that the model reads and the name that people read."""

    code: SmallCode
    name: Annotated[str, Meta(max_length=50)] = ""


UNKNOWN = Code(0, "")


class Page(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A viewed page. A page without a type (home, success) counts in none of the three kinds."""

    path: Url
    type: PageType | None = None
    referrer: Url | None = None


class Ping(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A heartbeat of a visible, focused page: time engaged so far in ms, deepest scroll in percent."""

    engaged_ms: Annotated[int, Meta(ge=0, le=86_400_000)] = 0
    scroll_depth: Annotated[float, Meta(ge=0, le=100)] = 0.0


class Custom(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    category: Text
    action: Text
    label: Text | None = None
    value: float | None = None


class Purchase(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """`verified`: it counts as revenue. Ingest alone says so, in three cases: the shop's server signed the request, an
    import key sent it, or the site has `count_unverified_purchases`.
    """

    amount: Annotated[float, Meta(ge=0)]
    order_id: OrderId | None = None
    currency: CurrencyCode | None = None
    verified: bool = False


#: Names of interventions, and of experiments.
InterventionName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$(?!\n)")]


class InterventionReport(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What became of an intervention on the page: its name, and the `opened_at` of the session in which it fired.

    It is about the visit and no part of it: no session counts it, and it keeps none open.
    """

    name: InterventionName
    opened_at: Millis
    action: ReportAction


class Context(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """Where the visitor comes from; code 0 means unknown (UCI never published its code books)."""

    browser: Code = UNKNOWN
    operating_system: Code = UNKNOWN
    region: Code = UNKNOWN
    traffic_type: Code = UNKNOWN
    visitor_type: VisitorType = "New_Visitor"
    #: The address cut to /24 or /48; never a whole one.
    ip: Annotated[str, Meta(max_length=45)] | None = None
    #: By the user agent; None where it tells nothing, and in records of before there was this field.
    device_class: DeviceClass | None = None


class Event(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One accepted event.

    occurred_at is the visitor's time corrected for client clock skew; received_at is stamped by the API for live
    sites and given by the sender for imported ones. Only the member that belongs to `type` is set.
    """

    event_id: ValidatedEventId
    site: CheckedId
    session_id: CheckedId
    visitor_id: CheckedId
    type: EventType
    occurred_at: Millis
    received_at: Millis
    page: Page | None = None
    ping: Ping | None = None
    custom: Custom | None = None
    purchase: Purchase | None = None
    commerce: Commerce | None = None
    intervention: InterventionReport | None = None
    #: Of a session's start.
    history: VisitorHistory | None = None
    context: Context = Context()
    clock: ClockKind = "live"
    #: What ingest noticed: "bot", "skew" (clock corrected), "future" (occurred_at set to received_at).
    flags: tuple[Literal["bot", "skew", "future"], ...] = ()
    schema_version: Literal[1] = 1


class Tick(Struct, frozen=True, gc=False, tag="tick", tag_field="control", forbid_unknown_fields=True):
    """Moves a clock of this partition forward to `to`; `clock` is "live" or the name of an imported site."""

    clock: str
    to: Millis


class UseModel(
    Struct, frozen=True, gc=False, tag="model", tag_field="control", forbid_unknown_fields=True, omit_defaults=True
):
    """Puts a model version in force from this offset on: for one site and the runs of its history, or for all sites
    that have no model of their own.

    An empty version, of a site alone, ends its own model. A site that does not name its version is a ValueError.
    """

    version: Annotated[str, Meta(max_length=64)]
    site: Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9_.-]{0,63})?$(?!\n)")] = ""

    def __post_init__(self) -> None:
        if not (self.version or self.site):
            raise ValueError("a model control names no version and no site")


class UsePages(Struct, frozen=True, gc=False, tag="pages", tag_field="control", forbid_unknown_fields=True):
    """Puts a version of the page statistics in force from this offset on."""

    version: Annotated[int, Meta(ge=0)]


class Erase(Struct, frozen=True, gc=False, tag="erase", tag_field="control", forbid_unknown_fields=True):
    """Forgets a visitor or session in earlier and later records; the digest stands in `erasures` at `version`."""

    digest: Digest
    version: Annotated[int, Meta(ge=1)]


class UseExperiments(Struct, frozen=True, gc=False, tag="experiments", tag_field="control", forbid_unknown_fields=True):
    """Puts what the topic `experiments` says up to a version in force from this offset on: starts, changes and ends of
    experiments, hold-outs of sites.
    """

    version: Annotated[int, Meta(ge=1)]


Control = Tick | UseModel | UsePages | Erase | UseExperiments


class UndecodableError(IngestError, ValueError):
    """The record is neither an event nor a control; it belongs in the dead letters, with this message as its detail."""


_event_decoder = msgspec.json.Decoder(Event)
_control_decoder = msgspec.json.Decoder(Control)
_encoder = msgspec.json.Encoder()


def clock_of(event: Event) -> str:
    """The name of the clock that this event moves: LIVE_CLOCK, or that of its own imported site."""
    return LIVE_CLOCK if event.clock == "live" else event.site


def base_site(site: str) -> str:
    """The site whose settings hold for `site`: the part before "~"."""
    return site.partition("~")[0]


def key_of(site: str, session_id: str) -> bytes:
    """The Kafka key of a session's events and scores."""
    return f"{site}/{session_id}".encode()


def decode(key: bytes | None, value: bytes | None) -> Event | Control:
    """Read one record of the `events` topic; raises UndecodableError with the reason."""
    try:
        if key is None:
            control: Control = _control_decoder.decode(value or b"")
            return control
        event = _event_decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableError(str(error)) from error
    except RecursionError:
        raise UndecodableError("the JSON is nested too deeply") from None
    if key != key_of(event.site, event.session_id):
        raise UndecodableError(f"key {key[:80]!r} is not {event.site}/{event.session_id}")
    return event


def encode(record: Event | Control) -> bytes:
    """The bytes of one record of the `events` topic."""
    return _encoder.encode(record)
