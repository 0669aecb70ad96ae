"""The refunds of a session: verified ones of an order, each event once, in the order of their events."""

from typing import Any

import pytest

from ingest.commerce import Commerce
from ingest.events import Event
from stream.scored import Refund, decode, encode
from tests.support.events import NOON, event, event_id
from tests.support.log import folded, log_of
from tests.support.scored import scored


def refund(number: int, at: int = 0, **given: Any) -> Event:
    whole: dict[str, Any] = {"order_id": "o1", "verified": True} | given
    return event(number, NOON + at, type="commerce", commerce=Commerce("refund", **whole), received_at=NOON + 9_000)


def refunds_of(*events: Event) -> tuple[Refund, ...]:
    return folded(log_of(list(events))).sessions[-1].refunds


PART = refund(1, 10, value=4.5, currency="EUR")
WHOLE = refund(2, 20, order_id="o2")
MADE = (Refund("o1", event_id(1), NOON + 10, 4.5, "EUR"), Refund("o2", event_id(2), NOON + 20))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([PART, WHOLE], MADE, id="a part and a whole one"),
        pytest.param([WHOLE, PART], MADE, id="in the order of their events"),
        pytest.param([PART, WHOLE, PART], MADE, id="each event once"),
        pytest.param([event(5), refund(1, verified=False)], (), id="unverified"),
        pytest.param([event(5), refund(1, order_id=None)], (), id="of no order"),
        pytest.param([event(5)], (), id="none"),
        pytest.param(
            [event(5, type="commerce", commerce=Commerce("view_cart", 9.0, verified=True))], (), id="no refund"
        ),
    ],
)
def test_refunds_are_verified_events_of_an_order(events: list[Event], expected: tuple[Refund, ...]) -> None:
    assert refunds_of(*events) == expected


def test_an_event_id_spelled_otherwise_is_the_same_refund() -> None:
    plain = refund(1)
    spelled = Event(
        **{name: getattr(plain, name) for name in plain.__struct_fields__} | {"event_id": event_id(1).upper()}
    )
    assert refunds_of(plain, spelled) == refunds_of(spelled, plain) == (Refund("o1", event_id(1), NOON),)


def test_a_record_has_its_refunds_and_an_older_one_none() -> None:
    record = encode(scored(1, refunds=MADE))
    assert decode(record).refunds == MADE
    older = record.replace(b',"refunds":' + record.partition(b',"refunds":')[2].partition(b"]")[0] + b"]", b"")
    assert b"refunds" not in older
    assert decode(older).refunds == ()
