"""Commerce events as clients send them: what is kept, and what is refused in one line that says what to send."""

from typing import Any

import msgspec
import pytest

from ingest import collect, schemas
from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import SenderContext
from ingest.commerce import ACTION_NAMES, Commerce, CommerceItem, VisitorHistory
from ingest.errors import RequestRefusedError
from ingest.events import Event, decode
from ingest.orders import refund_event_id
from ingest.publish import ListPublisher
from tests.support.events import NOON, event_id
from tests.support.ingest_app import ingest_client, refusal

SECRETS = ("whsec_" + "bmV3", "whsec_" + "b2xk")
SHOP = SiteAccess("shop", purchase_secrets=SECRETS)
ITEM = {"id": "sku-1", "quantity": 2, "price": 9.5}


def sender(scope: Any = "write", site: SiteAccess = SHOP, **given: Any) -> SenderContext:
    return SenderContext(Grant(site, scope, "shop"), NOON, new_id=lambda: event_id(9), **given)


def commerce(**given: Any) -> dict[str, Any]:
    return {"action": "add_to_cart", "value": 19, "currency": "eur", "items": [ITEM]} | given


def batch_of(*events: dict[str, Any], by: SenderContext | None = None) -> collect.Collected:
    sent = [{"session_id": "s1", **event} for event in events]
    return collect.batch(msgspec.json.encode({"sent_at": NOON, "events": sent}), by or sender(), 50)


def kept(**given: Any) -> Commerce:
    collected = batch_of({"type": "commerce", "commerce": commerce(**given)})
    assert not collected.refused
    event = decode(*collected.records[0])
    assert isinstance(event, Event)
    assert event.commerce is not None
    return event.commerce


@pytest.mark.parametrize("action", ACTION_NAMES)
def test_every_action_is_taken(action: str) -> None:
    assert kept(action=action, order_id="A-1").action == action


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {}, id="as sent"),
        pytest.param({"value": "19.00", "items": [{"id": "sku-1", "quantity": "2", "price": "9.5"}]}, {}, id="texts"),
        pytest.param({"currency": "Euro"}, {"currency": None}, id="a currency that is none is left out"),
        pytest.param({"items": [{"id": 7}]}, {"items": (CommerceItem("7"),)}, id="one of a product without a price"),
        pytest.param({"items": [{"id": "a\nb"}]}, {"items": (CommerceItem("a b"),)}, id="printable ids"),
        pytest.param({"value": "-0"}, {"value": 0.0}, id="no amount has a sign"),
        pytest.param({"value": None, "items": []}, {"value": None, "items": ()}, id="an action alone"),
    ],
)
def test_what_is_kept(given: dict[str, Any], expected: dict[str, Any]) -> None:
    whole = Commerce("add_to_cart", 19.0, "EUR", (CommerceItem("sku-1", 2.0, 9.5),))
    assert kept(**given) == msgspec.structs.replace(whole, **expected)


def test_two_long_ids_that_begin_alike_stay_two() -> None:
    items = kept(items=[{"id": "x" * 150 + end} for end in "ab"]).items
    assert len({item.id for item in items}) == 2
    assert all(len(item.id) == 100 for item in items)


WRONG = [
    pytest.param({"action": "buy"}, f"send one of {', '.join(ACTION_NAMES[:3])}", id="an unknown action"),
    pytest.param({"action": "buy" * 100}, f"{ACTION_NAMES[-1]}; a purchase is a type of its own", id="a long action"),
    pytest.param({"event": "add_to_cart"}, "did you mean action?", id="another name of the action"),
    pytest.param({"action": "purchase"}, "send one of view_item", id="a purchase is no action"),
    pytest.param({"items": [{"price": 1}]}, "send the product's number or name in it", id="an item without id"),
    pytest.param({"items": [{"item_id": "a"}]}, "did you mean id?", id="the name that Google has for it"),
    pytest.param({"items": [{"item_name": "a"}]}, "did you mean id?", id="the name that Google has for a name"),
    pytest.param(
        {"items": [{"id": "a", "colour": "b"}]}, "an item has id, quantity, price and no more", id="what no item has"
    ),
    pytest.param({"items": [{"id": " "}]}, "items[0] has an empty `id`", id="an item with an empty id"),
    pytest.param({"items": [ITEM] * 51}, "send the first 50", id="51 items"),
    pytest.param({"items": [{"id": "a", "quantity": -1}]}, "`quantity` of items[0] is -1", id="a negative quantity"),
    pytest.param({"items": [{"id": "a", "quantity": 1e7}]}, "a cart has 0 to 1000000", id="a quantity of no shop"),
    pytest.param({"items": [{"id": "a", "price": -3}]}, "`price` of `items[0]` is -3", id="a negative price"),
    pytest.param({"items": [{"id": "a", "price": "x"}]}, "send a number, as 99.99", id="a price that is no number"),
    pytest.param({"value": -1}, "`value` is -1.0; an amount is 0 to", id="a negative value"),
    pytest.param({"action": "refund"}, "a refund needs `order_id`", id="a refund of no order"),
    pytest.param({"transaction_id": "A-1"}, "did you mean order_id?", id="another name of the order"),
]


