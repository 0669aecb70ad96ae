"""Purchases and refunds that a shop's server signs: what proves them, what they become, how often they count."""

import itertools
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from deploy.settings.model import Settings
from ingest.admission.signatures import checked_secret
from ingest.commerce import Commerce
from ingest.events import UNKNOWN, Event, Purchase
from ingest.orders import order_event_id, refund_event_id
from ingest.publish import ListPublisher
from tests.support.events import NOON, event
from tests.support.ingest_app import OTHER_KEY, PAGE, SITES, WRITE_KEY, events, ingest_client, refusal, settings
from tests.support.log import folded, log_of

SECRET, NEWER = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQ=", "whsec_" + "bmV3ZXItbmV3ZXItbmV3ZXItbmV3ZXI="
FOREIGN = "whsec_" + "Zm9yZWlnbi1mb3JlaWduLWZvcmVpZ24="
SECRETS = [SECRET, NEWER]
ORDER = {"session_id": "s1", "amount": 49.9, "currency": "EUR", "order_id": "A-1001"}


def signing() -> Settings:
    return settings({**SITES, "shop": {**SITES["shop"], "purchase_secrets": SECRETS}})


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def order(**more: Any) -> bytes:
    return json.dumps({**ORDER, "occurred_at": now_ms(), **more}).encode()


def headers(body: bytes, secret: str = SECRET, age: timedelta = timedelta(), **changed: str) -> dict[str, str]:
    at = datetime.now(UTC) - age
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    made = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    return {name: value for name, value in (made | changed).items() if value}


async def send(
    log: ListPublisher, body: bytes, given: Mapping[str, str], path: str = "/tracker/purchase", key: str = WRITE_KEY
) -> httpx.Response:
    async with ingest_client(log, signing()) as client:
        sent = {"x-opecom-key": key, "user-agent": "python-requests/2", "content-type": "application/json", **given}
        return await client.post(path, content=body, headers=sent)


@pytest.mark.parametrize("secret", [SECRET, NEWER], ids=["the older secret", "the newer secret"])
async def test_a_signed_purchase_is_verified_and_states_nothing_of_the_visitor(secret: str) -> None:
    log, body = ListPublisher(), order()
    answer = await send(log, body, headers(body, secret))
    assert answer.status_code == 202
    (bought,) = events(log)
    assert bought.purchase == Purchase(49.9, "A-1001", "EUR", verified=True)
    assert answer.json() == {"event_id": bought.event_id} == {"event_id": order_event_id(SECRETS, "shop", "A-1001")}
    assert (bought.context.ip, bought.context.browser, bought.context.region) == (None, UNKNOWN, UNKNOWN)
    assert bought.flags == ()


async def test_an_order_has_one_event_id_however_often_it_is_sent() -> None:
    log = ListPublisher()
    for own in ({}, {"event_id": "01890000-0000-7000-8000-000000000001"}, {"amount": 1.0}):
        body = order(**own)
        await send(log, body, headers(body))
    body = order()
    await send(log, body, headers(body, NEWER))
    made = order_event_id(SECRETS, "shop", "A-1001")
    assert {bought.event_id for bought in events(log)} == {made}
    assert len(events(log)) == 4
    assert made not in {
        order_event_id(SECRETS, "other", "A-1001"),
        order_event_id(SECRETS, "shop", "A-1002"),
        order_event_id([FOREIGN], "shop", "A-1001"),
        str(uuid.uuid5(uuid.UUID("5f0a4a8e-4a55-5a2c-9c3b-8f5e0d1f7b61"), "shop/A-1001")),
    }


