"""The server SDKs against a running ingest API: one contract for every language."""

import time
from collections import Counter
from typing import Any, get_args

import pytest

from ingest.events import Event
from ingest.publish import ListPublisher
from storage.webhooks import message
from storage.webhooks.crossings import Crossing
from tests.support.ingest_app import events
from tests.support.log import folded, log_of
from tests.support.ports import free_port
from tests.support.scored import scored
from tests.support.sdks import NAMES, SECRET, Language, drive, faulty
from tests.support.webhooks import webhook

FOREIGN = "whsec_" + "Zm9yZWlnbi1mb3JlaWduLWZvcmVpZ24="
CLOSED = ("close", 60_000)


@pytest.fixture(params=get_args(Language))
def language(request: pytest.FixtureRequest) -> Language:
    given: Language = request.param
    return given


def views(count: int, session: str = "s1") -> list[tuple[str, Any]]:
    page = {"type": "page_view", "session_id": session, "visitor_id": "v1"}
    return [("send", {**page, "page": {"url": f"/p/{number}"}}) for number in range(count)]


def order(**more: Any) -> dict[str, Any]:
    now = int(time.time() * 1000)
    return {"session_id": "s1", "order_id": "A-1", "amount": 49.9, "currency": "EUR", "occurred_at": now, **more}


def ids(log: ListPublisher) -> Counter[str]:
    return Counter(event.event_id for event in events(log))


async def test_what_is_sent_is_in_the_log_once(language: Language) -> None:
    async with faulty() as server:
        driven = await drive(language, [*views(600), ("flush", 60_000), CLOSED], server.url)
    *sent, flushed, closed = driven.results
    assert (flushed, closed, driven.problems) == (True, True, [])
    assert ids(server.log) == Counter(sent)
    assert {event.page.path for event in events(server.log) if event.page} == {f"/p/{n}" for n in range(600)}
    assert {event.session_id for event in events(server.log)} == {"s1"}
    # A server's events are no program's visit: else the session would be left out of every statistic.
    assert {event.flags for event in events(server.log)} == {()}
    assert set(server.statuses) == {202}


async def test_a_server_that_fails_twice_gets_it_once(language: Language) -> None:
    async with faulty("busy", "rate") as server:
        driven = await drive(language, [*views(3), ("flush", 60_000)], server.url)
    assert driven.results[-1] is True
    assert server.statuses == [503, 429, 202]
    assert ids(server.log) == Counter(driven.results[:3])


async def test_what_is_sent_again_after_a_lost_answer_counts_once(language: Language) -> None:
    async with faulty("lost") as server:
        driven = await drive(language, [*views(3), CLOSED], server.url)
    assert server.statuses == [500, 202]
    assert ids(server.log) == Counter(driven.results[:3] * 2)
    assert folded(log_of(events(server.log))).counts == {"scored": 3, "duplicate": 3}


async def test_the_end_of_the_program_sends_what_is_left(language: Language) -> None:
    async with faulty("busy") as server:
        driven = await drive(language, views(7), server.url, flush_ms=3_600_000)
    assert ids(server.log) == Counter(driven.results)


async def test_a_refused_event_is_reported_and_costs_no_other(language: Language) -> None:
    wrong = ("send", {"type": "page_view", "session_id": "no spaces", "page": {"url": "/p/1"}})
    async with faulty() as server:
        driven = await drive(language, [*views(2), wrong, CLOSED], server.url)
    *good, refused, closed = driven.results
    assert closed is False
    assert ids(server.log) == Counter(good)
    [(problem, event_id)] = driven.problems
    assert event_id == refused
    assert problem.startswith("an event is refused (invalid): ")
    assert "session_id" in problem


async def test_a_wrong_key_is_reported_and_not_tried_again(language: Language) -> None:
    async with faulty() as server:
        driven = await drive(language, [*views(1), CLOSED], server.url, key="not-a-key-at-all")
    [(problem, event_id)] = driven.problems
    assert (server.statuses, event_id) == ([401], driven.results[0])
    assert problem.startswith("refused (401 wrong_key): ")
    assert server.log.records == []


async def test_the_queue_is_bounded_and_what_is_dropped_is_reported(language: Language) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    driven = await drive(language, [*views(5), ("close", 10)], url, max_queue=3, flush_ms=3_600_000)
    *kept, fourth, fifth, closed = driven.results
    assert (all(kept), fourth, fifth, closed) == (True, None, None, False)
    full, away = driven.problems[:2], driven.problems[2:]
    assert all(problem.startswith("an event is dropped: 3 events wait (max") for problem, _ in full)
    assert {event_id for _, event_id in away} == set(kept)
    assert all(f"{url}/v1/batch cannot be reached: " in problem for problem, _ in away)
    assert all("\n" not in problem for problem, _ in driven.problems)


