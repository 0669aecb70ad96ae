"""What one shop sends to a running system, with every change between that puts another model or profile in force."""

import asyncio
import json
import time
from typing import Any

import httpx
import uuid_utils
from sqlalchemy import text

from deploy.log.client_options import kafka_clients
from deploy.processes.ports import wait_until
from ingest.events import Event
from scoring import registry
from stream.fold.mark import Mark, decode_mark
from stream.kafka.log_reader import KafkaLogReader
from tests.support.agents import BROWSER
from tests.support.models import add_session_model
from tests.support.shop_visits import HOUR, imported, shop_visits
from tests.support.system import System

SITE, IMPORT_KEY, WRITE_KEY = "shop", "import-key-of-the-shop", "write-key-of-the-shop"
SETTINGS = {
    "OPECOM_SITES__SHOP__IMPORT_KEYS": json.dumps([IMPORT_KEY]),
    "OPECOM_SITES__SHOP__WRITE_KEYS": json.dumps([WRITE_KEY]),
}
#: Feature contract 2, learned from another shop, as the shipped model of contract 1 is.
SESSION_MODEL = "session"
#: What the site's expected conversion becomes.
CONVERSION = 0.2
DAY = 24 * HOUR


def fill(system: System) -> None:
    """Visits to one site, imported and live ones, in six parts.

    Between two parts, and so in the middle of open sessions: 1 a promotion to contract 2 · 2 another expected
    conversion · 3 the promotion back to contract 1 · 4 contract 2 again · 5 the worker is killed. Of the last sessions
    many stay open.
    """
    shop = registry.load().manifest.training_shop
    add_session_model(system.stack.folder / "models", SESSION_MODEL, training_shop=shop)
    events, visitors = history(), [LiveVisitor(number) for number in range(2)]
    changes = [promote, change_conversion, roll_back, promote, kill_worker, None]
    size, sent = len(events) // len(changes) + 1, 0
    with httpx.Client(base_url=system.stack.ingest.url, timeout=30, headers=BROWSER) as http:
        for number, change in enumerate(changes):
            sent += send(http, imported(events[number * size : (number + 1) * size]), IMPORT_KEY)
            for visitor in visitors:
                sent += send(http, visitor.events(), WRITE_KEY)
            if change is not None:
                change(system)
    assert wait_until(lambda: stored(system, "sum(event_count)") == sent, 90), f"{sent} events were sent"


def history() -> list[Event]:
    """Sessions of six hours of the day before yesterday, of up to seven minutes each."""
    noon = int(time.time() * 1000) // DAY * DAY - 2 * DAY + DAY // 2
    visits = [shop_visits(hour, noon + hour * HOUR, 14, 15_000) for hour in range(6)]
    return sorted((each for hour in visits for each in hour), key=lambda each: each.received_at)


class LiveVisitor:
    """One session that goes on in every part; the first one has a cart."""

    def __init__(self, number: int) -> None:
        self._name = f"live-{number}"
        self._fills_cart = number == 0
        self._step = 0

    def events(self) -> list[dict[str, Any]]:
        self._step += 1
        made: list[dict[str, Any]] = [
            {"type": "page_view", "page": {"url": f"https://shop.example/p/{self._step}", "type": "ProductRelated"}}
        ]
        if self._step == 1:
            history = {"previous_sessions": 2, "previous_purchases": 1, "days_since_previous_session": 3.5}
            made.insert(0, {"type": "session_start", "history": history})
        if self._fills_cart:
            items = [{"id": f"p{self._step}", "quantity": 1, "price": 20}]
            made.append({"type": "commerce", "commerce": {"action": "add_to_cart", "currency": "EUR", "items": items}})
        ids = {"session_id": self._name, "visitor_id": self._name}
        return [{**each, **ids, "event_id": str(uuid_utils.uuid7())} for each in made]


def send(http: httpx.Client, events: list[dict[str, Any]], key: str) -> int:
    """Send the events; returns how many there are."""
    for start in range(0, len(events), 250):
        body: dict[str, Any] = {"site": SITE, "sent_at": int(time.time() * 1000), "events": events[start : start + 250]}
        answer = http.post("/v1/batch", json=body, headers={"X-OPECOM-Key": key})
        assert answer.status_code == 202, answer.text
        assert answer.json()["accepted"] == len(body["events"]), answer.text
    return len(events)


def opecom(system: System, *arguments: str) -> str:
    done = system.stack.opecom(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def promote(system: System) -> None:
    assert "session is in force" in opecom(system, "models", "promote", SESSION_MODEL)


def roll_back(system: System) -> None:
    assert f"{registry.current()} is in force" in opecom(system, "models", "rollback")


def change_conversion(system: System) -> None:
    """With what was counted of the closed sessions by then."""
    assert wait_until(lambda: stored(system, "count(*)", "status = 'closed'") > 0, 60)
    opecom(system, "sites", "add", SITE, "--expected-conversion", str(CONVERSION))
    assert json.loads(opecom(system, "pages", "refresh", "--json"))["written"] > 1


def kill_worker(system: System) -> None:
    """On services when a mark has the model and the page statistics in force: what the next worker folds names neither.

    The embedded broker keeps no marks; there the next worker folds the whole log.
    """

    def is_marked() -> bool:
        return any(mark.model == SESSION_MODEL and mark.pages_version for mark in asyncio.run(marks(system)))

    assert system.embedded or wait_until(is_marked, 60)
    system.stack.process_of("worker").kill()


async def marks(system: System) -> list[Mark]:
    """Where a worker that takes over begins, in the partitions of which something is committed."""
    kafka = system.settings.kafka
    log = KafkaLogReader(kafka_clients(kafka), kafka.events_topic, system.settings.worker.group)
    committed = [await log.committed(number) for number in range(kafka.partitions)]
    found = [decode_mark(each[1]) for each in committed if each is not None]
    return [mark for mark in found if mark is not None]


def stored(system: System, value: str, where: str = "status <> 'void'") -> int:
    with system.engine.connect() as connection:
        return int(connection.execute(text(f"SELECT {value} FROM sessions WHERE {where}")).scalar() or 0)  # noqa: S608
