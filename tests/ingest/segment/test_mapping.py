"""Calls of Segment's libraries, and the events of ours that they are."""

import hashlib
import uuid
from typing import Any

import msgspec
import pytest

from ingest.commerce import MAX_ITEMS
from ingest.errors import RequestRefusedError
from ingest.schemas import SentCommerce, SentEvent, SentItem, SentPage, SentPurchase
from ingest.segment.mapping import ACTIONS, sent_event
from ingest.segment.messages import SegmentMessage, message_decoder
from tests.support.events import NOON, event_id

NEW = event_id(9)
WHO: dict[str, Any] = {"anonymousId": "a1"}


def made(kind: str = "track", **fields: Any) -> SentEvent:
    message = message_decoder.decode(msgspec.json.encode({**WHO, **fields}))
    assert isinstance(message, SegmentMessage)
    return sent_event(message, kind, "shop", NEW)


def tracked(event: str, **properties: Any) -> SentEvent:
    return made(event=event, properties=properties)


PRODUCT = {"product_id": "p-7", "sku": "S7", "name": "Teapot", "price": 19.9, "quantity": 2}
ITEM = SentItem("p-7", 2, 19.9)


@pytest.mark.parametrize(
    ("event", "properties", "commerce"),
    [
        ("Products Searched", {"query": "teapot"}, SentCommerce("search")),
        (
            "Product List Viewed",
            {"list_id": "l1", "products": [PRODUCT, {"sku": 8}]},
            SentCommerce("view_item_list", items=(ITEM, SentItem(8))),
        ),
        ("Product Clicked", PRODUCT, SentCommerce("select_item", items=(ITEM,))),
        ("Product Viewed", {**PRODUCT, "currency": "EUR"}, SentCommerce("view_item", None, "EUR", (ITEM,))),
        (
            "Product Added",
            {**PRODUCT, "cart_id": "c1", "value": "39.80", "currency": "EUR"},
            SentCommerce("add_to_cart", "39.80", "EUR", (ITEM,)),
        ),
        ("Product Removed", {"name": "Teapot"}, SentCommerce("remove_from_cart", items=(SentItem("Teapot"),))),
        ("Product Added to Wishlist", PRODUCT, SentCommerce("add_to_wishlist", items=(ITEM,))),
        ("Cart Viewed", {"products": [PRODUCT]}, SentCommerce("view_cart", items=(ITEM,))),
        (
            "Checkout Started",
            {"order_id": "A-1", "value": 45, "revenue": 40, "products": [PRODUCT]},
            SentCommerce("begin_checkout", 45.0, None, (ITEM,), "A-1"),
        ),
        ("Payment Info Entered", {"checkout_id": "x"}, SentCommerce("add_payment_info")),
        ("Order Refunded", {"order_id": 17, "total": 5, "currency": "EUR"}, SentCommerce("refund", 5.0, "EUR", (), 17)),
        ("cart viewed ", {}, SentCommerce("view_cart")),
        ("Cart Viewed", {"products": [{"price": 3}]}, SentCommerce("view_cart")),
    ],
)
def test_events_of_commerce(event: str, properties: dict[str, Any], commerce: SentCommerce) -> None:
    sent = tracked(event, **properties)
    assert (sent.type, sent.commerce) == ("commerce", commerce)


def test_every_action_is_in_the_table_above() -> None:
    marks: list[Any] = test_events_of_commerce.pytestmark  # type: ignore[attr-defined]
    named = {case[0].strip().lower() for case in marks[0].args[1]}
    assert named == set(ACTIONS)


@pytest.mark.parametrize(
    ("properties", "purchase"),
    [
        ({"order_id": "A-1", "total": 45, "revenue": 40, "currency": "EUR"}, SentPurchase(45.0, "A-1", "EUR")),
        ({"order_id": "A-1", "revenue": "40.00"}, SentPurchase("40.00", "A-1")),
        ({"value": 3}, SentPurchase(3.0)),
    ],
    ids=["the total counts", "else the revenue", "else the value"],
)
def test_an_order_is_a_purchase(properties: dict[str, Any], purchase: SentPurchase) -> None:
    sent = tracked("Order Completed", **properties)
    assert (sent.type, sent.purchase) == ("purchase", purchase)


