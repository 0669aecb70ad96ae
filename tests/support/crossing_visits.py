"""Visits that become likely to buy, and what experiments must have made of their crossings: recounted from the topics.

The page `/best` is one on which visitors end up buying: `opecom pages import` of PAGES_EXPORT says so.
"""

import asyncio
import random
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import uuid_utils

from deploy.chaos.ledger import BROWSER, send_batch
from deploy.chaos.topic_reader import read_topic
from deploy.log.client_options import kafka_clients
from deploy.settings.model import KafkaSettings
from ingest.events import UseExperiments
from ingest.events import decode as decode_event
from stream.experiments.assignment import bucket, contains
from stream.experiments.history import Experiments
from stream.kafka.experiments_topic import read_experiments
from stream.scored import ScoredSession, band_after, decode

PAGES_EXPORT = (
    "Page,Pageviews,Bounce Rate,% Exit,Page Value\n/,1000,60.00%,50.00%,$0.00\n/best,1000,0.00%,1.00%,$95.00\n"
)
#: The steps of a visit; the last ones bring it down again.
STEPS = ("/", "/best", "/best", "add_to_cart", "begin_checkout", "/best", "/", "/", "/")
#: Visitors, each with one session after the other, and events of a request.
VISITORS, BATCH = 120, 10

#: What a crossing is known by: the session, the band that it left, the one that it entered, the update's version.
Crossed = tuple[str, str, str, int]


class CrossingVisits:
    """Sends visits at a steady rate from a thread; whatever has no clear answer is sent again."""

    def __init__(self, url: str, rate: float = 150, seed: int = 1) -> None:
        self._url = url
        self._rate = rate
        self._chance = random.Random(seed)
        self._seed = seed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="visits", daemon=True)
        self._steps = [0] * VISITORS
        self.accepted = 0
        self.failure = ""

    def start(self) -> "CrossingVisits":
        self._thread.start()
        return self

    def stop(self) -> int:
        """End; how many events were accepted."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()
        assert not self.failure, self.failure
        return self.accepted

    def _run(self) -> None:
        due = time.monotonic()
        with httpx.Client(timeout=90, headers=BROWSER, trust_env=False) as client:
            while not self._stop.is_set() and not self.failure:
                due = max(due + BATCH / self._rate, time.monotonic() - 1)
                self._stop.wait(max(0.0, due - time.monotonic()))
                events = [self._event() for _ in range(BATCH)]
                # Also at the end: what is sent once is counted.
                while not self._send(client, events) and not self.failure:
                    time.sleep(0.2)

    def _send(self, client: httpx.Client, events: Sequence[Mapping[str, object]]) -> bool:
        answer = send_batch(client, self._url, events)
        if answer is None or answer.status_code in (429, 503):
            return False
        if answer.status_code != 202 or answer.json()["accepted"] != len(events):
            self.failure = answer.text[:300]
            return False
        self.accepted += len(events)
        return True

    def _event(self) -> dict[str, object]:
        visitor = self._chance.randrange(VISITORS)
        number, step = divmod(self._steps[visitor], len(STEPS))
        self._steps[visitor] += 1
        what = STEPS[step]
        given: dict[str, object] = {"type": "page_view", "page": {"url": f"https://shop.example{what}"}}
        if not what.startswith("/"):
            items = [{"id": "best", "price": 95.0}]
            given = {"type": "commerce", "commerce": {"action": what, "items": items, "currency": "EUR"}}
        return {
            "event_id": str(uuid_utils.uuid7()),
            "session_id": f"s{self._seed}-{visitor}-{number}",
            "visitor_id": f"v{self._seed}-{visitor}",
            "occurred_at": int(time.time() * 1000),
            **given,
        }


@dataclass
class TopicTruth:
    """What the topics say: each crossing and whether it is held, the updates, and where controls stand."""

    crossings: dict[Crossed, bool] = field(default_factory=dict)
    updates: list[ScoredSession] = field(default_factory=list)
    #: By partition: offset and timestamp (ms) of each control, and the version that it puts in force.
    controls: dict[int, list[tuple[int, int, int]]] = field(default_factory=dict)
    #: The partition of each session.
    partitions: dict[str, int] = field(default_factory=dict)

    def after(self, version: int) -> list[ScoredSession]:
        """The updates by events behind the control of this version, in their partition."""
        places = {
            partition: next(offset for offset, _, put in found if put >= version)
            for partition, found in self.controls.items()
        }
        return [each for each in self.updates if each.event.offset > places[self.partitions[each.session_id]]]


def truth_of(kafka: KafkaSettings) -> TopicTruth:
    """Read all topics, and count again who crossed and who is held by the definitions in force at each place."""
    experiments = asyncio.run(read_experiments(kafka_clients(kafka), kafka.experiments_topic, 60))
    truth = TopicTruth()
    for record in asyncio.run(read_topic(kafka, kafka.events_topic)):
        content = decode_event(record.key, record.value)
        if isinstance(content, UseExperiments):
            truth.controls.setdefault(record.partition, []).append((record.offset, record.timestamp, content.version))
    told: dict[int, dict[tuple[str, int], ScoredSession]] = defaultdict(dict)
    for record in asyncio.run(read_topic(kafka, kafka.scored_topic)):
        update = decode(record.value)
        told[record.partition].setdefault((update.session_id, update.version), update)
    for partition, updates in told.items():
        _count(truth, partition, list(updates.values()), experiments)
    return truth


def _count(truth: TopicTruth, partition: int, updates: Sequence[ScoredSession], experiments: Experiments) -> None:
    bands: dict[tuple[str, int], Any] = {}
    opened: dict[tuple[str, int], int] = {}
    controls = truth.controls.get(partition, [])
    for update in updates:
        truth.updates.append(update)
        truth.partitions[update.session_id] = partition
        if update.status == "closed":
            continue
        key = (update.session_id, update.opened_at)
        version = max([put for offset, _, put in controls if offset < update.event.offset], default=0)
        opening = opened.setdefault(key, version)
        before = bands.get(key, "low")
        bands[key] = entered = band_after(before, update)
        if entered != before:
            held = _is_held(update, experiments, opening, version)
            truth.crossings[update.session_id, before, entered, update.version] = held


def _is_held(update: ScoredSession, experiments: Experiments, opening: int, version: int) -> bool:
    """By the definitions alone, whose audience is that the band is not low."""
    first, now = (experiments.holdout(update.site, each) for each in (opening, version))
    if first is not None and now is not None and (place := bucket(first.salt, update.visitor_id)) < first.buckets:
        return place < now.buckets
    begun = {each.name: each for each in experiments.definitions(opening) if each.status == "running"}
    for each in experiments.definitions(version):
        if each.status == "running" and each.name in begun and update.band != "low":
            place = bucket(each.salt, update.visitor_id)
            if any(contains(arm.ranges, place) and not arm.acts for arm in begun[each.name].arms):
                return True
    return False
