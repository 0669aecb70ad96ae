"""An experiment of actions on whole systems: what is held back, by whom, from where to where, through stops and kills.

The tests of one profile share a system, and run in the order in which they stand here.
"""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from stream.scored import is_held
from tests.support.acting_shop import FAST, ActingShop, prepared
from tests.support.crossing_visits import CrossingVisits
from tests.support.receiver import receiver
from tests.support.services import new_database
from tests.support.system import embedded_system, services_system


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("services", marks=[pytest.mark.kafka, pytest.mark.mariadb])],
)
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ActingShop]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "embedded":
        with embedded_system(folder, **FAST) as running, receiver() as there:
            yield prepared(running, there, folder)
        return
    kafka, mariadb = request.getfixturevalue("kafka"), request.getfixturevalue("mariadb")
    with (
        new_database(mariadb.url) as url,
        services_system(folder, kafka, url, **FAST) as running,
        receiver() as there,
    ):
        yield prepared(running, there, folder)


def test_a_stop_ends_what_is_held_at_its_place_in_the_log(shop: ActingShop, capsys: pytest.CaptureFixture[str]) -> None:
    started = shop.begin("chat")
    visits = CrossingVisits(shop.system.stack.ingest.url, seed=1).start()
    shop.wait_for(lambda states: states["held"] > 20 and states["delivered"] > 20)
    asked = time.time() * 1000
    stopped = shop.call("POST", "/experiments/chat/stop")["version"]
    shop.call("PUT", "/holdouts/default", share=0)
    before = shop.states["delivered"]
    shop.wait_for(lambda states: states["delivered"] > before + 50)
    truth = shop.settled(visits)
    assert not any(is_held(each.experiments, each.holdout) for each in truth.after(stopped + 1))
    assert any(is_held(each.experiments, each.holdout) for each in truth.after(started))
    assert any(truth.crossings.values())
    written = [at - asked for found in truth.controls.values() for _, at, version in found if version == stopped]
    with capsys.disabled():
        print(f"\n{dict(shop.states)}; the stop was in the log {max(written):.0f} ms after it was asked for")


def test_intents_and_deliveries_name_what_is_held(shop: ActingShop) -> None:
    """In the intents of the query API, and in the log of deliveries."""
    held = shop.call("GET", "/webhook-deliveries?state=held&limit=5")["deliveries"]
    assert {each["state"] for each in held} == {"held"}
    assert all(each["detail"].startswith("held back: ") for each in held)
    shop.begin("again")
    visits = CrossingVisits(shop.system.stack.ingest.url, seed=2).start()
    count = shop.states.total()
    shop.wait_for(lambda states: states.total() > count + 60)
    truth = shop.settled(visits)
    newest = {each.session_id: each for each in truth.updates if each.session_id.startswith("s2-")}
    with httpx.Client(timeout=30) as http:
        found = {name: shop.system.intent(name, http) for name in list(newest)[:60]}
    assert {name: intent and intent["held"] for name, intent in found.items()} == {
        name: is_held(newest[name].experiments, newest[name].holdout) for name in found
    }
    assert {bool(intent and intent["held"]) for intent in found.values()} == {True, False}


def kills(shop: ActingShop, name: str, seed: int, times: int) -> None:
    shop.begin(name)
    visits = CrossingVisits(shop.system.stack.ingest.url, seed=seed).start()
    for _ in range(times):
        for part in ("worker", "webhooks", "store" if shop.system.embedded else "api"):
            count = shop.states.total()
            shop.wait_for(lambda states, count=count: states.total() > count + 10)  # type: ignore[misc]
            shop.kill(part)
    count = shop.states.total()
    shop.wait_for(lambda states: states.total() > count + 10)
    truth = shop.settled(visits)
    # Twice, under one id, is only what was under way when the part was killed.
    twice = len(shop.there.taken) - len(set(shop.there.taken))
    assert twice <= times * shop.system.settings.webhooks.concurrency
    assert {held for key, held in truth.crossings.items() if key[0].startswith(f"s{seed}-")} == {True, False}


def test_kills_of_worker_webhooks_and_api_lose_double_and_send_nothing_that_is_held(shop: ActingShop) -> None:
    kills(shop, "killed", 3, 1)


@pytest.mark.long
def test_many_kills_of_worker_webhooks_and_api(shop: ActingShop) -> None:
    kills(shop, "killed-often", 4, 10)


def test_the_command_lists_what_is_held_back(shop: ActingShop) -> None:
    """`opecom webhooks deliveries --held` lists what the API does."""
    done = shop.system.stack.opecom("webhooks", "deliveries", "--held", "--json", "--limit", "100000")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == shop.states["held"]
