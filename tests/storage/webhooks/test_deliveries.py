"""A delivery is claimed by one, settled once, kept in the log, and forgotten in time."""

import threading
from collections.abc import Iterable

import pytest
from sqlalchemy import Engine

from storage.webhooks import deliveries, registry
from storage.webhooks.crossings import Crossing, Webhook
from storage.webhooks.database import transaction
from storage.webhooks.message import crossed
from tests.support.events import NOON
from tests.support.scored import scored
from tests.support.webhooks import kept


@pytest.fixture
def hook(engine: Engine) -> Webhook:
    return registry.add(engine, "default", "https://shop.example/hook", (), False, NOON - 1)


def put(engine: Engine, hook: Webhook, offsets: Iterable[int], now: int = NOON) -> list[str]:
    """The ids of deliveries of the session `s<offset>`, made now."""
    made = [Crossing(hook, "low", scored(offset, session_id=f"s{offset}", band="high")) for offset in offsets]
    with transaction(engine) as connection:
        deliveries.put_crossings(connection, made, now)
    return [crossed(each).id for each in made]


def test_the_oldest_are_claimed_first_and_by_one_only(engine: Engine, hook: Webhook) -> None:
    late, early = put(engine, hook, [1], NOON + 5)[0], put(engine, hook, [2], NOON)[0]
    assert deliveries.first_due(engine) == {hook.id: NOON}
    assert [each.id for each in deliveries.claim(engine, hook.id, 1, NOON + 9, NOON + 100)] == [early]
    assert [each.id for each in deliveries.claim(engine, hook.id, 5, NOON + 9, NOON + 100)] == [late]
    assert deliveries.claim(engine, hook.id, 5, NOON + 99, NOON + 200) == []
    again = deliveries.claim(engine, hook.id, 5, NOON + 100, NOON + 200)
    assert sorted((each.id, each.attempts) for each in again) == sorted([(early, 2), (late, 2)])


def test_many_claimers_get_each_delivery_once(engine: Engine, hook: Webhook) -> None:
    ids = put(engine, hook, range(60))
    got: list[str] = []

    def claim() -> None:
        while found := deliveries.claim(engine, hook.id, 3, NOON, NOON + 1_000_000):
            got.extend(each.id for each in found)

    threads = [threading.Thread(target=claim) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(got) == sorted(ids)


def test_what_became_of_it_is_written_once_and_by_whoever_holds_it(engine: Engine, hook: Webhook) -> None:
    (name,) = put(engine, hook, [1])
    (first,) = deliveries.claim(engine, hook.id, 1, NOON, NOON + 10)
    (second,) = deliveries.claim(engine, hook.id, 1, NOON + 10, NOON + 20)
    deliveries.settle(engine, first, "dead", 0, 0, "too late to say")
    assert kept(engine)[name].state == "due"
    deliveries.settle(engine, second, "delivered", NOON + 11, 204, "")
    deliveries.settle(engine, second, "dead", 0, 0, "again")
    found = kept(engine)[name]
    assert (found.state, found.status, found.attempts, found.detail) == ("delivered", 204, 2, "")


def test_the_same_crossing_is_put_once(engine: Engine, hook: Webhook) -> None:
    (name,) = put(engine, hook, [1])
    (claimed,) = deliveries.claim(engine, hook.id, 1, NOON, NOON + 10)
    deliveries.settle(engine, claimed, "delivered", NOON, 200, "")
    put(engine, hook, [1, 2], NOON + 50)
    assert kept(engine)[name].state == "delivered"
    assert len(kept(engine)) == 2


def test_what_ended_can_be_sent_again_and_begins_anew(engine: Engine, hook: Webhook) -> None:
    (name,) = put(engine, hook, [1])
    assert not deliveries.again(engine, name, NOON)
    (claimed,) = deliveries.claim(engine, hook.id, 1, NOON, NOON + 10)
    deliveries.settle(engine, claimed, "dead", NOON, 500, "out of order")
    assert [each.id for each in deliveries.newest(engine, "dead", hook.id, 5)] == [name]
    assert deliveries.counts(engine) == {"due": 0, "dead": 1}
    assert deliveries.again(engine, name, NOON + 20)
    (claimed,) = deliveries.claim(engine, hook.id, 1, NOON + 20, NOON + 30)
    assert claimed.attempts == 1
    assert not deliveries.again(engine, "msg_none", NOON)


def test_sweeping_takes_what_is_old_and_ended_and_gives_up_orphans(engine: Engine, hook: Webhook) -> None:
    old, due, orphan = (put(engine, hook, [1])[0], *put(engine, hook, [2]), "")
    (claimed, *_) = deliveries.claim(engine, hook.id, 1, NOON, NOON + 10)
    deliveries.settle(engine, claimed, "delivered", NOON, 200, "")
    orphan = put(engine, Webhook(**{n: getattr(hook, n) for n in hook.__struct_fields__} | {"id": "wh_gone"}), [3])[0]
    assert deliveries.first_due(engine).keys() == {hook.id}
    assert deliveries.sweep(engine, NOON) == 0
    assert kept(engine)[orphan].state == "dead"
    assert deliveries.sweep(engine, NOON + 1) == 2
    left = {old, due} - {claimed.id}
    assert kept(engine).keys() == left
