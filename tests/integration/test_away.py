"""MariaDB goes away under the running writer and comes back: nothing is committed meanwhile, nothing is lost."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pydantic import SecretStr

from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import Settings, StorageSettings
from deploy.wiring import writer
from ingest.events import key_of
from storage.database.engine import engine_of
from stream.scored import encode
from tests.support.gate import gate
from tests.support.scored import scored
from tests.support.services import Broker
from tests.support.sinks import clickhouse

PATIENCE = 90


@pytest.mark.mariadb
async def test_a_mariadb_that_goes_away_pauses_the_writer_and_loses_nothing(
    embedded_kafka: Broker, mariadb_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka = embedded_kafka.settings(partitions=1)
    await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))
    url = sqlalchemy.make_url(mariadb_url)
    async with gate(url.host or "127.0.0.1", url.port or 3306) as front:
        through = url.set(host="127.0.0.1", port=front.port).render_as_string(hide_password=False)
        storage = StorageSettings(url=SecretStr(through), group=f"away-{kafka.events_topic}", metrics_port=0)
        settings = Settings(kafka=kafka, data_dir=tmp_path, storage=storage)
        stop = asyncio.Event()
        running = asyncio.create_task(writer.run(settings, stop))
        try:
            async with AIOKafkaProducer(**client_options(kafka), acks="all") as producer:

                async def publish_updates(first: int, last: int) -> None:
                    for number in range(first, last):
                        update = scored(number, session_id=f"s{number}")
                        key = key_of("default", update.session_id)
                        await producer.send_and_wait(kafka.scored_topic, encode(update), key=key, partition=0)

                await publish_updates(0, 20)
                await _rows(mariadb_url, 20)
                await _committed(settings, 20)
                await front.shut()
                await publish_updates(20, 40)
                await _wait_for_line(caplog, "the relational database does not take writes")
                await _committed(settings, 20)
                await front.open()
                await publish_updates(40, 60)
                await _rows(mariadb_url, 60)
                await _wait_for_line(caplog, "the relational database takes writes again")
                await _committed(settings, 60)
        finally:
            stop.set()
            assert await asyncio.wait_for(running, 25) == 0
    with clickhouse(tmp_path / "chdb") as client:
        assert client.query("SELECT count() FROM scored_sessions FINAL").result_rows == [(60,)]


async def _rows(url: str, count: int) -> None:
    """Wait until the table has so many rows."""
    engine = engine_of(url)
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                with engine.connect() as connection:
                    # Before the writer has migrated it, there is no table.
                    if sqlalchemy.inspect(connection).has_table("sessions"):
                        found = connection.execute(sqlalchemy.text("SELECT count(*) FROM sessions")).scalar()
                        if found == count:
                            return
                await asyncio.sleep(0.05)
    finally:
        engine.dispose()


async def _committed(settings: Settings, offset: int) -> None:
    """Wait until the writer's group has committed this offset; fails when it goes beyond."""
    options = client_options(settings.kafka)
    consumer = AIOKafkaConsumer(group_id=settings.storage.group, enable_auto_commit=False, **options)
    await consumer.start()
    try:
        partition = TopicPartition(settings.kafka.scored_topic, 0)
        consumer.assign([partition])
        async with asyncio.timeout(PATIENCE):
            while (found := await consumer.committed(partition) or 0) != offset:
                assert found < offset
                await asyncio.sleep(0.05)
    finally:
        await consumer.stop()


async def _wait_for_line(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            if text in caplog.text:
                return
            await asyncio.sleep(0.05)
