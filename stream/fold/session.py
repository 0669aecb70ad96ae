"""A session and how one event changes it: `apply(session, event)`.

What a session says depends on the set of its events, never on the order they arrive in: events are ordered by
(occurred_at, event_id) and counted once per event_id; a verified purchase counts beside another event that has its id.
Durations are sums of whole milliseconds, so they are exact in any order. Knows no clock, no Kafka, no model.
"""

import re
from array import array
from bisect import bisect_left
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from sys import intern
from typing import NamedTuple

from ingest.commerce import VisitorHistory
from ingest.events import Context, DeviceClass, Event, Ping
from scoring.features import VisitorType
from stream.experiments.enrolment import Enrolment
from stream.fold.calendar import Calendar, Day
from stream.fold.commerce import CommerceState, is_commerce
from stream.fold.engagement import Engagement
from stream.fold.event_ids import ID_BYTES, find_packed
from stream.fold.orders import NO_ORDERS, purchase_of, with_purchase
from stream.fold.pages import TYPE_INDEXES, VIEW_CAP, PageAtVersion
from stream.scored import CategoryNames, FiredIntervention

#: Bits of the place of an event; a view is packed as its time and its place.
PLACE_BITS = 16
PLACE_MASK = (1 << PLACE_BITS) - 1
#: Kinds of pages.
TYPES = len(TYPE_INDEXES)
_path = attrgetter("path")
#: The ms of a session's views are fewer than 2^32: SESSION_EVENTS views (partition.py) of VIEW_CAP at most.
_NO_VIEWS = array("I", [0] * 2 * TYPES)
#: Private, loopback and link-local networks. Not by `ipaddress`, whose lists change with the version of Python.
_PRIVATE = re.compile(r"10\.|127\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|::|f[cd]|fe[89ab]")


class SessionContext(NamedTuple):
    """What a session keeps of a context: the four codes, the visitor's type, the device, the names behind the codes."""

    operating_system: int
    browser: int
    region: int
    traffic_type: int
    visitor_type: VisitorType
    device_class: DeviceClass | None
    category_names: CategoryNames


class Enrolled(NamedTuple):
    """An enrolment with what it was made of. `in_force` stands for all that was in force then, and is another object
    after a change; `had_interventions` is that of the plan.
    """

    in_force: object
    had_interventions: bool
    visitor_id: str
    session_context: SessionContext | None
    day: Day | None
    enrolment: Enrolment


