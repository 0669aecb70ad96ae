"""The part `webhooks` as it runs: every crossing on the topic is told once, through kills, rebalances and outages."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from sqlalchemy import Engine

from deploy.log import controls, topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import Settings, StorageSettings, WebhooksSettings
from deploy.wiring import webhooks
from deploy.wiring.relational import relational_of_this_program
from ingest.events import key_of
from scoring.manifest import Band
from storage.database.engine import engine_of
from storage.webhooks import bands, registry
from storage.webhooks.crossings import Webhook
from stream.fold.erasures import visitor_digest
from stream.scored import ScoredSession, encode
from tests.support.events import NOON
from tests.support.gate import gate
from tests.support.ports import free_port
from tests.support.processes import Part, environment
from tests.support.receiver import Receiver, receiver
from tests.support.scored import scored
from tests.support.services import Broker
from tests.support.waiting import until
from tests.support.webhooks import kept

PARTITIONS = 3
#: The exit code of a part that Kafka or its database failed.
FAILED = 70
PAUSES = (0.3, 0.3, 0.3, 0.3, 0.3)

Log = dict[int, list[ScoredSession]]
#: What a crossing is known by: the session, the band that it left, the one that it entered, the update's version.
Crossed = tuple[str, str, str, int]


def log_of(sessions: int, updates: int, seed: int) -> Log:
    """A random log by partition: sessions that wander between bands, and a tail told again as a killed worker does."""
    chance = random.Random(seed)
    log: Log = {}
    for partition in range(PARTITIONS):
        told: list[ScoredSession] = []
        for offset in range(1, updates + 1):
            name = f"p{partition}-s{chance.randrange(sessions)}"
            band: Band = chance.choice(("low", "low", "building", "high"))
            told.append(scored(offset, session_id=name, opened_at=NOON, band=band))
        log[partition] = told[: updates // 2] + told[updates // 2 - 15 :]
    return log


def crossings(log: Log) -> set[Crossed]:
    """Counted without the program: the first telling of each version, in its order, band against band."""
    found: set[Crossed] = set()
    for updates in log.values():
        band: dict[str, str] = {}
        for update in {each.version: each for each in updates}.values():
            before = band.get(update.session_id, "low")
            if update.band != before:
                found.add((update.session_id, before, update.band, update.version))
            band[update.session_id] = update.band
    return found


def crossings_received(there: Receiver) -> list[Crossed]:
    """What the receiver took, each message id once."""
    data = {got.id: got.data for got in there.got if got.id in set(there.taken)}
    return [(each["session_id"], each["from"], each["to"], each["version"]) for each in data.values()]


async def publish_log(settings: Settings, log: Log) -> None:
    async with AIOKafkaProducer(**client_options(settings.kafka), acks="all") as producer:
        sent = [
            await producer.send(
                settings.kafka.scored_topic, encode(each), key=key_of("default", each.session_id), partition=partition
            )
            for partition, updates in log.items()
            for each in updates
        ]
        await asyncio.gather(*sent)


async def made(broker: Broker, folder: Path, url: str = "", **given: Any) -> Settings:
    """Settings and topics of webhooks that nothing else uses; the database has its schema."""
    kafka = broker.settings(partitions=PARTITIONS)
    whole: dict[str, Any] = {"metrics_port": 0, "retry_seconds": PAUSES, "group": f"webhooks-{kafka.events_topic}"}
    settings = Settings(
        profile="services" if broker.idempotent else "embedded",
        kafka=kafka,
        data_dir=folder,
        storage=StorageSettings(url=SecretStr(url or f"sqlite:///{folder / 'rows.sqlite'}")),
        webhooks=WebhooksSettings(**(whole | given)),
    )
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    await asyncio.to_thread(
        lambda: relational_of_this_program(settings.model_copy(update={"profile": "embedded"})).dispose()
    )
    return settings


@contextlib.contextmanager
def opened(of: Settings | str) -> Iterator[Engine]:
    """The database of a part, or at a URL of its own: what passes a gate of this loop must not wait for it."""
    engine = engine_of(of) if isinstance(of, str) else relational_of_this_program(of)
    try:
        yield engine
    finally:
        engine.dispose()


def add(engine: Engine, there: Receiver, *wanted: Any) -> Webhook:
    return registry.add(engine, "default", there.url, wanted, True, NOON - 1)


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    """The part in this process, stopped at the end as SIGTERM would stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(webhooks.run(settings, stop))
    try:
        yield
        assert not task.done()
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 25) == 0