async def test_a_signed_refund_is_verified_and_counts_once_however_often_it_is_sent() -> None:
    log, at = ListPublisher(), now_ms()
    told = {"session_id": "s1", "action": "refund", "order_id": "A-1001", "currency": "EUR", "occurred_at": at}
    for value, secret in ((20, SECRET), ("20.00", NEWER), (29.9, SECRET)):
        body = json.dumps({**told, "value": value}).encode()
        answer = await send(log, body, headers(body, secret), "/tracker/commerce")
        made = refund_event_id(SECRETS, "shop", "A-1001", at, value)
        assert (answer.status_code, answer.json()) == (202, {"event_id": made})
    first, again, second = events(log)
    assert (first.event_id, first.commerce) == (again.event_id, again.commerce)
    assert first.commerce == Commerce("refund", 20.0, "EUR", order_id="A-1001", verified=True)
    assert second.event_id not in (first.event_id, order_event_id(SECRETS, "shop", "A-1001"))
    assert (first.context.ip, first.context.device_class, first.flags) == (None, None, ())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param({"order_id": None}, "order_id", id="no order"),
        pytest.param({"occurred_at": None}, "occurred_at", id="no time"),
        pytest.param({"action": "add_to_cart"}, "add_to_cart is not signed", id="no refund"),
    ],
)
async def test_only_a_refund_of_an_order_and_a_time_is_signed(changed: dict[str, Any], reason: str) -> None:
    told = {"session_id": "s1", "action": "refund", "order_id": "A-1001", "occurred_at": now_ms(), **changed}
    log, body = ListPublisher(), json.dumps(told).encode()
    answer = await send(log, body, headers(body), "/tracker/commerce")
    assert refusal(answer) == (422, "invalid")
    assert reason in answer.json()["reason"]
    assert not log.records


async def test_a_refund_under_a_foreign_signature_is_refused() -> None:
    told = {"session_id": "s1", "action": "refund", "order_id": "A-1001", "occurred_at": now_ms()}
    log, body = ListPublisher(), json.dumps(told).encode()
    assert refusal(await send(log, body, headers(body, FOREIGN), "/tracker/commerce")) == (401, "wrong_signature")
    assert not log.records


async def test_an_event_that_has_an_orders_id_takes_nothing_from_the_order() -> None:
    log, body = ListPublisher(), order()
    taken = order_event_id(SECRETS, "shop", "A-1001")
    view = {"session_id": "s1", "page_url": "/p/1", "event_id": taken, "occurred_at": json.loads(body)["occurred_at"]}
    assert (await send(log, json.dumps(view).encode(), {}, "/tracker/pageview")).status_code == 202
    assert (await send(log, body, headers(body))).status_code == 202
    for arrived in itertools.permutations(events(log) * 2):
        update = folded(log_of(list(arrived))).sessions[-1]
        assert (update.revenue, update.amount, update.counts.events, update.counts.page_views) == (True, 49.9, 2, 1)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another secret": ({"secret": FOREIGN}, "No matching signature found"),
    "too old": ({"age": timedelta(minutes=5, seconds=5)}, "too old"),
    "from the future": ({"age": timedelta(minutes=-5, seconds=-5)}, "too new"),
    "another id": ({"webhook-id": "msg_2"}, "No matching signature found"),
    "another time": ({"webhook-timestamp": "9 s later"}, "No matching signature found"),
    "no id": ({"webhook-id": ""}, "Missing required headers"),
    "no time": ({"webhook-timestamp": ""}, "Missing required headers"),
    "a time that is none": ({"webhook-timestamp": "soon"}, "Invalid Signature Headers"),
    "no version": ({"webhook-signature": "AAAA"}, "cannot be read"),
    "another version": ({"webhook-signature": "v2,AAAA"}, "No matching signature found"),
    "no base64": ({"webhook-signature": "v1,A"}, "cannot be read"),
}


@pytest.mark.parametrize("wrong", REFUSED)
async def test_a_signature_that_does_not_hold_is_refused(wrong: str) -> None:
    how, said = REFUSED[wrong]
    if how.get("webhook-timestamp") == "9 s later":
        how = {"webhook-timestamp": str(int(datetime.now(UTC).timestamp()) + 9)}
    log, body = ListPublisher(), order()
    answer = await send(log, body, headers(body, **how))
    assert refusal(answer) == (401, "wrong_signature")
    assert said in answer.json()["reason"]
    assert log.records == []


