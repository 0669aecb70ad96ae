"""A message of Segment -> the event that our own API would have been sent. Pure: the message alone decides.

Of the e-commerce specification what our fold knows is taken; the rest has no equivalent and is refused as such.
"""

import hashlib
import re
import uuid

from msgspec.structs import replace

from ingest.commerce import MAX_ITEMS, CommerceAction
from ingest.errors import RequestRefusedError
from ingest.schemas import SentCommerce, SentEvent, SentItem, SentPage, SentPurchase
from ingest.segment.messages import (
    Decimal,
    Identifier,
    SegmentContext,
    SegmentMessage,
    SegmentPage,
    SegmentProduct,
    SegmentProperties,
)

#: Names of Segment's e-commerce specification, in lower case. "Order Completed" is a purchase.
ACTIONS: dict[str, CommerceAction] = {
    "products searched": "search",
    "product list viewed": "view_item_list",
    "product clicked": "select_item",
    "product viewed": "view_item",
    "product added": "add_to_cart",
    "product removed": "remove_from_cart",
    "cart viewed": "view_cart",
    "checkout started": "begin_checkout",
    "payment info entered": "add_payment_info",
    "product added to wishlist": "add_to_wishlist",
    "order refunded": "refund",
}
PURCHASE = "order completed"
_ID = re.compile(r"[A-Za-z0-9_.:~-]{1,64}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOTHING, _NO_CONTEXT = SegmentProperties(), SegmentContext()


def sent_event(message: SegmentMessage, kind: str, site: str, new_id: str) -> SentEvent:
    """The event that a call of this kind (track, page, ...) is; `new_id` is its id where it has no messageId.

    Raises RequestRefusedError: no_equivalent for a call that is no event of ours, invalid for one that lacks a field.
    """
    context, properties = message.context or _NO_CONTEXT, message.properties or _NOTHING
    visitor = visitor_id(message, site)
    page = _page(properties if kind == "page" else None, context.page)
    common = SentEvent(
        type="page_view",
        session_id=_own_id(context.session_id) or visitor,
        visitor_id=visitor,
        event_id=event_id(message.message_id, site) if message.message_id else new_id,
        # Where both are there, `timestamp` was corrected on the way, and sentAt must not correct it again.
        occurred_at=message.timestamp if message.original_timestamp is None else message.original_timestamp,
        page=page,
    )
    if kind == "page":
        if page is None:
            raise RequestRefusedError("invalid", "a page call needs `properties.url` or `context.page.url`")
        return common
    if kind != "track":
        raise RequestRefusedError(
            "no_equivalent", f"a call of type {kind[:40]!r} has no equivalent here: page and track have"
        )
    if message.event is None:
        raise RequestRefusedError("invalid", "a track call needs `event`, its name")
    return _tracked(message.event, properties, common)


def _tracked(event: str, properties: SegmentProperties, common: SentEvent) -> SentEvent:
    name = event.strip().lower()
    if name == PURCHASE:
        return replace(common, type="purchase", purchase=_purchase(properties))
    if (action := ACTIONS.get(name)) is None:
        raise RequestRefusedError(
            "no_equivalent", f"the event {event[:80]!r} has no equivalent here: those of e-commerce have"
        )
    return replace(common, type="commerce", commerce=_commerce(action, properties))


def visitor_id(message: SegmentMessage, site: str) -> str:
    """`anonymousId`; without it a digest of the site and `userId`, which may be an address of e-mail.

    Raises RequestRefusedError for a message with neither, as Segment does.
    """
    if visitor := _own_id(message.anonymous_id):
        return visitor
    if message.user_id is None or message.user_id == "":
        raise RequestRefusedError("invalid", "a message needs `anonymousId` or `userId`")
    return "u-" + _digest(f"user {site} {message.user_id}").hex()[:32]


def event_id(message_id: str, site: str) -> str:
    """The UUID that a messageId is or, if it is none, that follows from it."""
    if _UUID.fullmatch(message_id.lower()):
        return message_id.lower()
    digest = bytearray(_digest(f"message {site} {message_id}")[:16])
    # Version and variant of a UUID of one's own making (RFC 9562, 5.8).
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def _own_id(given: Identifier | None) -> str | None:
    """An id as it is where our ids may have its letters, else a digest of it; None for an empty one."""
    text = "" if given is None else str(given)
    if not text or _ID.fullmatch(text):
        return text or None
    return "x-" + _digest(text).hex()[:32]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _page(own: SegmentProperties | None, around: SegmentPage | None) -> SentPage | None:
    """The page of a page call by its properties, of any other by its context."""
    places = [place for place in (own, around) if place is not None]
    url = next((place.url or place.path for place in places if place.url or place.path), None)
    referrer = next((place.referrer for place in places if place.referrer), None)
    return SentPage(url, None, referrer) if url else None


def _purchase(properties: SegmentProperties) -> SentPurchase:
    amount = _sum(properties.total, properties.revenue, properties.value)
    if amount is None:
        raise RequestRefusedError("invalid", "Order Completed needs `properties.total` or `properties.revenue`")
    return SentPurchase(amount, properties.order_id, properties.currency)


def _commerce(action: CommerceAction, properties: SegmentProperties) -> SentCommerce:
    value = _sum(properties.value, properties.total, properties.revenue)
    products = properties.products if properties.products is not None else [properties]
    items = [item for product in products if (item := _item(product)) is not None]
    return SentCommerce(action, value, properties.currency, tuple(items[:MAX_ITEMS]), properties.order_id)


def _item(product: SegmentProduct) -> SentItem | None:
    """A product that says which one it is; another one adorns its event, and is left out."""
    for name in (product.product_id, product.sku, product.name):
        if name is not None and str(name).strip():
            return SentItem(name, 1.0 if product.quantity is None else product.quantity, product.price)
    return None


def _sum(*candidates: Decimal | None) -> Decimal | None:
    return next((candidate for candidate in candidates if candidate is not None), None)