def part(settings: Settings, folder: Path) -> Part:
    """The part as a process of its own."""
    port = free_port()
    url = settings.storage.url.get_secret_value()
    variables = environment(settings) | {"OPECOM_STORAGE__URL": url, "OPECOM_WEBHOOKS__METRICS_PORT": str(port)}
    return Part("webhooks", folder, variables, port)


def settled(engine: Engine, wanted: int) -> Callable[[], bool]:
    """Whether so many deliveries were made, and all have ended."""
    return lambda: len(log := kept(engine)) >= wanted and all(each.state != "due" for each in log.values())


async def test_each_crossing_is_reported_once(broker: Broker, tmp_path: Path) -> None:
    settings, log = await made(broker, tmp_path), log_of(sessions=8, updates=120, seed=1)
    wanted = crossings(log)
    with opened(settings) as engine, receiver("fail", "close", "fail", "redirect") as there:
        hook = add(engine, there)
        async with running(settings):
            await publish_log(settings, log)
            await until(settled(engine, len(wanted)))
        assert {each.state for each in kept(engine).values()} == {"delivered"}
        assert all(got.verified(hook.secret) for got in there.got)
    assert len(there.taken) == len(set(there.taken)) == len(wanted) > 100
    assert set(crossings_received(there)) == wanted


async def test_what_was_read_before_a_stop_is_not_read_again(broker: Broker, tmp_path: Path) -> None:
    """Whatever the group remembers: the embedded broker forgets it, and here it is never committed."""
    settings, log = await made(broker, tmp_path), log_of(sessions=5, updates=60, seed=2)
    first = {partition: updates[:30] for partition, updates in log.items()}
    second = {partition: updates[30:] for partition, updates in log.items()}
    with opened(settings) as engine, receiver() as there:
        add(engine, there)
        async with running(settings):
            await publish_log(settings, first)
            await until(settled(engine, len(crossings(first))))
        await publish_log(settings, second)
        another = WebhooksSettings(**(settings.webhooks.model_dump() | {"group": "unheard-of"}))
        async with running(settings.model_copy(update={"webhooks": another})):
            await until(settled(engine, len(crossings(log))))
    assert len(there.taken) == len(crossings(log))
    assert set(crossings_received(there)) == crossings(log)


async def test_only_what_is_wanted_of_a_site_with_webhooks(embedded_kafka: Broker, tmp_path: Path) -> None:
    settings, log = await made(embedded_kafka, tmp_path), log_of(sessions=5, updates=60, seed=3)
    with opened(settings) as engine, receiver() as there:
        add(engine, there, "high")
        async with running(settings):
            await publish_log(settings, log)
            async with AIOKafkaProducer(**client_options(settings.kafka), acks="all") as producer:
                for site, value in (("other", encode(scored(900, site="other", band="high"))), ("default", b"{}")):
                    await producer.send_and_wait(settings.kafka.scored_topic, value, key=key_of(site, "s"), partition=0)
            await publish_log(settings, {0: [scored(901, session_id="last", band="high")]})
            wanted = {each for each in crossings(log) if each[2] == "high"}
            await until(settled(engine, len(wanted) + 1))
    assert set(crossings_received(there)) == wanted | {("last", "low", "high", 901 << 12)}


async def test_nothing_is_reported_of_an_erased_visitor(embedded_kafka: Broker, tmp_path: Path) -> None:
    settings = await made(embedded_kafka, tmp_path)
    both = [scored(n, session_id=f"s{n}", visitor_id=f"v{n}", band="high") for n in (1, 2)]
    await controls.put_erasures(settings.kafka, [visitor_digest("default", "v1")], settled=False)
    with opened(settings) as engine, receiver() as there:
        add(engine, there)
        async with running(settings):
            await publish_log(settings, {0: both})
            await until(settled(engine, 1))
        assert [each.session_id for each in kept(engine).values()] == ["s2"]


