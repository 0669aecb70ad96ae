"""Messages of Segment's HTTP API, as far as they are read; fields that stand nowhere here are passed over.

The forms are those of segment.com/docs: the specification of messages, and that of e-commerce events.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ingest.schemas import DecimalText, LongUrl, Moment

Identifier = Annotated[str, Meta(max_length=1_000)] | int
Decimal = float | DecimalText
Name = Annotated[str, Meta(max_length=1_000)]


class SegmentPage(Struct, frozen=True):
    """The page that the visitor was on."""

    url: LongUrl | None = None
    path: LongUrl | None = None
    referrer: LongUrl | None = None


class SegmentContext(Struct, frozen=True, rename="camel"):
    """What a library knows of the visitor. `sessionId` is none of Segment's own: send it where you have one."""

    page: SegmentPage | None = None
    user_agent: Annotated[str, Meta(max_length=4_000)] | None = None
    locale: Annotated[str, Meta(max_length=200)] | None = None
    session_id: Identifier | None = None


class SegmentProduct(Struct, frozen=True):
    product_id: Identifier | None = None
    sku: Identifier | None = None
    name: Name | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None


class SegmentProperties(SegmentProduct, frozen=True):
    """Of a page, or of an e-commerce event; the fields of a product are those of an event about one."""

    url: LongUrl | None = None
    path: LongUrl | None = None
    referrer: LongUrl | None = None
    order_id: Identifier | None = None
    total: Decimal | None = None
    revenue: Decimal | None = None
    value: Decimal | None = None
    currency: Name | None = None
    products: list[SegmentProduct] | None = None


class SegmentMessage(Struct, frozen=True, rename="camel"):
    """One call of a library. `messageId`: sent again with it, the message counts once."""

    type: Name | None = None
    event: Name | None = None
    message_id: Name | None = None
    anonymous_id: Identifier | None = None
    user_id: Identifier | None = None
    timestamp: Moment | None = None
    original_timestamp: Moment | None = None
    sent_at: Moment | None = None
    context: SegmentContext | None = None
    properties: SegmentProperties | None = None


class SegmentBatch(Struct, frozen=True, rename="camel"):
    """Many messages of one site; a bad one refuses only itself."""

    batch: list[SegmentMessage]
    sent_at: Moment | None = None


class SegmentEnvelope(Struct, frozen=True, rename="camel"):
    """A batch whose messages are still bytes, to be read one by one."""

    batch: list[msgspec.Raw]
    sent_at: Moment | None = None


message_decoder: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(SegmentMessage)
envelope_decoder: "msgspec.json.Decoder[Any]" = msgspec.json.Decoder(SegmentEnvelope)