@pytest.mark.parametrize(
    ("fields", "page"),
    [
        ({"properties": {"url": "https://s.example/p", "referrer": "https://g.example/"}}, ("https://s.example/p", 1)),
        (
            {"context": {"page": {"url": "https://s.example/p", "referrer": "https://g.example/"}}},
            ("https://s.example/p", 1),
        ),
        ({"properties": {"path": "/p"}}, ("/p", 0)),
        ({"properties": {"url": "/own"}, "context": {"page": {"url": "/around"}}}, ("/own", 0)),
    ],
    ids=["of its properties", "of its context", "a path", "its properties before its context"],
)
def test_a_page_call_is_a_page_view(fields: dict[str, Any], page: tuple[str, int]) -> None:
    sent = made("page", **fields)
    assert (sent.type, sent.page) == ("page_view", SentPage(page[0], None, "https://g.example/" if page[1] else None))


@pytest.mark.parametrize(
    ("kind", "fields", "code", "words"),
    [
        ("identify", {}, "no_equivalent", "'identify' has no equivalent"),
        ("group", {}, "no_equivalent", "'group' has no equivalent"),
        ("a\nb" * 40, {}, "no_equivalent", "\\n"),
        ("track", {"event": "Video Played"}, "no_equivalent", "'Video Played' has no equivalent"),
        ("track", {}, "invalid", "`event`"),
        ("track", {"event": "Order Completed"}, "invalid", "`properties.total`"),
        ("page", {}, "invalid", "`properties.url`"),
        ("page", {"anonymousId": None}, "invalid", "`anonymousId` or `userId`"),
        ("page", {"anonymousId": "", "userId": ""}, "invalid", "`anonymousId` or `userId`"),
    ],
)
def test_refusals_name_what_is_missing(kind: str, fields: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        made(kind, **fields)
    assert refused.value.code == code
    assert words in refused.value.reason
    assert "\n" not in refused.value.reason


def test_a_session_is_the_sessions_own_or_the_visitors() -> None:
    seen = made(event="Cart Viewed")
    assert (seen.session_id, seen.visitor_id) == ("a1", "a1")
    for given, session in ((1_732_000_000, "1732000000"), ("s-1", "s-1")):
        assert made(event="Cart Viewed", context={"sessionId": given}).session_id == session
    spaced = made(event="Cart Viewed", context={"sessionId": "has spaces"}).session_id
    assert spaced == "x-" + hashlib.sha256(b"has spaces").hexdigest()[:32]


def test_a_user_id_alone_is_a_visitor_and_is_not_kept() -> None:
    one = made(event="Cart Viewed", anonymousId=None, userId="ann@shop.example")
    assert one.visitor_id == "u-" + hashlib.sha256(b"user shop ann@shop.example").hexdigest()[:32]
    assert one.session_id == one.visitor_id
    assert made(event="Cart Viewed", userId="ann@shop.example").visitor_id == "a1"


def test_an_id_follows_from_the_message_id() -> None:
    assert made(event="Cart Viewed").event_id == NEW
    given = "0190A000-0000-7000-8000-000000000001"
    assert made(event="Cart Viewed", messageId=given).event_id == given.lower()
    first, again, other = (made(event="Cart Viewed", messageId=name).event_id for name in ("ajs-1", "ajs-1", "ajs-2"))
    assert first == again != other
    assert first is not None
    assert uuid.UUID(first).version == 8


def test_a_time_that_was_corrected_on_the_way_is_not_corrected_again() -> None:
    assert made(event="Cart Viewed", timestamp=NOON).occurred_at == NOON
    assert made(event="Cart Viewed", timestamp=NOON, originalTimestamp=NOON - 7).occurred_at == NOON - 7


def test_of_very_many_products_the_first_are_kept() -> None:
    sent = tracked("Product List Viewed", products=[{"sku": number} for number in range(MAX_ITEMS + 7)])
    assert sent.commerce is not None
    assert [item.id for item in sent.commerce.items] == list(range(MAX_ITEMS))