class Session:
    """The folded events of one session. Slots, bytes and arrays: a worker holds a hundred thousand of them.

    An event is known by its place among `ids`, which never changes.
    """

    __slots__ = (
        "bot", "bounce_rate_sum", "by_type", "calendar", "commerce", "customs", "day", "distinct_pages", "ended",
        "engagement", "enrolled", "exit_rate_sum", "experiments_version", "fired", "first_at", "first_offset",
        "first_place", "greatest_place", "has_timer", "history", "history_at", "history_place", "hour", "ids", "key",
        "last_at", "last_place", "last_seen", "network_digest", "opened_at", "orders", "page_value_sum", "pages",
        "pings", "previous_at", "session_context", "site", "views", "views_with_statistics", "visitor_id",
    )  # fmt: skip

    def __init__(self, site: str, key: bytes, opened_at: int, first_offset: int, calendar: Calendar) -> None:
        # The decoder makes a new text for every event.
        self.site = intern(site)
        #: That of its records; it ends with the session id, which so needs no text of its own.
        self.key = key
        self.opened_at = opened_at
        self.first_offset = first_offset
        self.calendar = calendar
        #: The version of the experiments that was in force when it opened; 0 is none, as of an import. And what that
        #: came to when it was last looked at (stream/fold/experiments_in_force.py).
        self.experiments_version = 0
        self.enrolled: Enrolled | None = None
        #: The interventions that have fired in it: set where updates are scored (stream/step.py), in their order.
        self.fired: tuple[FiredIntervention, ...] = ()
        #: Whether a timer waits for its silence (stream/fold/silence_timers.py).
        self.has_timer = False
        #: Where its clock stood when it was last kept open.
        self.last_seen = opened_at
        self.visitor_id = ""
        self.session_context: SessionContext | None = None
        #: Whether the earliest event is a program's.
        self.bot = False
        self.network_digest = ""
        self.day: Day | None = None
        #: Local hour of the first event.
        self.hour = 0
        #: What a session's start said of the visitor's earlier sessions; when that event occurred, its place in `ids`.
        self.history: VisitorHistory | None = None
        self.history_at = self.history_place = 0
        #: Ids of all events, ID_BYTES each, as they were folded.
        self.ids = b""
        #: Where the greatest id stands in `ids`.
        self.greatest_place = 0
        #: When the first and the last event occurred, and their places in `ids`.
        self.first_at = self.first_place = 0
        self.last_at = self.last_place = 0
        #: When the event before the last one occurred; -1: there is none.
        self.previous_at = -1
        self.ended = False
        #: The page views in order, packed: see view_at and view_place. And which page each is of.
        self.views = array("q")
        self.pages: list[PageAtVersion] = []
        #: Views by the `type_index` of their page (pages.TYPE_INDEXES), and behind them, from TYPES on, their ms.
        self.by_type = _NO_VIEWS[:]
        self.distinct_pages = self.views_with_statistics = 0
        #: Sums of bounce rate, exit rate and page value, added in the order of the views.
        self.bounce_rate_sum = self.exit_rate_sum = self.page_value_sum = 0.0
        self.pings = 0
        self.customs = 0
        #: Made by the first ping, and by the first event that is of commerce.
        self.engagement: Engagement | None = None
        self.commerce: CommerceState | None = None
        self.orders = NO_ORDERS

    @property
    def session_id(self) -> str:
        """The session id of its events."""
        return self.key[len(self.site) + 1 :].decode()

    @property
    def events(self) -> int:
        """How many events it has counted."""
        return len(self.ids) // ID_BYTES

    @property
    def has_no_visitor(self) -> bool:
        """Whether it is no person's: its earliest event is a program's, or all its events are verified refunds, which
        the shop sends, often days after the visit.
        """
        if self.bot or self.commerce is None:
            return self.bot
        return len(self.commerce.refunds) == self.events

    def id_at(self, event: int) -> bytes:
        """The id of the event at this place among `ids`."""
        return self.ids[event * ID_BYTES : event * ID_BYTES + ID_BYTES]

    def view_at(self, index: int) -> int:
        """When view `index` occurred, in ms UTC."""
        return self.views[index] >> PLACE_BITS

    def view_place(self, index: int) -> int:
        """Where the event of view `index` stands among `ids`."""
        return self.views[index] & PLACE_MASK

    def view_millis(self, index: int) -> int:
        """How long view `index` lasted: until the next view, or the last event; VIEW_CAP at most; in ms."""
        views, following = self.views, index + 1
        until = views[following] >> PLACE_BITS if following < len(views) else self.last_at
        lasted = until - (views[index] >> PLACE_BITS)
        return lasted if lasted < VIEW_CAP else VIEW_CAP


def counts_as_revenue(event: Event) -> bool:
    """Whether this is a verified purchase: one of the three cases at Purchase.verified (ingest/events.py)."""
    return event.purchase is not None and event.purchase.verified


def has_event(session: Session, id_bytes: bytes, verified: bool = False) -> bool:
    """Whether the session has counted this id. With `verified`, only a verified purchase of this id is looked for;
    without it, only another event of this id.

    A verified purchase and any other event of its id are two events: whoever guesses the id of an order that is yet to
    come, and sends something else with it, takes nothing from the order.
    """
    ids, greatest = session.ids, session.greatest_place * ID_BYTES
    # Time-ordered ids, as the tracker's are, mostly grow: one above the greatest is new.
    if id_bytes > ids[greatest : greatest + ID_BYTES]:
        return False
    at = find_packed(ids, id_bytes)
    if at < 0:
        return False
    has_verified = any(order.verified and order.id == id_bytes for order in session.orders.reported)
    return has_verified if verified else not has_verified or find_packed(ids, id_bytes, at + 1) >= 0


