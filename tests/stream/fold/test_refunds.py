"""The refunds of a session: verified ones of an order, each event once, in the order of their events."""

from itertools import permutations
from typing import Any

import pytest

from ingest.commerce import Commerce
from ingest.events import Event, Purchase
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


SERVER_PURCHASE = event(6, type="purchase", purchase=Purchase(9.0, "o3", verified=True))
SERVER_CART = event(7, type="commerce", commerce=Commerce("add_to_cart", 9.0))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([WHOLE], True, id="a refund alone"),
        pytest.param([PART, WHOLE, PART], True, id="two refunds, one sent twice"),
        pytest.param([WHOLE, event(5)], False, id="a page too"),
        pytest.param([WHOLE, SERVER_PURCHASE], False, id="a purchase too"),
        pytest.param([WHOLE, SERVER_CART], False, id="a cart too"),
        pytest.param([WHOLE, refund(1, verified=False)], False, id="an unverified refund too"),
        pytest.param([refund(1, verified=False)], False, id="an unverified refund alone"),
        pytest.param([refund(1, order_id=None)], False, id="a refund of no order"),
        pytest.param([SERVER_PURCHASE], False, id="a purchase alone"),
        pytest.param([event(0, flags=("bot",)), WHOLE], True, id="a page of a program"),
    ],
)
def test_a_session_of_refunds_alone_has_no_visitor(events: list[Event], expected: bool) -> None:
    for each in permutations(events):
        assert folded(log_of(each)).sessions[-1].bot is expected


def test_a_visitor_who_comes_after_the_refund_is_one_from_then_on() -> None:
    assert [update.bot for update in folded(log_of([WHOLE, event(5, NOON + 30)])).sessions] == [True, False]


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