async def test_a_batch_that_is_too_large_goes_in_parts(language: Language) -> None:
    async with faulty(max_batch_events=100) as server:
        driven = await drive(language, [*views(450), CLOSED], server.url)
    assert (driven.results[-1], driven.problems) == (True, [])
    assert ids(server.log) == Counter(driven.results[:-1])
    assert 413 in server.statuses


async def test_events_without_ids_and_times_get_them_and_given_ones_stay(language: Language) -> None:
    mine = {"event_id": "0190a000-0000-7000-8000-000000000001", "occurred_at": int(time.time() * 1000) - 5_000}
    steps = [("send", {"type": "session_end", "session_id": "s1", **mine}), *views(1), CLOSED]
    async with faulty() as server:
        before = int(time.time() * 1000)
        driven = await drive(language, steps, server.url)
    own, made = events(server.log)
    assert own.event_id == mine["event_id"] == driven.results[0]
    # The clocks of the client and of the server are one here: what differs is the time on the way.
    assert made.occurred_at >= before
    assert made.occurred_at - own.occurred_at >= 5_000


async def test_a_signed_purchase_is_verified_and_counts_once(language: Language) -> None:
    paid = order()
    async with faulty("busy", "rate", "lost") as server:
        driven = await drive(language, [("purchase", paid), ("purchase", paid)], server.url)
    first, again = driven.results
    assert first == again
    assert server.statuses == [503, 429, 500, 202, 202]
    assert ids(server.log) == Counter({first: 3})
    assert all(purchased(event) == ("A-1", 49.9, "EUR", True) for event in events(server.log))
    assert folded(log_of(events(server.log))).sessions[-1].amount == 49.9


async def test_a_signed_refund_is_verified(language: Language) -> None:
    back = {"session_id": "s1", "order_id": "A-1", "occurred_at": int(time.time() * 1000), "value": 10.0}
    async with faulty() as server:
        driven = await drive(language, [("refund", {**back, "currency": "EUR"})], server.url)
    [event] = events(server.log)
    assert event.event_id == driven.results[0]
    assert event.commerce is not None
    refund = event.commerce
    assert (refund.action, refund.order_id, refund.value, refund.verified) == ("refund", "A-1", 10.0, True)


@pytest.mark.parametrize("secret", [FOREIGN, SECRET], ids=["another secret", "changed on its way"])
async def test_a_purchase_that_is_not_ours_is_refused(language: Language, secret: str) -> None:
    async with faulty(*(["tampered"] if secret == SECRET else [])) as server:
        driven = await drive(language, [("purchase", order())], server.url, secret=secret)
    [refused] = driven.results
    assert refused["error"] == "Refused" + NAMES[language]
    assert refused["reason"].startswith("refused (401 wrong_signature): ")
    assert (server.statuses, server.log.records) == ([401], [])


async def test_a_purchase_without_a_secret_names_the_command(language: Language) -> None:
    [refused] = (await drive(language, [("purchase", order())], secret=None)).results
    assert "opecom sites rotate NAME --purchase" in refused["reason"]


async def test_our_webhooks_are_verified(language: Language) -> None:
    hook = webhook(secret=SECRET, old_secret=FOREIGN, old_secret_until=2**52)
    sent = message.crossed(Crossing(hook, "low", scored(1, band="high", session_id="sü1")))
    body, now = message.encode(sent), int(time.time() * 1000)
    headers = message.headers(hook.secrets_at(now), sent.id, body, now)
    given = {"secret": SECRET, "headers": headers, "body": body}
    shouted = {**headers, "Webhook-Id": headers["webhook-id"]}
    del shouted["webhook-id"]
    taken = [{}, {"secret": FOREIGN}, {"headers": shouted}, {"now": now // 1000 + 299}, {"now": now // 1000 - 299}]
    refused = [
        {"body": body.replace('"low"', '"top"')},
        {"secret": "whsec_" + "b3RoZXItb3RoZXItb3RoZXItb3RoZXI="},
        {"now": now // 1000 + 400},
        {"now": now // 1000 - 400},
        {"headers": {name: value for name, value in headers.items() if name != "webhook-signature"}},
        {"headers": {**headers, "webhook-signature": "v1,"}},
        {"headers": {**headers, "webhook-timestamp": "soon"}},
        {"headers": {**headers, "webhook-id": "msg_other"}},
    ]
    results = (await drive(language, [("verify", {**given, **change}) for change in taken + refused])).results
    assert results[: len(taken)] == [sent.id] * len(taken)
    failed = results[len(taken) :]
    assert [each["error"] for each in failed] == ["Signature" + NAMES[language]] * len(refused)
    assert all("\n" not in each["reason"] for each in failed)


def purchased(event: Event) -> tuple[Any, ...]:
    assert event.purchase is not None
    purchase = event.purchase
    return purchase.order_id, purchase.amount, purchase.currency, purchase.verified
