"""Segment's API as its libraries meet it: the key, what is answered, what the log has."""

import base64
import json
import time
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from ingest.events import Event
from ingest.publish import ListPublisher
from tests.support.agents import CHROME
from tests.support.events import NOON, event_id
from tests.support.ingest_app import IMPORT_KEY, OTHER_KEY, WRITE_KEY, events, ingest_client, refusal, settings
from tests.support.log import folded, log_of

LANGUAGE = "de-AT"
CONTEXT = {
    "page": {"url": "https://shop.example/p/1?utm_medium=email", "referrer": "https://www.google.com/"},
    "userAgent": CHROME,
    "locale": LANGUAGE,
    "library": {"name": "analytics-node", "version": "2.0.0"},
}
#: What libraries on servers send of themselves.
LIBRARY = {"user-agent": "analytics-python/2.3.2", "accept-language": ""}


def basic(user: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:".encode()).decode()}


async def post(
    log: ListPublisher, path: str, body: Any, headers: dict[str, str] | None = None, **given: Any
) -> httpx.Response:
    async with ingest_client(log, settings(**given)) as client:
        del client.headers["x-opecom-key"]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**LIBRARY, **(basic(WRITE_KEY) if headers is None else headers)}
        return await client.post(f"/segment/v1/{path}", content=content, headers=sent)


@pytest.fixture
def log() -> ListPublisher:
    return ListPublisher()


def page(**fields: Any) -> dict[str, Any]:
    return {"type": "page", "anonymousId": "a1", "context": CONTEXT, **fields}


async def test_a_call_is_answered_200_once_the_log_has_it(log: ListPublisher) -> None:
    answer = await post(log, "page", page())
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "refused": []})
    [view] = events(log)
    assert (view.site, view.type, view.visitor_id) == ("shop", "page_view", "a1")
    # The visitor's browser and language, by the message; the library is no program that visits.
    assert (view.context.browser.name, view.context.region.name) == ("Chrome", "AT")
    assert view.context.traffic_type.name == "Email"
    assert view.flags == ()


async def test_nothing_is_acknowledged_that_the_log_has_not(log: ListPublisher) -> None:
    log.away = "Kafka is away"
    assert refusal(await post(log, "page", page())) == (503, "unavailable")


async def test_a_batch_refuses_only_what_is_wrong_or_has_no_equivalent(log: ListPublisher) -> None:
    batch = [
        page(),
        {"type": "identify", "userId": "u1", "traits": {"email": "ann@shop.example"}},
        {"type": "track", "anonymousId": "a1", "event": "Cart Viewed", "properties": {"value": "much"}},
        "no message",
        {"anonymousId": "a1"},
        {"type": "track", "anonymousId": "a1", "event": "Cart Viewed", "integrations": {"All": True}},
    ]
    async with ingest_client(log) as client:
        body = json.dumps({"batch": batch, "writeKey": "x", "context": {"library": {"name": "x"}}})
        answer = await client.post("/segment/v1/batch", content=body, headers=basic(OTHER_KEY))
        metrics = await client.get("/metrics", headers={"x-opecom-key": "read-key-of-the-tests"})
    assert answer.status_code == 200
    refused = {each["index"]: each["code"] for each in answer.json()["refused"]}
    assert refused == {1: "no_equivalent", 2: "invalid", 3: "invalid", 4: "invalid"}
    assert answer.json()["accepted"] == 2
    assert [event.type for event in events(log)] == ["page_view", "commerce"]
    assert 'opecom_ingest_refused_total{code="no_equivalent"} 1.0' in metrics.text
    assert "ann@shop.example" not in answer.text


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (basic(WRITE_KEY), 200),
        ({"x-opecom-key": WRITE_KEY}, 200),
        ({}, (401, "no_key")),
        (basic("nobody's key"), (401, "wrong_key")),
        (basic(""), (401, "no_key")),
        ({"authorization": "Basic %%%"}, (401, "wrong_key")),
        ({"authorization": f"Bearer {WRITE_KEY}"}, (401, "no_key")),
        (basic(IMPORT_KEY), (403, "wrong_scope")),
        ({**basic(WRITE_KEY), "origin": "https://evil.example"}, (403, "wrong_origin")),
    ],
)
async def test_the_write_key_is_the_user_name(log: ListPublisher, headers: dict[str, str], expected: Any) -> None:
    answer = await post(log, "track", {"anonymousId": "a1", "event": "Cart Viewed"}, headers)
    assert (200 if answer.status_code == 200 else refusal(answer)) == expected
    assert len(log.records) == (1 if expected == 200 else 0)


async def test_the_limits_are_those_of_our_own_batches(log: ListPublisher) -> None:
    many = {"batch": [page()] * 4}
    assert refusal(await post(log, "batch", many, max_batch_events=3)) == (413, "too_many")
    assert refusal(await post(log, "batch", many, address_rate_per_second=0.1)) == (429, "rate")
    assert refusal(await post(log, "batch", b"{")) == (400, "malformed")
    assert refusal(await post(log, "batch", {"batch": 1})) == (422, "invalid")
    assert refusal(await post(log, "track", {"anonymousId": {}})) == (422, "invalid")
    assert log.records == []


