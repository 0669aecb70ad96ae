"""A planted effect through a running embedded system: worker and writer make the rows, the command reads them."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.broker import SETTINGS
from deploy.log.client_options import client_options
from deploy.log.controls import put_definition
from deploy.processes.ports import wait_until
from deploy.settings.model import KafkaSettings
from deploy.simulate.experiment import GeneratedFacts, generated
from ingest.events import Event, Purchase
from scoring.experiments.visitors import ExposedVisitors
from stream.experiments.assignment import bucket
from stream.experiments.definition import ReadingPlan
from tests.support.events import event
from tests.support.experiments import SALT, experiment
from tests.support.log import log_of
from tests.support.replays import placed
from tests.support.stack import Stack, new_stack, up

DAY, MINUTE = 86_400_000, 60_000
#: Days over which visitors come, and how long ago the first of them came.
DAYS, AGO = 10, 20
BATCH_BYTES = 800_000
SHORT = GeneratedFacts(visitors=1_200, base=0.3, uplift=0.4, days=DAYS)
#: As many as the issue wants, at its conversion.
LONG = GeneratedFacts(visitors=20_000, base=0.03, uplift=0.25, days=DAYS)
STORED_SECONDS = 600


def ids_of(visitors: ExposedVisitors) -> list[str]:
    """A name for each visitor that the experiment puts into the arm that it was generated in."""
    found = []
    for number, arm in enumerate(visitors.arm.tolist()):
        names = (f"v{number}-{each}" for each in range(1_000))
        found.append(next(name for name in names if (bucket(SALT, name) >= 5_000) == bool(arm)))
    return found


def events_of(visitors: ExposedVisitors, started_at: int) -> list[Event]:
    """A page view, which shows the arm, and what came of it ten minutes later."""
    made: list[Event] = []
    for number, name in enumerate(ids_of(visitors)):
        at = started_at + int(visitors.counted_on[number]) * DAY + (number % 1_000) * MINUTE
        of = {"visitor_id": name, "session_id": name}
        made.append(event(2 * number, at, **of))
        if visitors.converted[number]:
            order = Purchase(round(float(visitors.revenue[number]), 2), f"o{number}", "EUR", verified=True)
            made.append(event(2 * number + 1, at + 10 * MINUTE, type="purchase", purchase=order, **of))
    return sorted(made, key=lambda each: each.received_at)


@contextmanager
def suspended(stack: Stack) -> Iterator[None]:
    """The worker stands still: between two batches it could find sessions of days ago overdue, and close them."""
    worker = stack.process_of("worker")
    worker.suspend()
    try:
        yield
    finally:
        worker.resume()


async def append_all(kafka: KafkaSettings, events: Sequence[Event]) -> None:
    options = client_options(kafka)
    async with AIOKafkaProducer(**options, acks="all", max_batch_size=BATCH_BYTES) as producer:
        for number, part in enumerate(placed(events, kafka.partitions)):
            batch = producer.create_batch()
            for record in log_of(part):
                if batch.append(key=record.key, value=record.value, timestamp=None) is None:
                    await (await producer.send_batch(batch, kafka.events_topic, partition=number))
                    batch = producer.create_batch()
                    assert batch.append(key=record.key, value=record.value, timestamp=None) is not None
            if part:
                await (await producer.send_batch(batch, kafka.events_topic, partition=number))


def stored(stack: Stack) -> tuple[int, int]:
    """Sessions and orders in the database."""
    path = stack.folder / "data/opecom.sqlite"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=90)) as connection:
        [found] = connection.execute("SELECT (SELECT COUNT(*) FROM sessions), (SELECT COUNT(*) FROM orders)").fetchall()
    return int(found[0]), int(found[1])


@pytest.mark.parametrize(
    "facts",
    [pytest.param(SHORT, id="1,200 visitors"), pytest.param(LONG, id="20,000 visitors", marks=pytest.mark.long)],
)
@pytest.mark.timeout(1_500)
def test_the_interval_of_a_planted_effect_covers_it(
    facts: GeneratedFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    visitors = generated(facts, (16, 4))
    # Nobody is there at 04:00, when a session of the day before ends.
    started_at = (int(time.time() * 1000) // DAY - AGO) * DAY + 300 * MINUTE
    chat = experiment(started_at=started_at, plan=ReadingPlan(planned_visitors=facts.visitors))
    with up(new_stack(tmp_path)) as stack:
        # As `opecom up` has it for its parts.
        kafka = stack.settings.kafka.model_copy(update=SETTINGS)
        asyncio.run(put_definition(kafka, chat))
        with suspended(stack):
            asyncio.run(append_all(kafka, events_of(visitors, started_at)))
        orders = int(visitors.converted.sum())
        assert wait_until(lambda: stored(stack) == (facts.visitors, orders), STORED_SECONDS), stored(stack)
        answered = stack.opecom("experiments", "results", "chat", "--json")
        assert answered.returncode == 0, answered.stderr
        shown = stack.opecom("experiments", "results", "chat", "--segments", "device_class,band")
        assert shown.returncode == 0, shown.stderr
        refused = stack.opecom("experiments", "results", "chat", "--segments", "moon")
        assert refused.returncode == 1
        assert "segments: moon: known of it are band, device_class" in refused.stderr
    found = json.loads(answered.stdout)
    assert found["report"]["stopped"] == ""
    assert found["labels"]["visitors"] == facts.visitors
    for number, arm in enumerate(found["report"]["arms"]):
        of_arm = visitors.chosen(visitors.arm == number)
        assert arm["visitors"] == of_arm.size
        assert arm["conversion"] == pytest.approx(of_arm.converted.mean())
    effect = next(each for each in found["report"]["effects"] if each["decides"])
    assert effect["low"] <= facts.difference <= effect["high"]
    assert effect["ratio_low"] <= 1 + facts.uplift <= effect["ratio_high"]
    assert found["rule"]["is_written_before"]
    assert found["currency"] == "EUR"
    assert found["conclusions"][0] in shown.stdout
    assert "visitors counted; left out: 0 who met two arms" in shown.stdout
    with capsys.disabled():
        print(
            f"\n{facts.visitors:,} visitors, planted {facts.difference:+.4f}: "
            f"{effect['difference']:+.4f} ({effect['low']:+.4f} to {effect['high']:+.4f})"
        )
