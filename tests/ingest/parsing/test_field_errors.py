"""What is wrong with a body is said with the field that was meant."""

import time
from typing import Any

import msgspec
import pytest

from ingest import schemas
from ingest.collect import decoded
from ingest.errors import RequestRefusedError

SESSION = {"session_id": "s1"}


def reason(body: type[Any], **fields: Any) -> str:
    with pytest.raises(RequestRefusedError) as refused:
        decoded(msgspec.json.Decoder(body), msgspec.json.encode(fields))
    assert refused.value.code == "invalid"
    return refused.value.reason


@pytest.mark.parametrize(
    ("body", "fields", "meant"),
    [
        pytest.param(schemas.PurchaseMade, {"orderId": "7"}, "order_id", id="orderId"),
        pytest.param(schemas.PurchaseMade, {"OrderID": "7"}, "order_id", id="OrderID"),
        pytest.param(schemas.PurchaseMade, {"order-id": "7"}, "order_id", id="order-id"),
        pytest.param(schemas.PurchaseMade, {"orderid": "7"}, "order_id", id="orderid"),
        pytest.param(schemas.PurchaseMade, {"ordr_id": "7"}, "order_id", id="a slip"),
        pytest.param(schemas.PurchaseMade, {"transaction_id": "7"}, "order_id", id="as others call it"),
        pytest.param(schemas.PurchaseMade, {"total": 7}, "amount", id="total"),
        pytest.param(schemas.PurchaseMade, {"curency": "EUR"}, "currency", id="curency"),
        pytest.param(schemas.PurchaseMade, {"timestamp": 7}, "occurred_at", id="timestamp"),
        pytest.param(schemas.PurchaseMade, {"occuredAt": 7}, "occurred_at", id="occuredAt"),
        pytest.param(schemas.PageView, {"url": "/p"}, "page_url", id="url"),
        pytest.param(schemas.PageView, {"pageUrl": "/p"}, "page_url", id="pageUrl"),
        pytest.param(schemas.PageView, {"referer": "/p"}, "referrer", id="referer"),
        pytest.param(schemas.SessionStart, {"visitorId": "v"}, "visitor_id", id="visitorId"),
        pytest.param(schemas.SentEvent, {"eventId": "v"}, "event_id", id="eventId"),
        pytest.param(schemas.SentEvent, {"purchase": {"amount": 1, "orderId": "7"}}, "order_id", id="inside"),
        pytest.param(schemas.SentEvent, {"page": {"pageUrl": "/p"}}, "url", id="inside a page"),
        pytest.param(schemas.SentEvent, {"ping": {"engagedMs": 1}}, "engaged_ms", id="inside a ping"),
        pytest.param(schemas.SentEvent, {"orderId": "7"}, "order_id", id="inside, but stands outside"),
        pytest.param(schemas.Batch, {"sentAt": 7}, "sent_at", id="of the batch"),
    ],
)
def test_near_misses(body: type[Any], fields: dict[str, Any], meant: str) -> None:
    said = reason(body, **fields)
    assert "unknown field" in said
    assert f"did you mean {meant}?" in said


def test_it_states_where_a_field_belongs() -> None:
    assert reason(schemas.SentEvent, orderId="7").endswith("did you mean order_id? It belongs in `purchase`")
    assert reason(schemas.SentEvent, page={"visitor_id": "v"}).endswith("did you mean visitor_id? It belongs outside")


@pytest.mark.parametrize("name", ["colour", "x" * 5_000, "", "`", "\n"])
def test_what_nobody_meant_is_not_guessed(name: str) -> None:
    assert "did you mean" not in reason(schemas.PurchaseMade, **{name: 1})


@pytest.mark.parametrize(
    ("body", "fields", "what_to_do"),
    [
        pytest.param(schemas.SessionEnd, {"occurred_at": "yesterday"}, "milliseconds since 1970", id="no time"),
        pytest.param(schemas.SessionEnd, {"occurred_at": "2026-11-24T12:00:00"}, "with a zone", id="no zone"),
        pytest.param(schemas.SessionEnd, {"occurred_at": 1_764_000_000_000_000}, "milliseconds", id="microseconds"),
        pytest.param(schemas.Batch, {"sent_at": -1, "events": []}, "milliseconds", id="before 1970"),
        pytest.param(schemas.PurchaseMade, {"amount": "99,99"}, "99.99", id="a comma"),
        pytest.param(schemas.PurchaseMade, {"amount": "1e3"}, "99.99", id="an exponent"),
        pytest.param(schemas.PurchaseMade, {"amount": "NaN"}, "99.99", id="no number"),
        pytest.param(schemas.SessionEnd, {"event_id": "7"}, "UUID", id="no UUID"),
    ],
)
def test_it_states_what_to_do(body: type[Any], fields: dict[str, Any], what_to_do: str) -> None:
    assert what_to_do in reason(body, **SESSION, **fields) if body is not schemas.Batch else reason(body, **fields)


def test_guessing_costs_little() -> None:
    decoder = msgspec.json.Decoder(schemas.SentEvent)
    began = time.thread_time()
    for number in range(500):
        with pytest.raises(RequestRefusedError):
            decoded(decoder, msgspec.json.encode({f"occurrd{number:033}": 1}))
    assert time.thread_time() - began < 0.5