async def test_programs_are_known_by_the_message_and_counted(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        seen = page(context={**CONTEXT, "userAgent": "Googlebot/2.1"})
        await client.post("/segment/v1/batch", content=json.dumps({"batch": [seen, page()]}))
        metrics = await client.get("/metrics", headers={"x-opecom-key": "read-key-of-the-tests"})
    assert [event.flags for event in events(log)] == [("bot",), ()]
    assert 'opecom_ingest_bot_events_total{site="shop"} 1.0' in metrics.text


async def test_a_wrong_clock_is_corrected_by_the_time_of_sending(log: ListPublisher) -> None:
    now = int(time.time() * 1000)
    wrong = now - 3_600_000
    at = {"timestamp": wrong - 60_000}
    await post(log, "batch", {"batch": [page(**at)], "sentAt": wrong})
    await post(log, "page", page(**at, sentAt=wrong))
    for event in events(log):
        assert event.flags == ("skew",)
        assert abs(event.received_at - event.occurred_at - 60_000) < 5_000


ORDER = [
    ("page_view", "page", {}, {"url": "https://shop.example/p/1"}),
    (
        "commerce",
        "Product Viewed",
        {"commerce": {"action": "view_item", "currency": "EUR", "items": [{"id": "p-7", "price": 19.9}]}},
        {"product_id": "p-7", "price": 19.9, "currency": "EUR"},
    ),
    (
        "commerce",
        "Product Added",
        {
            "commerce": {
                "action": "add_to_cart",
                "currency": "EUR",
                "items": [{"id": "p-7", "quantity": 2, "price": 19.9}],
            }
        },
        {"product_id": "p-7", "quantity": 2, "price": 19.9, "currency": "EUR"},
    ),
    ("commerce", "Checkout Started", {"commerce": {"action": "begin_checkout", "value": 39.8}}, {"value": 39.8}),
    (
        "purchase",
        "Order Completed",
        {"purchase": {"amount": 44.7, "order_id": "A-1", "currency": "EUR"}},
        {"order_id": "A-1", "total": 44.7, "revenue": 39.8, "currency": "EUR", "products": [{"sku": 1}]},
    ),
]


async def test_an_order_gives_the_same_session_in_both_shapes() -> None:
    """The same journey by /v1/batch and by Segment: the same events, and so the same row."""
    around = {"url": "https://shop.example/p/1", "referrer": "https://www.google.com/"}
    own, theirs = [], []
    now = int(time.time() * 1000)
    for number, (kind, name, member, properties) in enumerate(ORDER):
        at = now - 60_000 + number * 1_000
        common = {
            "type": kind,
            "event_id": event_id(number),
            "session_id": "s-1",
            "visitor_id": "a1",
            "occurred_at": at,
        }
        own.append({**common, "page": around, **member})
        call = {"type": "page"} if name == "page" else {"type": "track", "event": name}
        context = {"page": around, "userAgent": CHROME, "locale": LANGUAGE, "sessionId": "s-1"}
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + f".{at % 1000:03d}Z"
        who = {"messageId": event_id(number), "anonymousId": "a1", "timestamp": stamp, "context": context}
        theirs.append({**call, **who, "properties": properties})
    ours, segments = ListPublisher(), ListPublisher()
    counting = {"shop": {"write_keys": [WRITE_KEY], "count_unverified_purchases": True}}
    async with ingest_client(ours, settings(counting)) as client:
        answer = await client.post(
            "/v1/batch", json={"sent_at": now, "events": own}, headers={"accept-language": LANGUAGE}
        )
        assert answer.json() == {"accepted": len(ORDER), "refused": []}
    answer = await post(segments, "batch", {"batch": theirs, "sentAt": now}, sites=counting)
    assert answer.json() == {"accepted": len(ORDER), "refused": []}
    assert received(ours) == received(segments)
    rows = [folded(log_of(received(log))).sessions[-1] for log in (ours, segments)]
    assert rows[0] == rows[1]
    assert (rows[0].amount, rows[0].currency) == (44.7, "EUR")


def received(log: ListPublisher) -> list[Event]:
    """The events as if all had come at one moment."""
    return [replace(event, received_at=event.occurred_at) for event in events(log)]


async def test_a_pause_of_the_visitor_begins_another_session(log: ListPublisher) -> None:
    """Without `context.sessionId` the fold's own rule of thirty minutes cuts a visitor's events into sessions."""
    for minute in (0, 20, 60):
        await post(log, "page", page(messageId=event_id(minute + 1)))
    at = [NOON + minute * 60_000 for minute in (0, 20, 60)]
    moved = [replace(event, occurred_at=to, received_at=to) for event, to in zip(events(log), at, strict=True)]
    sessions = folded(log_of(moved)).sessions
    opened = {each.opened_at for each in sessions}
    assert opened == {NOON, NOON + 60 * 60_000}
    assert {each.session_id for each in sessions} == {"a1"}
