"""An experiment of actions on whole systems: what is held back, by whom, from where to where, through stops and kills.

The tests of one profile share a system, and run in the order in which they stand here.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
import pytest
from sqlalchemy import text

from deploy.processes.ports import wait_until
from storage.webhooks.deliveries import Delivery
from stream.scored import is_held
from tests.support.crossing_visits import PAGES_EXPORT, Crossed, CrossingVisits, TopicTruth, truth_of
from tests.support.receiver import Receiver, receiver
from tests.support.services import new_database
from tests.support.system import System, embedded_system, services_system
from tests.support.webhooks import kept

FAST = {"OPECOM_INGEST__ADDRESS_RATE_PER_SECOND": "1000000", "OPECOM_INGEST__KEY_RATE_PER_SECOND": "1000000"}
PATIENCE = 180.0
AUDIENCE = "band >= building"


@dataclass
class ActingShop:
    """A system with a webhook, its receiver, and how many events were accepted so far."""

    system: System
    there: Receiver
    accepted: int = 0

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """A request to the query API with the admin key."""
        url, headers = f"{self.system.stack.api.url}{path}", self.system.stack.admin_headers
        answer = httpx.request(method, url, json=body or None, headers=headers, timeout=90)
        assert answer.status_code in (200, 201), answer.text
        return dict(answer.json())

    def begin(self, name: str) -> int:
        """Create and start an experiment in two halves, and hold a fifth of the visitors out; the version in force."""
        arms = [{"name": "control", "share": 50}, {"name": "treatment", "share": 50}]
        self.call("POST", "/experiments", name=name, site="default", arms=arms, audience=AUDIENCE)
        self.call("PUT", "/holdouts/default", share=20)
        return int(self.call("POST", f"/experiments/{name}/start")["version"])

    @property
    def states(self) -> Counter[str]:
        return Counter(each.state for each in kept(self.system.engine).values())

    def wait_for(self, reached: Callable[[Counter[str]], bool]) -> None:
        assert wait_until(lambda: reached(self.states), PATIENCE), self.states

    def counted(self) -> int:
        """How many events the rows of sessions count."""
        with self.system.engine.connect() as connection:
            return int(connection.execute(text("SELECT coalesce(sum(event_count), 0) FROM sessions")).scalar_one())

    def settled(self, visits: CrossingVisits) -> TopicTruth:
        """End the visits, wait until all of them is folded and sent, and check it against a recount of the topics."""
        self.accepted += visits.stop()
        assert wait_until(lambda: self.counted() >= self.accepted, PATIENCE), (self.counted(), self.accepted)
        truth = truth_of(self.system.settings.kafka)
        self.wait_for(lambda states: states.total() >= len(truth.crossings) and not states["due"])
        check(truth, kept(self.system.engine), self.there)
        return truth


def key_of(delivery: Delivery) -> Crossed:
    data = msgspec.json.decode(delivery.body)["data"]
    return data["session_id"], data["from"], data["to"], data["version"]


def check(truth: TopicTruth, log: dict[str, Delivery], there: Receiver) -> None:
    """Each crossing has one delivery, held as the definitions say; the receiver got the others, and nothing else."""
    assert len(log) == len(truth.crossings)
    found = {key_of(each): each.state for each in log.values()}
    assert found == {key: "held" if held else "delivered" for key, held in truth.crossings.items()}
    assert set(there.taken) == {name for name, each in log.items() if each.state == "delivered"}
    arms: dict[tuple[str, str], set[str]] = defaultdict(set)
    for update in truth.updates:
        for each in update.experiments:
            arms[each.experiment, update.visitor_id].add(each.arm)
    assert {len(each) for each in arms.values()} == {1}, "a visitor changed arm"


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


def prepared(system: System, there: Receiver, folder: Path) -> ActingShop:
    export = folder / "pages.csv"
    export.write_text(PAGES_EXPORT)
    for words in (
        ("pages", "import", str(export), "--site", "default"),
        ("webhooks", "add", there.url, "--site", "default", "--allow-private", "--json"),
    ):
        done = system.stack.opecom(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    return ActingShop(system, there)


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


def child(shop: ActingShop, part: str) -> psutil.Process | None:
    try:
        return shop.system.stack.process_of(part)
    except (StopIteration, psutil.NoSuchProcess):
        return None


def killed(shop: ActingShop, part: str) -> None:
    """kill -9 of a part; returns when the supervisor has another one."""
    before = child(shop, part)
    assert before is not None
    before.kill()

    def is_back() -> bool:
        found = child(shop, part)
        return found is not None and found.pid != before.pid

    assert wait_until(is_back, PATIENCE)


def kills(shop: ActingShop, name: str, seed: int, times: int) -> None:
    shop.begin(name)
    visits = CrossingVisits(shop.system.stack.ingest.url, seed=seed).start()
    for _ in range(times):
        for part in ("worker", "webhooks", "store" if shop.system.embedded else "api"):
            count = shop.states.total()
            shop.wait_for(lambda states, count=count: states.total() > count + 10)  # type: ignore[misc]
            killed(shop, part)
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