def apply(
    session: Session, event: Event, id_bytes: bytes, occurred_at: int, page: PageAtVersion | None
) -> tuple[int, ...]:
    """Fold an event that the session does not have; returns the indexes of the page views that it added or changed.

    `id_bytes` is event_id_bytes(event.event_id); `occurred_at` is the event's time as the fold reads it; `page` belongs
    to a page view and to nothing else. Raises OverflowError or ValueError for an event that no feature can hold, and
    then leaves the session as it was.
    """
    ids = session.ids
    number = len(ids) // ID_BYTES
    purchase = event.purchase
    verified = purchase is not None and purchase.verified
    first = not number or (
        occurred_at <= session.first_at
        and _before(session, occurred_at, id_bytes, session.first_at, session.first_place, verified)
    )
    last = (
        not number
        or occurred_at > session.last_at
        or not _before(session, occurred_at, id_bytes, session.last_at, session.last_place, verified)
    )
    if first:
        day, hour = session.calendar.day(occurred_at), session.calendar.hour(occurred_at)
    if purchase is not None:
        session.orders = with_purchase(session.orders, purchase_of(event, id_bytes, occurred_at))
    # Nothing below raises.
    if first:
        session.first_at, session.first_place = occurred_at, number
        session.day, session.hour = day, hour
        session.visitor_id = event.visitor_id
        session.session_context = _session_context(event.context)
        session.bot = "bot" in event.flags
        session.network_digest = network_digest(event.site, event.context.ip) if event.context.ip else ""
    greatest = session.greatest_place * ID_BYTES
    if id_bytes > ids[greatest : greatest + ID_BYTES]:
        session.greatest_place = number
    session.ids = ids + id_bytes
    if last:
        session.last_place = number
        if number:
            session.previous_at = session.last_at
        changed = _move_last_event(session, occurred_at)
        if page is not None:
            changed = (*changed, _append(session, occurred_at, page))
    else:
        session.previous_at = max(session.previous_at, occurred_at)
        changed = _insert(session, occurred_at, id_bytes, page) if page is not None else ()
    kind = event.type
    if kind == "page_ping":
        session.pings += 1
        if event.ping is not None:
            _take_ping(session, event.ping, occurred_at, last)
    elif kind != "page_view":
        _take_other(session, event, id_bytes, occurred_at)
    if last:
        session.ended = kind == "session_end"
    return changed


def _take_other(session: Session, event: Event, id_bytes: bytes, occurred_at: int) -> None:
    """Count an event that is neither a page view nor a ping."""
    if event.type == "custom":
        session.customs += 1
    elif event.history is not None:
        known = session.history_at, session.id_at(session.history_place)
        if session.history is None or (occurred_at, id_bytes) < known:
            session.history = shared_history(event.history)
            session.history_at, session.history_place = occurred_at, session.events - 1
    if is_commerce(event):
        if session.commerce is None:
            session.commerce = CommerceState()
        session.commerce.take(event, id_bytes, occurred_at)


