"""Visitors of whom it is settled beforehand what they do, with an action and without one, and who then do it.

Each comes once and becomes likely to buy. Who gets the shop's webhook reacts at once; who gets none decides when all
that was due is delivered. So what an action changes is known exactly, and a system that sends to the wrong ones, or to
nobody, is found by its own results.
"""

import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uuid_utils

from deploy.chaos.ledger import BROWSER, send_batch
from deploy.processes.ports import wait_until
from tests.support.receiver import Receiver

#: What each visitor does before it decides: the pages are those of crossing_visits.PAGES_EXPORT.
STEPS = ("/", "/best", "/best", "add_to_cart")
#: Visitors who are there at a time, and events of a request.
AT_A_TIME, BATCH = 100, 20
ORDER = 40.0


@dataclass(frozen=True)
class VisitorFacts:
    """`base`: the share that buys without an action; `uplift`: of it, what an action adds."""

    visitors: int
    base: float
    uplift: float

    @property
    def difference(self) -> float:
        return self.base * self.uplift


@dataclass
class ReactingVisitors:
    """`buys` says of each visitor whether it buys: (without an action, with one). `reacted` got one."""

    url: str
    receiver: Receiver
    facts: VisitorFacts
    rate: float
    seed: int
    buys: dict[str, tuple[bool, bool]] = field(default_factory=dict)
    accepted: int = 0
    #: Visitors of whom every step was accepted.
    come: int = 0
    reacted: set[str] = field(default_factory=set)
    #: Requests of the receiver that were looked at.
    looked_at: int = 0
    bought: set[str] = field(default_factory=set)
    failure: str = ""

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        for number in range(self.facts.visitors):
            place = chance.random()
            both = place < self.facts.base, place < self.facts.base * (1 + self.facts.uplift)
            self.buys[f"r{self.seed}-{number}"] = both

    @contextmanager
    def coming(self) -> Iterator[threading.Thread]:
        """They come, and those who get an action react, in a thread that ends when all have come."""
        thread = threading.Thread(target=self._come, name="visitors", daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            thread.join(60)
            assert not self.failure, self.failure
            assert not thread.is_alive()

    def wait_for(self, count: int, seconds: float) -> None:
        """Until so many visitors have come."""
        assert wait_until(lambda: self.come >= count or bool(self.failure), seconds), f"{self.come} of {count} came"
        assert not self.failure, self.failure

    def react(self) -> None:
        """Let those decide who have got an action since."""
        got = self.receiver.got[self.looked_at :]
        self.looked_at += len(got)
        new = sorted({str(each.data["visitor_id"]) for each in got} - self.reacted)
        self.reacted.update(new)
        self._buy([name for name in new if self.buys[name][1]])

    def decide(self) -> None:
        """Let those decide who got none; all have come, and nothing is due any more."""
        self.react()
        self._buy([name for name, (alone, _) in self.buys.items() if alone and name not in self.reacted])

    def _come(self) -> None:
        due, names = time.monotonic(), list(self.buys)
        for first in range(0, len(names), AT_A_TIME):
            there = names[first : first + AT_A_TIME]
            for step in STEPS:
                for begin in range(0, len(there), BATCH):
                    events = [_event(name, step) for name in there[begin : begin + BATCH]]
                    due = max(due + len(events) / self.rate, time.monotonic() - 1)
                    time.sleep(max(0.0, due - time.monotonic()))
                    self._send(events)
                if self.failure:
                    return
            self.come += len(there)
            self.react()

    def _buy(self, names: Sequence[str]) -> None:
        for begin in range(0, len(names), BATCH):
            self._send([_event(name, "purchase") for name in names[begin : begin + BATCH]])
        self.bought.update(names)

    def _send(self, events: Sequence[Mapping[str, object]]) -> None:
        """Until they are accepted: what has no clear answer is sent again."""
        with httpx.Client(timeout=90, headers=BROWSER, trust_env=False) as client:
            until = time.monotonic() + 180
            while (answer := send_batch(client, self.url, events)) is None or answer.status_code in (429, 503):
                if time.monotonic() > until:
                    self.failure = "the ingest API takes nothing for three minutes"
                    return
                time.sleep(0.2)
        if answer.status_code != 202 or answer.json()["accepted"] != len(events):
            self.failure = answer.text[:300]
        self.accepted += len(events)


def _event(visitor: str, what: str) -> dict[str, object]:
    given: dict[str, object] = {"type": "page_view", "page": {"url": f"https://shop.example{what}"}}
    if what == "add_to_cart":
        items = [{"id": "best", "price": ORDER}]
        given = {"type": "commerce", "commerce": {"action": what, "items": items, "currency": "EUR"}}
    elif what == "purchase":
        given = {"type": "purchase", "purchase": {"amount": ORDER, "order_id": f"o-{visitor}", "currency": "EUR"}}
    return {
        "event_id": str(uuid_utils.uuid7()),
        "session_id": visitor,
        "visitor_id": visitor,
        "occurred_at": int(time.time() * 1000),
        **given,
    }