@pytest.mark.parametrize(("given", "reason"), WRONG)
def test_a_wrong_event_of_a_batch_refuses_only_itself(given: dict[str, Any], reason: str) -> None:
    wrong = {"type": "commerce", "commerce": commerce(**given)}
    collected = batch_of({"type": "session_end"}, wrong, {"type": "commerce", "commerce": commerce()})
    assert [refused.index for refused in collected.refused] == [1]
    assert reason in collected.refused[0].reason
    assert "\n" not in collected.refused[0].reason
    assert len(collected.records) == 2


@pytest.mark.parametrize(("given", "reason"), WRONG)
async def test_a_wrong_body_is_refused(given: dict[str, Any], reason: str) -> None:
    log = ListPublisher()
    async with ingest_client(log) as client:
        answer = await client.post("/tracker/commerce", json={"session_id": "s1", **commerce(**given)})
    assert refusal(answer) == (422, "invalid")
    assert reason in answer.json()["reason"]
    assert not log.records


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "commerce"}, "needs `commerce`"),
        ({"type": "custom", "commerce": commerce()}, "needs `custom`"),
        ({"type": "session_end", "commerce": commerce()}, "takes no `commerce`"),
        ({"type": "session_end", "history": {"previous_sessions": 1}}, "takes no `history`: session_start does"),
        ({"type": "session_start", "history": {"previous_sessions": -1}}, "history.previous_sessions"),
        ({"type": "session_start", "history": {}}, "missing required field `previous_sessions`"),
    ],
)
def test_a_member_belongs_to_its_type(event: dict[str, Any], reason: str) -> None:
    [refused] = batch_of(event).refused
    assert reason in refused.reason


def test_a_start_brings_the_visitors_history() -> None:
    history = {"previous_sessions": 3, "previous_purchases": 1, "days_since_previous_session": 2.5}
    event = decode(*batch_of({"type": "session_start", "history": history}).records[0])
    assert isinstance(event, Event)
    assert event.history == VisitorHistory(3, 1, 2.5)


@pytest.mark.parametrize(
    ("by", "verified"),
    [
        pytest.param(sender(), False, id="a browser's refund takes nothing back"),
        pytest.param(sender(verified=True), True, id="a signed one"),
        pytest.param(sender("import"), True, id="history"),
        pytest.param(sender(site=SiteAccess("shop", count_unverified_purchases=True)), True, id="where browsers count"),
    ],
)
def test_who_may_take_revenue_back(by: SenderContext, verified: bool) -> None:
    refund: dict[str, Any] = {"type": "commerce", "commerce": {"action": "refund", "order_id": "A-1"}}
    if by.grant.scope == "import":
        refund["received_at"] = NOON
    event = decode(*batch_of(refund, by=by).records[0])
    assert isinstance(event, Event)
    assert event.commerce == Commerce("refund", order_id="A-1", verified=verified)


def test_only_a_refund_is_ever_verified() -> None:
    event = decode(*batch_of({"type": "commerce", "commerce": commerce()}, by=sender(verified=True)).records[0])
    assert isinstance(event, Event)
    assert event.commerce is not None
    assert not event.commerce.verified


def signed(**given: Any) -> str:
    body = {"session_id": "s1", "action": "refund", "order_id": "A-1", "occurred_at": NOON, "value": 5} | given
    read = msgspec.convert(body, schemas.CommerceEvent)
    return collect.commerce(read, sender(verified=True))[1].event_id


def test_a_signed_refund_has_one_id_however_often_it_is_sent_and_a_second_part_another() -> None:
    first = signed(event_id=event_id(1))
    assert first == signed(value="5.00") == refund_event_id(SECRETS, "shop", "A-1", NOON, 5)
    others = {signed(value=6), signed(occurred_at=NOON + 1), signed(order_id="A-2"), signed(value=None)}
    assert len(others - {first}) == 4
    assert first != refund_event_id(SECRETS[:1], "shop", "A-1", NOON, 5)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"order_id": None}, "a signed refund needs `order_id`"),
        ({"occurred_at": None}, "`occurred_at`, the time of the refund"),
        ({"action": "add_to_cart"}, "add_to_cart is not signed"),
    ],
)
def test_what_is_not_signed(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(RequestRefusedError, match=reason):
        signed(**given)
