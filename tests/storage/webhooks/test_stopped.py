"""What is left of an intervention when it is stopped: nothing is sent any more, and each firing is recorded so."""

import time

import msgspec
from sqlalchemy import Engine

from storage.interventions.firings import counts
from storage.webhooks import bands, registry
from storage.webhooks.bands import PartitionPosition, ReadBatch
from storage.webhooks.crossings import Webhook, by_site
from tests.storage.interventions.test_firings import fired
from tests.storage.webhooks.test_consumer import Desk, record
from tests.storage.webhooks.test_sender import ended, put, sending
from tests.support.events import NOON
from tests.support.interventions import ListStops
from tests.support.receiver import Receiver, receiver
from tests.support.scored import scored
from tests.support.waiting import until
from tests.support.webhooks import kept


class StoppedAfterOneLook(ListStops):
    """Stops `help` as soon as it was asked once."""

    async def names(self) -> frozenset[str]:
        found = await super().names()
        self.stopped.add("help")
        return found


def wanting(engine: Engine, there: Receiver) -> Webhook:
    return registry.add(engine, "default", there.url, ("interventions",), True, 0)


def fire(engine: Engine, *hooks: Webhook, names: tuple[str, ...] = ("help", "coupon"), stopped: object = ()) -> None:
    """Each of these fires in a session of its own, and is due for the webhooks."""
    # The sender forgets what fired long ago.
    now = int(time.time() * 1000)
    updates = [
        scored(n, interventions=(fired(n, name, fired_at=now),), session_id=f"s-{name}", visitor_id=f"v-{name}")
        for n, name in enumerate(names, 1)
    ]
    place = bands.places(engine, "log").get(0, PartitionPosition())
    read = {0: ReadBatch(place, place.next + len(updates), NOON, updates)}
    bands.move(engine, "log", read, by_site(hooks), now, stopped)  # type: ignore[arg-type]


def sent(there: Receiver) -> list[str]:
    return sorted(each.data["intervention"] for each in there.got)


async def test_what_is_due_is_held_back_and_others_are_sent(engine: Engine) -> None:
    with receiver() as there:
        fire(engine, wanting(engine, there))
        async with sending(engine, stopped=ListStops({"help"}).names) as told:
            await until(lambda: ended(engine))
    assert sent(there) == ["coupon"]
    [held] = [each for each in kept(engine).values() if each.state == "held"]
    assert (held.session_id, held.attempts, held.status) == ("s-help", 0, 0)
    assert held.detail == "held back: help was stopped before this was sent"
    assert counts(engine, "default", "help") == {"stopped": 1}
    assert counts(engine, "default", "coupon") == {"delivered": 1}
    assert told.get_sample_value("opecom_webhooks_held_total") == 1


async def test_what_waits_for_its_next_attempt_is_not_made_again(engine: Engine) -> None:
    with receiver("fail", "fail") as there:
        fire(engine, wanting(engine, there), names=("help",))
        async with sending(engine, stopped=StoppedAfterOneLook().names):
            await until(lambda: ended(engine))
    assert (sent(there), there.taken) == (["help"], [])
    [held] = kept(engine).values()
    assert (held.state, held.attempts) == ("held", 1)
    assert counts(engine, "default", "help") == {"stopped": 1}


async def test_what_one_webhook_has_stays_delivered(engine: Engine) -> None:
    with receiver() as quick, receiver("fail", "fail", "fail") as slow:
        fire(engine, wanting(engine, quick), wanting(engine, slow), names=("help",))
        stops = ListStops()
        async with sending(engine, stopped=stops.names, pauses=(0.0, 60.0)):
            await until(lambda: bool(quick.taken) and len(slow.got) == 2)
        stops.stopped.add("help")
        # Another part goes on where that one was ended: what waits for its pause is due for it at once.
        make_due(engine)
        async with sending(engine, stopped=stops.names):
            await until(lambda: ended(engine))
        assert len(slow.got) == 2
    assert sorted(each.state for each in kept(engine).values()) == ["delivered", "held"]
    assert counts(engine, "default", "help") == {"delivered": 1}


def make_due(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE webhook_deliveries SET due_at = 0 WHERE state = 'due'")


async def test_while_nobody_knows_what_is_stopped_interventions_wait_and_nothing_else(engine: Engine) -> None:
    with receiver() as there:
        stops = ListStops()
        stops.away = True
        fire(engine, wanting(engine, there), names=("help",))
        every = registry.add(engine, "default", there.url, (), True, 0)
        [crossing] = put(engine, every, 1)
        async with sending(engine, stopped=stops.names, lease_seconds=0.5):
            await until(lambda: crossing in there.taken and stops.looks > 0)
            assert len(there.got) == 1
            stops.away = False
            await until(lambda: ended(engine))
    assert len(there.taken) == 2
    assert counts(engine, "default", "help") == {"delivered": 1}


async def test_what_is_read_after_the_stop_makes_no_delivery_through_a_restart_too(engine: Engine) -> None:
    hook = wanting(engine, Receiver())
    updates = [scored(n, interventions=(fired(n, "help"),), session_id=f"s{n}", band="low") for n in range(4)]
    for _ in range(2):
        desk = Desk(engine, [record(each) for each in updates], stopped=frozenset({"help"}))
        await desk.run()
    assert (hook.disabled, kept(engine)) == ("", {})
    assert counts(engine, "default", "help") == {"stopped": 4}


async def test_the_stops_are_not_read_where_nothing_fires(engine: Engine) -> None:
    desk = Desk(engine, [record(scored(n, band="high")) for n in range(4)])
    await desk.run()
    assert desk.stops.looks == 0


def test_one_that_is_held_back_by_an_experiment_stays_so(engine: Engine) -> None:
    update = scored(5, interventions=(fired(5, "help", held=True),), band="low")
    read = {0: ReadBatch(PartitionPosition(), 6, NOON, [update])}
    bands.move(engine, "log", read, {}, NOON, {"help"})
    assert counts(engine, "default", "help") == {"held": 1}


def test_the_messages_of_these_tests_are_those_that_webhooks_get(engine: Engine) -> None:
    with receiver() as there:
        fire(engine, wanting(engine, there), names=("help",))
    [delivery] = kept(engine).values()
    assert msgspec.json.decode(delivery.body)["type"] == delivery.kind == "session.intervention"
