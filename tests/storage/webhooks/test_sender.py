"""The sender against receivers that answer, fail, hang, redirect and close: each delivery ends delivered or dead."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from storage.database.errors import DatabaseUnavailableError
from storage.webhooks import deliveries, registry
from storage.webhooks.addresses import Resolver
from storage.webhooks.client import WebhookClient
from storage.webhooks.crossings import Crossing, Webhook
from storage.webhooks.database import transaction
from storage.webhooks.message import crossed
from storage.webhooks.metrics import WebhookMetrics
from storage.webhooks.sender import DeliverySender
from tests.support.interventions import ListStops
from tests.support.receiver import Behaviour, Receiver, receiver
from tests.support.scored import scored
from tests.support.waiting import until
from tests.support.webhooks import kept

PATIENCE = 90
#: Seconds that an attempt may take, and pauses after which it is made again: three attempts.
ATTEMPT, PAUSES = 1.0, (0.05, 0.05)


@contextlib.asynccontextmanager
async def sending(engine: Engine, attempt: float = ATTEMPT, **given: Any) -> AsyncIterator[CollectorRegistry]:
    """A sender, stopped at the end; what it tells Prometheus."""
    told, stop, resolve = CollectorRegistry(), asyncio.Event(), Resolver(4)
    whole: dict[str, Any] = {
        "pauses": PAUSES,
        "concurrency": 2,
        "lease_seconds": 5,
        "log_days": 30,
        "stopped": ListStops().names,
    }
    sender = DeliverySender(engine, WebhookClient(resolve, attempt), WebhookMetrics(told), **(whole | given))
    task = asyncio.create_task(sender.run(stop))
    try:
        yield told
        assert not task.done(), task.exception()
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE)
        resolve.close()


def add(engine: Engine, there: Receiver) -> Webhook:
    return registry.add(engine, "default", there.url, (), True, 0)


def put(engine: Engine, hook: Webhook, count: int) -> list[str]:
    crossings = [Crossing(hook, "low", scored(n, session_id=f"s{n}", band="high")) for n in range(count)]
    with transaction(engine) as connection:
        deliveries.put_crossings(connection, crossings, int(time.time() * 1000))
    return [crossed(each).id for each in crossings]


def ended(engine: Engine) -> bool:
    return all(each.state != "due" for each in kept(engine).values())


@pytest.mark.parametrize(
    ("script", "state", "attempts", "detail"),
    [
        ([], "delivered", 1, ""),
        (["fail", "fail"], "delivered", 3, ""),
        (["hang"], "delivered", 2, ""),
        (["close", "redirect"], "delivered", 3, ""),
        (["fail", "close", "redirect"], "dead", 3, "302: redirects are not followed; give the webhook its last URL"),
        (["hang", "hang", "hang"], "dead", 3, "no answer within 1 s (webhooks.timeout_seconds)"),
        (["drip", "flood", "fail"], "dead", 3, "500 out of order"),
    ],
    ids=lambda value: ", ".join(value) or "answers" if isinstance(value, list) else "",
)
async def test_a_delivery_ends_delivered_or_dead(
    engine: Engine, script: list[Behaviour], state: str, attempts: int, detail: str
) -> None:
    with receiver(*script) as there:
        hook = add(engine, there)
        (name,) = put(engine, hook, 1)
        async with sending(engine):
            await until(lambda: ended(engine))
    found = kept(engine)[name]
    assert (found.state, found.attempts, found.detail) == (state, attempts, detail)
    assert len(there.got) == attempts
    assert {got.id for got in there.got} == {name}
    assert all(got.verified(hook.secret)["id"] == name for got in there.got)
    assert there.taken == ([name] if state == "delivered" else [])


async def test_what_is_dead_is_listed_and_sent_again(engine: Engine) -> None:
    with receiver("fail", "fail", "fail") as there:
        (name,) = put(engine, add(engine, there), 1)
        async with sending(engine) as told:
            await until(lambda: ended(engine))
            assert [each.id for each in deliveries.newest(engine, "dead", None, 5)] == [name]
            assert there.taken == []
            assert deliveries.again(engine, name, int(time.time() * 1000))
            await until(lambda: kept(engine)[name].state == "delivered")
            # An attempt is counted after its row is written.
            await until(lambda: attempts(told, "delivered") == 1)
            outcomes = [attempts(told, outcome) for outcome in ("delivered", "retried", "dead")]
    assert there.taken == [name]
    assert outcomes == [1, 2, 1]


def attempts(told: CollectorRegistry, outcome: str) -> float | None:
    return told.get_sample_value("opecom_webhooks_attempts_total", {"outcome": outcome})


async def test_410_ends_a_webhook_and_all_that_is_due_for_it(engine: Engine) -> None:
    with receiver(always="gone") as there:
        hook = add(engine, there)
        put(engine, hook, 5)
        async with sending(engine, concurrency=1):
            await until(lambda: registry.one(engine, hook.id).disabled)
            await until(lambda: ended(engine))
    states = [each.state for each in kept(engine).values()]
    assert (states, len(there.got)) == (["dead"] * 5, 1)
    assert registry.one(engine, hook.id).disabled == "its receiver answered 410 Gone"


async def test_a_receiver_that_hangs_holds_up_no_other(engine: Engine) -> None:
    with receiver(always="hang") as slow, receiver() as quick:
        put(engine, add(engine, slow), 40)
        wanted = put(engine, add(engine, quick), 40)
        # So long that no machine is too busy for the quick one: a second attempt would be a second message.
        async with sending(engine, attempt=20.0, lease_seconds=60, pauses=(60.0,)):
            await until(lambda: len(quick.taken) == 40)
            # At two at a time, each for an attempt, the slow one would take minutes alone.
            assert len(slow.got) < 30
            slow.released.set()
        assert sorted(quick.taken) == sorted(wanted)


async def test_no_more_attempts_are_under_way_than_a_webhook_may_have(engine: Engine) -> None:
    with receiver(always="hang") as there:
        put(engine, add(engine, there), 10)
        began = time.monotonic()
        async with sending(engine, pauses=(60.0,), concurrency=3):
            await until(lambda: len(there.got) >= 6)
            took = time.monotonic() - began
    assert took >= ATTEMPT
    times = [got.at for got in there.got]
    assert all(later - earlier >= ATTEMPT * 0.9 for earlier, later in zip(times, times[3:], strict=False))


async def test_a_private_receiver_without_leave_is_dead_and_was_never_requested(engine: Engine) -> None:
    with receiver() as there:
        hook = registry.add(engine, "default", there.url.replace("http:", "https:"), (), False, 0)
        (name,) = put(engine, hook, 1)
        async with sending(engine):
            await until(lambda: ended(engine))
    assert "127.0.0.1 is not a public address" in kept(engine)[name].detail
    assert there.got == []


async def test_two_senders_share_the_work(engine: Engine) -> None:
    with receiver() as there:
        wanted = put(engine, add(engine, there), 60)
        async with sending(engine), sending(engine):
            await until(lambda: ended(engine))
    assert sorted(there.taken) == sorted(wanted)


async def test_a_claim_that_nobody_finished_is_taken_by_another(engine: Engine) -> None:
    with receiver() as there:
        hook = add(engine, there)
        (name,) = put(engine, hook, 1)
        now = int(time.time() * 1000)
        assert deliveries.claim(engine, hook.id, 1, now, now + 700)
        async with sending(engine):
            await until(lambda: ended(engine))
            assert time.time() * 1000 >= now + 700
    assert (there.taken, kept(engine)[name].attempts) == ([name], 2)


async def test_a_database_that_is_away_for_a_moment_is_requested_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes the claim, and then nothing for two calls: the receiver is not asked twice for that."""
    settle, refusals = deliveries.settle, 2

    def away(*arguments: Any) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise DatabaseUnavailableError("gone")
        settle(*arguments)

    monkeypatch.setattr(deliveries, "settle", away)
    with receiver() as there:
        (name,) = put(engine, add(engine, there), 1)
        async with sending(engine):
            await until(lambda: ended(engine))
    assert (there.taken, refusals, kept(engine)[name].state) == ([name], 0, "delivered")