async def test_another_body_under_a_signature_is_refused() -> None:
    log, body = ListPublisher(), order()
    answer = await send(log, order(amount=9_999.0), headers(body))
    assert refusal(answer) == (401, "wrong_signature")
    assert log.records == []


async def test_a_signature_of_another_site_is_refused() -> None:
    log, body = ListPublisher(), order()
    answer = await send(log, body, headers(body), key=OTHER_KEY)
    assert refusal(answer) == (401, "wrong_signature")
    assert "the site other has no purchase secret: `opecom sites rotate other --purchase`" in answer.json()["reason"]
    assert log.records == []


async def test_a_signature_does_not_stand_in_for_a_key() -> None:
    log, body = ListPublisher(), order()
    assert refusal(await send(log, body, headers(body), key="")) == (401, "no_key")


@pytest.mark.parametrize("left_out", ["order_id", "occurred_at"])
async def test_a_signed_purchase_names_its_order_and_its_time(left_out: str) -> None:
    log, body = ListPublisher(), order(**{left_out: None})
    answer = await send(log, body, headers(body))
    assert refusal(answer) == (422, "invalid")
    assert left_out in answer.json()["reason"]


async def test_a_browser_cannot_verify_itself() -> None:
    log, body = ListPublisher(), order()
    assert (await send(log, body, {"origin": PAGE})).status_code == 202
    assert [bought.purchase and bought.purchase.verified for bought in events(log)] == [False]
    async with ingest_client(log, signing()) as client:
        asked = {"origin": PAGE, "access-control-request-method": "POST"}
        preflight = await client.options("/tracker/purchase", headers=asked)
    assert "webhook" not in preflight.headers["access-control-allow-headers"]


async def test_other_paths_take_no_signature() -> None:
    log = ListPublisher()
    body = json.dumps({"session_id": "s1", "page_url": "/"}).encode()
    assert (await send(log, body, headers(body, FOREIGN), "/tracker/pageview")).status_code == 202


@pytest.mark.parametrize(
    ("secret", "fits"),
    [
        pytest.param(SECRET, True, id="as made"),
        pytest.param("whsec_c2hvcnQ=", False, id="short"),
        pytest.param("secret-of-the-shop-that-is-long", False, id="no prefix"),
        pytest.param("whsec_é", False, id="no base64"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_secret_is_whsec_and_base64(secret: str, fits: bool) -> None:
    if fits:
        assert checked_secret(secret) == secret
        return
    with pytest.raises(ValueError, match="`opecom sites rotate NAME --purchase`"):
        checked_secret(secret)


def bought(number: int, at: int, amount: float, verified: bool, event_id: str | None = None) -> Event:
    given: dict[str, Any] = {} if event_id is None else {"event_id": event_id}
    return event(number, at, type="purchase", purchase=Purchase(amount, "A-1001", "EUR", verified), **given)


def test_a_browsers_report_and_the_servers_count_once_in_any_order() -> None:
    verified = order_event_id([SECRET], "default", "A-1001")
    told = [
        bought(1, NOON, 49.0, False),
        bought(2, NOON + 5, 49.0, False),
        bought(3, NOON + 2, 49.9, True, verified),
        bought(3, NOON + 2, 49.9, True, verified),
    ]
    for arrived in itertools.permutations(told):
        update = folded(log_of(list(arrived))).sessions[-1]
        assert (update.revenue, update.amount, update.unverified_purchases) == (True, 49.9, 0)


def test_an_order_that_is_sent_again_hours_later_is_late_and_opens_no_session() -> None:
    verified = order_event_id([SECRET], "default", "A-1001")
    first = bought(1, NOON, 49.9, True, verified)
    hours_later = 3 * 3_600_000
    again = event(1, NOON, event_id=verified, received_at=NOON + hours_later, type="purchase", purchase=first.purchase)
    done = folded(log_of([first, event(2, NOON + hours_later, session_id="s2"), again]))
    assert sum(update.amount for update in done.sessions if update.status == "closed") == 49.9
    assert [dead.reason for dead in done.dead] == ["late"]
