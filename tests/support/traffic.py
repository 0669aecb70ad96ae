"""A log with everything in it: live sessions that have closed, simulations with clocks of their own, live traffic,
promotions and versions of the page statistics on the way."""

import asyncio
import random
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from deploy.chaos.ledger import Ledger
from deploy.local.counts import counts
from deploy.log import controls
from deploy.log.client_options import client_options
from deploy.processes.ports import wait_until
from deploy.settings.model import Settings
from ingest.events import LIVE_CLOCK, Event, Page, Ping, Purchase, UseModel, encode, key_of
from ingest.partition import partition_of
from stream.fold.pages import PageRow
from tests.support.clicks import made_up, packed
from tests.support.events import event
from tests.support.stack import Stack

MINUTE = 60_000
PAGES = 12
#: How long the simulations send.
SECONDS = 6.0
#: Events of a simulated session, about.
EVENTS = 33


def pages(seed: int, sites: Sequence[str] = ("default",)) -> list[PageRow]:
    """Statistics of the pages of the live site, others for each seed."""
    chance = random.Random(seed)
    return [
        PageRow("", site, f"/p/{page}", round(chance.random() / 5, 4), round(chance.random() / 5, 4), page * seed / 2)
        for site in sites
        for page in range(PAGES)
    ]


async def history(settings: Settings, sessions: int, seed: int = 5) -> int:
    """Live sessions of the last five hours, straight onto the topic, and the tick that closes them; how many events.

    None of them lasts until the last hour: it would be overdue in the middle of a test, at a time that nobody chose.
    Some events come twice, some late, some are none at all. A worker that reads them at once may find the sessions
    overdue and append a tick of its own; the log is then another one, and as good.
    """
    kafka, chance = settings.kafka, random.Random(seed)
    now = int(time.time() * 1000)
    said: list[Event] = []
    for number in range(sessions):
        said += _visit(chance, number, now - 300 * MINUTE + chance.randrange(100 * MINUTE))
    said.sort(key=lambda each: each.received_at)
    async with AIOKafkaProducer(**client_options(kafka), acks="all") as producer:
        sent = []
        for each in said:
            key = key_of(each.site, each.session_id)
            partition = partition_of(key, kafka.partitions)
            for _ in range(2 if chance.random() < 0.03 else 1):
                sent.append(await producer.send(kafka.events_topic, encode(each), key=key, partition=partition))
            if chance.random() < 0.01:
                sent.append(await producer.send(kafka.events_topic, b"\xff", key=key, partition=partition))
        await asyncio.gather(*sent)
    await controls.tick(kafka, LIVE_CLOCK, now)
    return len(sent)


def _visit(chance: random.Random, number: int, at: int) -> list[Event]:
    """The events of one visitor, some with a pause in which the session closes, some with a purchase."""
    made: list[Event] = []
    for step in range(chance.randrange(2, 14)):
        at += chance.choice([1_000, 20_000, MINUTE, 4 * MINUTE, 44 * MINUTE if step % 6 == 5 else MINUTE])
        told = at - (60 * MINUTE if chance.random() < 0.02 else 0)
        given = {"session_id": f"visit-{number}", "visitor_id": f"v{number}", "received_at": at}
        identity = number * 100 + step + 1
        kind = chance.choice(["page_view", "page_view", "page_ping"]) if step else "page_view"
        page = Page(f"/p/{chance.randrange(PAGES)}", chance.choice(["ProductRelated", "Informational", None]))
        content = {"page": page} if kind == "page_view" else {"page": None, "ping": Ping(900, 40)}
        made.append(event(identity, told, type=kind, **content, **given))
    if number % 5 == 0:
        order = Purchase(10.0 + number, f"o{number}", "EUR", verified=True)
        given = {"session_id": f"visit-{number}", "visitor_id": f"v{number}", "received_at": at + 500}
        made.append(event(number * 100 + 99, at + 500, type="purchase", page=None, purchase=order, **given))
    return made


def tell(stack: Stack, settings: Settings, sessions: int) -> set[str]:
    """Everything through the running system, with two promotions and three versions of the page statistics beside
    those of the simulation; the ids of what a live client was told is accepted."""
    kafka = settings.kafka
    asyncio.run(controls.put_pages(kafka, pages(1)))
    asyncio.run(history(settings, sessions // 3))
    clicks = packed(stack.folder / "clicks.csv.gz", made_up(sessions // 4))
    ledger = Ledger(stack.ingest.url, stack.folder / "accepted", rate=120)
    events = sessions * EVENTS
    simulated = stack.begin("simulate", "uci", "--sessions", str(sessions), "--rate", str(events / SECONDS))
    # Its page statistics are in force by then, and what counts from here on is not the ledger's alone.
    _wait_for(stack, 1)
    ledger.start()
    for number, version in enumerate(("second", "third"), 2):
        _wait_for(stack, events * (number - 1.5) / 4)
        asyncio.run(controls.put_pages(kafka, pages(number)))
        _wait_for(stack, events * (number - 1) / 4)
        asyncio.run(controls.write_control(kafka, UseModel(version)))
    # However slow the machine, something is scored by the last one.
    clicked = stack.begin("simulate", "clicks", "--data", str(clicks))
    for process in (simulated, clicked):
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
    return ledger.stop()


def _wait_for(stack: Stack, events: float) -> None:
    """Until so many events are accepted."""
    key = stack.admin_headers["X-OPECOM-Key"]
    assert wait_until(lambda: counts([stack.ingest], key).accepted >= events, 120), "the simulation does not go on"