def _take_ping(session: Session, ping: Ping, occurred_at: int, last: bool) -> None:
    engagement = session.engagement
    if engagement is None:
        engagement = session.engagement = Engagement()
    engagement.add(occurred_at, len(session.ids) // ID_BYTES - 1, ping.engaged_ms, ping.scroll_depth, last)
    if not last:
        _recount_pings(session, engagement)


def _recount_pings(session: Session, engagement: Engagement) -> None:
    def view_of(at: int, place: int) -> int:
        return _position(session, at, session.id_at(place)) - 1

    engagement.recount(view_of, len(session.views) - 1)


def _before(session: Session, at: int, id_bytes: bytes, other_at: int, other: int, verified: bool = False) -> bool:
    """Whether an event comes before another one of the session; of two with one id the verified purchase is later."""
    if at != other_at:
        return at < other_at
    known = session.id_at(other)
    return id_bytes < known or (id_bytes == known and not verified)


def _move_last_event(session: Session, at: int) -> tuple[int, ...]:
    """The session's last event is now at `at`, which lengthens its last view."""
    before, session.last_at = session.last_at, at
    views = session.views
    if not views:
        return ()
    capped_at = (views[-1] >> PLACE_BITS) + VIEW_CAP
    if before < capped_at:
        until = at if at < capped_at else capped_at
        session.by_type[TYPES + session.pages[-1].type_index] += until - before
    return (len(views) - 1,)


def _append(session: Session, at: int, page: PageAtVersion) -> int:
    """Put a view behind those that are there; returns its index."""
    _count_page(session, page)
    session.views.append(at << PLACE_BITS | session.last_place)
    session.pages.append(page)
    session.bounce_rate_sum += page.bounce_rate
    session.exit_rate_sum += page.exit_rate
    session.page_value_sum += page.page_value
    if session.engagement is not None:
        session.engagement.next_view()
    return len(session.pages) - 1


def _insert(session: Session, occurred_at: int, id_bytes: bytes, page: PageAtVersion) -> tuple[int, ...]:
    """Put a view among or before those that are there; the one before it is cut short."""
    at = _position(session, occurred_at, id_bytes)
    _count_page(session, page)
    if at:
        session.by_type[TYPES + session.pages[at - 1].type_index] -= session.view_millis(at - 1)
    session.views.insert(at, occurred_at << PLACE_BITS | session.events - 1)
    session.pages.insert(at, page)
    _sum_rates(session)
    changed = {at, len(session.views) - 1} | ({at - 1} if at else set())
    for index in changed & {at - 1, at}:
        session.by_type[TYPES + session.pages[index].type_index] += session.view_millis(index)
    if session.engagement is not None:
        _recount_pings(session, session.engagement)
    return tuple(sorted(changed))


def _count_page(session: Session, page: PageAtVersion) -> None:
    session.by_type[page.type_index] += 1
    if page.has_statistics:
        session.views_with_statistics += 1
    # Views of one page mostly share it; otherwise a path may have been of another type or version.
    pages = session.pages
    if page not in pages and page.path not in map(_path, pages):
        session.distinct_pages += 1


def _position(session: Session, occurred_at: int, id_bytes: bytes) -> int:
    """Where a view of this time and id stands among the views."""
    at = bisect_left(session.views, occurred_at << PLACE_BITS)
    while at < len(session.views) and not _before(
        session, occurred_at, id_bytes, session.view_at(at), session.view_place(at)
    ):
        at += 1
    return at


def _sum_rates(session: Session) -> None:
    """Sum the rates from the first view to the last; `sum` compensates from Python 3.12 on, addition never."""
    bounce = leave = value = 0.0
    for page in session.pages:
        bounce += page.bounce_rate
        leave += page.exit_rate
        value += page.page_value
    session.bounce_rate_sum, session.exit_rate_sum, session.page_value_sum = bounce, leave, value


def _session_context(context: Context) -> SessionContext:
    browser, system = context.browser, context.operating_system
    region, traffic = context.region, context.traffic_type
    names = CategoryNames(browser.name, system.name, region.name, traffic.name)
    codes = system.code, browser.code, region.code, traffic.code
    return shared_context(SessionContext(*codes, context.visitor_type, context.device_class, names))


@lru_cache(maxsize=20_000)
def network_digest(site: str, cut_address: str) -> str:
    """What stands for the network of a cut address, another digest on each site; empty for a private one."""
    if _PRIVATE.match(cut_address):
        return ""
    return blake2b(cut_address.encode(), key=site.encode()[:64], digest_size=6).hexdigest()


@lru_cache(maxsize=1_000)
def shared_history(history: VisitorHistory) -> VisitorHistory:
    """One object for all new visitors, who are many."""
    return history


@lru_cache(maxsize=20_000)
def shared_context(session_context: SessionContext) -> SessionContext:
    """One object for all sessions that come from the same place."""
    return session_context
