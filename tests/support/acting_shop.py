"""A system with an experiment of actions, its webhook and the webhook's receiver, and what must hold of them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psutil
from sqlalchemy import text

from deploy.processes.ports import wait_until
from storage.webhooks.deliveries import Delivery
from tests.support.crossing_visits import PAGES_EXPORT, Crossed, CrossingVisits, TopicTruth, truth_of
from tests.support.receiver import Receiver
from tests.support.system import System
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

    def wait_for(self, reached: Callable[[Counter[str]], bool], seconds: float = PATIENCE) -> None:
        assert wait_until(lambda: reached(self.states), seconds), self.states

    def counted(self) -> int:
        """How many events the rows of sessions count."""
        with self.system.engine.connect() as connection:
            return int(connection.execute(text("SELECT coalesce(sum(event_count), 0) FROM sessions")).scalar_one())

    def settled(self, visits: CrossingVisits) -> TopicTruth:
        """End the visits, and `settle`."""
        self.accepted += visits.stop()
        return self.settle()

    def settle(self, seconds: float = PATIENCE) -> TopicTruth:
        """Wait until all that was accepted is folded and sent, and check it against a recount of the topics."""
        assert wait_until(lambda: self.counted() >= self.accepted, seconds), (self.counted(), self.accepted)
        truth = truth_of(self.system.settings.kafka)
        self.wait_for(lambda states: states.total() >= len(truth.crossings) and not states["due"], seconds)
        check(truth, kept(self.system.engine), self.there)
        return truth

    def kill(self, part: str) -> None:
        """kill -9 of a part; returns when the supervisor has another one."""
        before = self._process_of(part)
        assert before is not None
        before.kill()

        def is_back() -> bool:
            found = self._process_of(part)
            return found is not None and found.pid != before.pid

        assert wait_until(is_back, PATIENCE)

    def _process_of(self, part: str) -> psutil.Process | None:
        try:
            return self.system.stack.process_of(part)
        except (StopIteration, psutil.NoSuchProcess):
            return None


def prepared(system: System, there: Receiver, folder: Path) -> ActingShop:
    """The system with page statistics by which visits cross bands, and a webhook of all crossings."""
    export = folder / "pages.csv"
    export.write_text(PAGES_EXPORT)
    for words in (
        ("pages", "import", str(export), "--site", "default"),
        ("webhooks", "add", there.url, "--site", "default", "--allow-private", "--json"),
    ):
        done = system.stack.opecom(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    return ActingShop(system, there)


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


def key_of(delivery: Delivery) -> Crossed:
    data = msgspec.json.decode(delivery.body)["data"]
    return data["session_id"], data["from"], data["to"], data["version"]
