"""The writer as it runs: a broker, SQLite and chDB; on the embedded broker and on Apache Kafka, in its group there."""

import asyncio
import contextlib
import shutil
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import SecretStr
from sqlalchemy import text

from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.processes.ports import wait_until
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring import writer
from deploy.wiring.storage import migrate_all
from ingest.events import Tick, encode, key_of
from storage.database.engine import engine_of
from storage.write import continuity
from storage.write.block import TopicRole
from stream import scored as contract
from stream.scored import DeadLetter, ScoredSession
from tests.support.events import NOON, event
from tests.support.ports import free_port
from tests.support.scored import scored, view
from tests.support.services import Broker
from tests.support.sinks import clickhouse
from tests.support.waiting import until

PATIENCE = 90


@pytest.fixture
async def settings(broker: Broker, tmp_path: Path) -> Settings:
    """Settings and topics of a writer that nothing else uses; the databases have their schema."""
    kafka = broker.settings(partitions=2)
    storage = StorageSettings(
        metrics_port=0, group=f"writer-{kafka.events_topic}", url=SecretStr(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    )
    profile = "services" if broker.idempotent else "embedded"
    made = Settings(profile=profile, kafka=kafka, data_dir=tmp_path, storage=storage)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    await asyncio.to_thread(migrate_all, made)
    return made


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    """A writer, stopped at the end as SIGTERM would stop it."""
    stop = asyncio.Event()
    task = asyncio.create_task(writer.run(settings, stop))
    try:
        yield
    finally:
        stop.set()
        assert await asyncio.wait_for(task, 25) == 0


@asynccontextmanager
async def producing(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**client_options(settings.kafka), acks="all") as made:
        yield made


async def publish_updates(
    producer: AIOKafkaProducer, topic: str, updates: Iterable[ScoredSession], partition: int = 0
) -> None:
    sent = [
        await producer.send(topic, contract.encode(each), key=key_of(each.site, each.session_id), partition=partition)
        for each in updates
    ]
    await asyncio.gather(*sent)


async def answered(settings: Settings, query: str, holds: Callable[[Any], bool]) -> float:
    """Wait until the first value of the query's answer is right; returns when that was, by the monotonic clock."""
    engine = engine_of(settings.storage.url.get_secret_value())

    def right() -> bool:
        with engine.connect() as connection:
            return holds(connection.execute(text(query)).scalar())

    try:
        await until(right)
        return time.monotonic()
    finally:
        engine.dispose()


COUNT = "SELECT count(*) FROM sessions"
SEEN = "SELECT coalesce(sum(next_offset), 0) FROM log_positions"


async def test_all_three_topics_reach_the_databases_and_a_restart_goes_on(settings: Settings) -> None:
    kafka = settings.kafka
    letter = DeadLetter(log="l", partition=0, offset=1, reason="late", detail="", key=None, raw=b"\xff")
    async with producing(settings) as producer:
        await publish_updates(
            producer, kafka.scored_topic, [scored(n, session_id=f"s{n}", views=(view(n),)) for n in range(50)]
        )
        await producer.send_and_wait(kafka.scored_topic, b"{}", key=b"default/s1", partition=1)
        await producer.send_and_wait(kafka.events_topic, encode(event(1)), key=key_of("default", "s1"), partition=0)
        await producer.send_and_wait(kafka.events_topic, encode(Tick("live", NOON)), partition=0)
        await producer.send_and_wait(kafka.events_topic, b"\xff", key=b"default/s1", partition=1)
        await producer.send_and_wait(kafka.dead_topic, contract.encode(letter), key=b"l:0:1")
        async with running(settings):
            # 50 + 1 scored, 3 events, 1 dead letter and the one that the writer adds.
            await answered(settings, SEEN, lambda seen: seen == 56)
        async with running(settings):
            await publish_updates(
                producer, kafka.scored_topic, [scored(60, session_id=f"t{n}") for n in range(20)], partition=1
            )
            await answered(settings, COUNT, lambda count: count == 70)
    with clickhouse(settings.data_dir / "chdb") as client:
        assert client.query("SELECT count() FROM scored_sessions FINAL").result_rows == [(70,)]
        kinds = client.query("SELECT kind, count() FROM events FINAL GROUP BY kind ORDER BY kind").result_rows
        assert kinds == [("control", 1), ("event", 1), ("undecodable", 1)]
        dead = client.query("SELECT topic, reason FROM dead_letters FINAL ORDER BY topic").result_rows
        assert dead == [("events", "late"), ("scored-sessions", "failed")]


async def test_a_score_is_in_the_database_within_a_second_of_its_record(settings: Settings) -> None:
    waited = []
    async with producing(settings) as producer, running(settings):
        await publish_updates(producer, settings.kafka.scored_topic, [scored(0, session_id="first")])
        await answered(settings, COUNT, lambda count: count == 1)
        for number in range(1, 6):
            await publish_updates(producer, settings.kafka.scored_topic, [scored(number, session_id=f"s{number}")])
            began = time.monotonic()
            waited.append(await answered(settings, COUNT, lambda count, wanted=number + 1: count == wanted) - began)
    assert statistics.median(waited) < 1, waited


async def test_it_states_that_it_is_ready_once_it_reads(settings: Settings) -> None:
    address = ProbeAddress("127.0.0.1", free_port())
    storage = settings.storage.model_copy(update={"metrics_port": address.port})
    async with (
        running(settings.model_copy(update={"storage": storage})),
        httpx.AsyncClient(base_url=address.url, timeout=90) as http,
    ):
        assert await asyncio.to_thread(wait_until, lambda: is_ready(address), PATIENCE)
        statuses = [(await http.get(path)).status_code for path in ("/livez", "/readyz", "/metrics", "/else")]
    assert statuses == [200, 200, 200, 404]
    assert not is_ready(address)


async def test_a_topic_made_anew_under_a_known_log_is_refused(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = settings.kafka
    async with producing(settings) as producer:
        await publish_updates(producer, kafka.scored_topic, [scored(n) for n in range(20)])
        async with running(settings):
            await answered(settings, SEEN, lambda seen: seen == 20)
        log = await topics.log_id(kafka_clients(kafka))
        engine = engine_of(settings.storage.url.get_secret_value())
        known = continuity.written(engine, log)
        engine.dispose()
        assert [(place.role, place.next) for place in known] == [("scored", 20)]

        names: dict[TopicRole, str] = {
            "events": kafka.events_topic,
            "scored": kafka.scored_topic,
            "dead": kafka.dead_topic,
        }
        await continuity.check(known, names, kafka_clients(kafka))

        anew = kafka.model_copy(update={"scored_topic": f"{kafka.scored_topic}-again"})
        await topics.ensure(kafka_clients(anew), topics.wanted(anew))
        other = {**names, "scored": anew.scored_topic}
        for count in (0, 5, 30):
            # Empty, shorter than what was written, and longer: the last record is another one then.
            await publish_updates(producer, anew.scored_topic, [scored(n) for n in range(count)])
            with pytest.raises(continuity.ContinuityError, match="was created again: the databases know 20 records"):
                await continuity.check(known, other, kafka_clients(kafka), wait_seconds=2)
        with pytest.raises(continuity.ContinuityError, match="is missing: run `opecom topics"):
            await continuity.check(known, {**names, "scored": "no-such-topic"}, kafka_clients(kafka))

    changed = settings.model_copy(update={"kafka": anew})
    assert await writer.run(changed, asyncio.Event()) == 70
    assert "was created again" in caplog.text


async def test_a_restored_database_and_a_group_set_back_end_where_they_were(settings: Settings, tmp_path: Path) -> None:
    kafka, file, kept = settings.kafka, tmp_path / "rows.sqlite", tmp_path / "backup.sqlite"
    async with producing(settings) as producer:
        await publish_updates(
            producer, kafka.scored_topic, [scored(n, session_id=f"s{n}", views=(view(n),)) for n in range(30)]
        )
        async with running(settings):
            await answered(settings, COUNT, lambda count: count == 30)
        shutil.copy(file, kept)
        await publish_updates(producer, kafka.scored_topic, [scored(n, session_id=f"s{n}") for n in range(30, 50)])
        async with running(settings):
            await answered(settings, COUNT, lambda count: count == 50)
    before = rows(file)

    shutil.copy(kept, file)
    assert len(rows(file)) == 30
    places = [TopicPartition(kafka.scored_topic, number) for number in range(kafka.partitions)]
    # One that commits by itself would commit on closing where it stood before.
    options = client_options(kafka) | {"group_id": settings.storage.group, "enable_auto_commit": False}
    async with AIOKafkaConsumer(**options) as consumer:
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, 0))
    async with running(settings):
        await answered(settings, COUNT, lambda count: count == 50)
    assert rows(file) == before
    with clickhouse(settings.data_dir / "chdb") as client:
        assert client.query("SELECT count() FROM scored_sessions FINAL").result_rows == [(50,)]


def rows(file: Path) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT * FROM sessions ORDER BY session_id").fetchall()