async def _killed_again_and_again(settings: Settings, folder: Path, kills: int, parts: int) -> None:
    log = log_of(sessions=6, updates=400, seed=4)
    wanted, chance = crossings(log), random.Random(4)
    with opened(settings) as engine, receiver(*(["fail"] * 20)) as there:
        add(engine, there)
        live = [part(settings, folder) for _ in range(parts)]
        try:
            for each in live:
                each.wait_ready()
            step = 430 // (kills + 1)
            for number in range(kills + 1):
                piece = {p: updates[number * step :][: step if number < kills else None] for p, updates in log.items()}
                await publish_log(settings, piece)
                if number < kills:
                    await asyncio.sleep(chance.uniform(0.1, 0.8))
                    victim = chance.randrange(parts)
                    live[victim].kill()
                    live[victim] = part(settings, folder)
                    live[victim].wait_ready()
            await until(settled(engine, len(wanted)), lambda: "\n".join(each.words() for each in live), 120)
        finally:
            for each in live:
                each.kill()
        assert {each.state for each in kept(engine).values()} == {"delivered"}
        assert len(kept(engine)) == len(wanted)
    assert set(crossings_received(there)) == wanted
    assert len(crossings_received(there)) == len(wanted)
    # Twice, under one id, is only what was under way when a part was killed.
    assert len(there.taken) - len(set(there.taken)) <= kills * settings.webhooks.concurrency


async def test_a_part_that_is_killed_again_and_again(embedded_kafka: Broker, tmp_path: Path) -> None:
    settings = await made(embedded_kafka, tmp_path, timeout_seconds=2)
    await _killed_again_and_again(settings, tmp_path, kills=3, parts=1)


@pytest.mark.kafka
@pytest.mark.mariadb
async def test_two_parts_of_a_group_that_are_killed_in_turn(kafka: Broker, mariadb_url: str, tmp_path: Path) -> None:
    settings = await made(kafka, tmp_path, mariadb_url, timeout_seconds=2)
    await _killed_again_and_again(settings, tmp_path, kills=3, parts=2)


@pytest.mark.mariadb
async def test_a_mariadb_that_goes_away_pauses_and_loses_nothing(
    embedded_kafka: Broker, mariadb_url: str, tmp_path: Path
) -> None:
    url = sqlalchemy.make_url(mariadb_url)
    log = log_of(sessions=5, updates=80, seed=5)
    first = {partition: updates[:40] for partition, updates in log.items()}
    second = {partition: updates[40:] for partition, updates in log.items()}
    async with gate(url.host or "127.0.0.1", url.port or 3306) as front:
        through = url.set(host="127.0.0.1", port=front.port).render_as_string(hide_password=False)
        port = free_port()
        settings = await made(embedded_kafka, tmp_path, through, metrics_port=port)

        def away() -> bool:
            said = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
            return "opecom_webhooks_database_away 1.0" in said

        with opened(mariadb_url) as engine, receiver() as there:
            add(engine, there)
            async with running(settings):
                await publish_log(settings, first)
                await until(settled(engine, len(crossings(first))))
                await front.shut()
                await publish_log(settings, second)
                await until(away)
                before = len(there.got)
                await front.open()
                await until(settled(engine, len(crossings(log))))
                await until(lambda: not away())
            assert before == len(crossings(first))
    assert sorted(crossings_received(there)) == sorted(crossings(log))
    assert len(there.taken) == len(set(there.taken))


async def test_a_topic_made_anew_under_a_known_log_is_refused(
    embedded_kafka: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = await made(embedded_kafka, tmp_path)
    log = await topics.log_id(kafka_clients(settings.kafka))
    with opened(settings) as engine:
        bands.move(engine, log, {0: bands.ReadBatch(bands.PartitionPosition(), 500, NOON, [])}, {}, NOON)
    assert await webhooks.run(settings, asyncio.Event()) == FAILED
    assert "was created again" in caplog.text
