"""An open session as bytes and back, without loss: what it says of the calendar is found again.

Only code that is the same byte by byte reads it (code_version.py), so there are no versions of the format.
"""

from array import array
from collections.abc import Callable
from sys import intern
from typing import Any

import msgspec
from msgspec import Struct

from ingest.commerce import VisitorHistory
from ingest.events import PageType
from stream.codegen import compile_tuple_getter, compile_tuple_setter
from stream.fold.calendar import Calendar
from stream.fold.cart import CartEvent, CartEvents
from stream.fold.commerce import CommerceState
from stream.fold.engagement import Engagement
from stream.fold.orders import NO_ORDERS, Orders, ReportedPurchase, with_purchase
from stream.fold.pages import TYPE_INDEXES, PageAtVersion
from stream.fold.session import Session, SessionContext, shared_context, shared_history
from stream.scored import Refund

#: Attributes that are packed in a way of their own, or found again; all others are numbers, texts and bytes.
_OWN_WAY = frozenset(
    (
        "by_type", "calendar", "commerce", "day", "engagement", "enrolled", "fired", "has_timer", "history", "hour",
        "orders", "pages", "session_context", "views",
    )
)  # fmt: skip
_PLAIN = tuple(name for name in Session.__slots__ if name not in _OWN_WAY)
_COMMERCE = tuple(name for name in CommerceState.__slots__ if name not in ("cart_events", "refunds"))
_plain: Callable[[Session], tuple[Any, ...]] = compile_tuple_getter(_PLAIN)
_commerce: Callable[[CommerceState], tuple[Any, ...]] = compile_tuple_getter(_COMMERCE)
_engagement: Callable[[Engagement], tuple[Any, ...]] = compile_tuple_getter(Engagement.__slots__)
_set_plain, _set_commerce = compile_tuple_setter(_PLAIN), compile_tuple_setter(_COMMERCE)
_set_engagement = compile_tuple_setter(Engagement.__slots__)

#: A page without what follows from its type: path, type, bounce rate, exit rate, page value, whether it has statistics.
_Page = tuple[str, PageType | None, float, float, float, bool]
#: The fields of a CartEvent.
_Moved = tuple[int, bytes, bool, str, bytes, float, str]


class _PackedCommerce(Struct, frozen=True, gc=False, array_like=True):
    plain: tuple[Any, ...]
    refunds: tuple[Refund, ...]
    #: None where no event has moved a cart.
    cart: tuple[_Moved, ...] | None


class _PackedSession(Struct, frozen=True, gc=False, array_like=True):
    plain: tuple[Any, ...]
    context: SessionContext
    views: bytes
    #: Of each view its page's place among the distinct `pages`.
    places: bytes
    pages: tuple[_Page, ...]
    by_type: bytes
    history: VisitorHistory | None
    engagement: tuple[Any, ...] | None
    commerce: _PackedCommerce | None
    orders: tuple[ReportedPurchase, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_PackedSession)


def pack(session: Session) -> bytes:
    """A session that has at least one event."""
    assert session.session_context is not None  # noqa: S101 - set by the first event
    distinct: dict[int, int] = {}
    places = array("H", [distinct.setdefault(id(page), len(distinct)) for page in session.pages])
    pages = {id(page): page for page in session.pages} if distinct else {}
    engagement, commerce = session.engagement, session.commerce
    return _encoder.encode(
        _PackedSession(
            _plain(session),
            session.session_context,
            session.views.tobytes(),
            places.tobytes(),
            tuple([_page(pages[each]) for each in distinct]),
            session.by_type.tobytes(),
            session.history,
            None if engagement is None else _engagement(engagement),
            None if commerce is None else _packed_commerce(commerce),
            session.orders.reported,
        )
    )


class SessionUnpacker:
    """Makes sessions of their bytes; pages and contexts that are equal are one object, as in a fold."""

    def __init__(self, calendar_of: Callable[[str], Calendar]) -> None:
        self._calendar_of = calendar_of
        self._pages: dict[_Page, PageAtVersion] = {}

    def unpack(self, packed: bytes) -> Session:
        """Raises msgspec.DecodeError, ValueError or IndexError for what `pack` has not made."""
        found = _decoder.decode(packed)
        session = Session.__new__(Session)
        _set_plain(session, found.plain)
        session.site = intern(session.site)
        session.calendar = calendar = self._calendar_of(session.site)
        session.day, session.hour = calendar.day(session.first_at), calendar.hour(session.first_at)
        session.enrolled, session.fired, session.has_timer = None, (), False
        session.session_context = shared_context(found.context)
        session.views = array("q", found.views)
        pages = [self._page(each) for each in found.pages]
        session.pages = [pages[place] for place in array("H", found.places)]
        session.by_type = array("I", found.by_type)
        session.history = None if found.history is None else shared_history(found.history)
        session.engagement = None if found.engagement is None else _unpacked_engagement(found.engagement)
        session.commerce = None if found.commerce is None else _unpacked_commerce(found.commerce)
        session.orders = _orders(found.orders)
        return session

    def _page(self, row: _Page) -> PageAtVersion:
        page = self._pages.get(row)
        if page is None:
            page = self._pages[row] = PageAtVersion(*row[:5], TYPE_INDEXES[row[1]], row[5])
        return page


def _page(page: PageAtVersion) -> _Page:
    return page.path, page.type, page.bounce_rate, page.exit_rate, page.page_value, page.has_statistics


def _packed_commerce(commerce: CommerceState) -> _PackedCommerce:
    cart = commerce.cart_events
    return _PackedCommerce(_commerce(commerce), commerce.refunds, None if cart is None else tuple(cart.events))


def _unpacked_commerce(found: _PackedCommerce) -> CommerceState:
    commerce = CommerceState()
    _set_commerce(commerce, found.plain)
    commerce.refunds = found.refunds
    commerce.cart_events = None if found.cart is None else CartEvents.of([CartEvent(*each) for each in found.cart])
    return commerce


def _unpacked_engagement(found: tuple[Any, ...]) -> Engagement:
    engagement = Engagement()
    _set_engagement(engagement, found)
    return engagement


def _orders(reported: tuple[ReportedPurchase, ...]) -> Orders:
    """The orders follow from what was reported."""
    return with_purchase(Orders(reported[:-1]), reported[-1]) if reported else NO_ORDERS
