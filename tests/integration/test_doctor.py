"""The doctor on Apache Kafka and MariaDB: what is well, and one line for each fault that is planted."""

import asyncio
import time
from typing import Any

import pytest
import sqlalchemy
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from deploy.doctor import databases
from deploy.doctor.finding import Finding
from deploy.doctor.log import log
from deploy.errors import AwayError
from deploy.log import topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import KafkaSettings, Settings, StorageSettings, WorkerSettings
from deploy.wiring.relational import relational
from storage.database import migrate
from tests.support.ports import free_port
from tests.support.services import Broker

NEWEST = migrate.steps("mariadb")[-1].version


def settings_on(kafka: KafkaSettings, **given: Any) -> Settings:
    """Settings of the services profile with groups of their own."""
    return Settings(
        profile="services",
        kafka=kafka,
        worker=WorkerSettings(group=f"worker-{kafka.events_topic}"),
        storage=StorageSettings(group=f"writer-{kafka.events_topic}", **given),
    )


@pytest.fixture
async def made(kafka: Broker) -> KafkaSettings:
    """Apache Kafka with topics that are as they must be."""
    settings = kafka.settings(partitions=2)
    await topics.ensure(kafka_clients(settings), topics.wanted(settings))
    return settings


def by_check(findings: list[Finding]) -> dict[str, tuple[str, str]]:
    assert len({finding.check for finding in findings}) == len(findings), findings
    return {finding.check: (finding.state, finding.line) for finding in findings}


@pytest.mark.kafka
async def test_kafka_is_well_and_nobody_is_there_yet(made: KafkaSettings) -> None:
    findings, ahead = await log(settings_on(made))
    found = by_check(findings)
    assert found["Kafka"][0] == found["topics"][0] == "ok"
    assert "Apache Kafka 4.1 or newer" in found["Kafka"][1]
    assert found["worker group"] == (
        "warning", "nobody is in the group, 0 records behind: start `opecom run worker`",
    )  # fmt: skip
    assert ahead == {}


@pytest.mark.kafka
async def test_records_that_nobody_reads_are_a_fault_until_somebody_does(made: KafkaSettings) -> None:
    settings, options = settings_on(made), client_options(made)
    async with AIOKafkaProducer(**options) as producer:
        for number in range(5):
            await producer.send_and_wait(made.events_topic, b"x", partition=number % 2)
    found = by_check((await log(settings))[0])
    assert found["worker group"][0] == "fault"
    assert "nobody is in the group, 5 records behind" in found["worker group"][1]
    reading = {"group_id": settings.worker.group, "auto_offset_reset": "earliest", "enable_auto_commit": False}
    async with AIOKafkaConsumer(made.events_topic, **reading, **options) as consumer:
        seen = 0
        async with asyncio.timeout(90):
            while seen < 5:
                seen += sum(map(len, (await consumer.getmany(timeout_ms=200)).values()))
        await consumer.commit()
        found = by_check((await log(settings))[0])
    assert found["worker group"] == ("ok", "1 in the group, 0 records behind")
    assert found["writer group"][0] == "fault"
    assert found["writer group"][1].endswith("start `opecom run store`")


@pytest.mark.kafka
async def test_a_wrong_number_of_partitions_is_one_line(made: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(**client_options(made))
    await admin.start()
    await admin.create_partitions({made.events_topic: NewPartitions(3)})
    await admin.close()
    found = {"topics": ("ok", "")}
    async with asyncio.timeout(90):
        while found["topics"][0] == "ok":
            found = by_check((await log(settings_on(made)))[0])
    state, line = found["topics"]
    assert state == "fault"
    assert f"topic {made.events_topic} has 3 partitions and must have 2" in line
    assert "OPECOM_KAFKA__PARTITIONS=3" in line
    assert "\n" not in line


@pytest.mark.kafka
async def test_missing_topics_are_a_line_each(kafka: Broker) -> None:
    made = kafka.settings()
    findings, _ = await log(settings_on(made))
    lines = [finding.line for finding in findings if finding.check == "topics"]
    assert len(lines) == len(topics.wanted(made))
    assert all(line.endswith("`opecom topics create` makes it") for line in lines)


async def test_a_broker_that_is_away_is_one_error() -> None:
    with pytest.raises(AwayError, match=r"kafka\.bootstrap"):
        await log(settings_on(KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}")))


@pytest.mark.kafka
async def test_records_from_the_future_point_to_the_clock(kafka: Broker) -> None:
    settings = kafka.settings(partitions=1)
    options = client_options(settings)
    await topics.ensure(kafka_clients(settings), topics.wanted(settings))
    ahead = (await log(settings_on(settings)))[1]
    assert ahead == {}
    # The newest record of a topic that takes the producer's time stands for a broker whose clock is ahead.
    other = settings.model_copy(update={"events_topic": settings.scored_topic, "scored_topic": settings.events_topic})
    async with AIOKafkaProducer(**options) as producer:
        later = int(time.time() * 1000) + 300_000
        await producer.send_and_wait(settings.scored_topic, b"x", partition=0, timestamp_ms=later)
    _, ahead = await log(settings_on(other))
    assert 290 < ahead["Kafka"] < 301


@pytest.mark.mariadb
def test_a_mariadb_without_and_with_our_schema(mariadb_url: str) -> None:
    settings = settings_on(KafkaSettings(), url=mariadb_url)
    [finding], ahead = databases.relational_database(settings)
    assert (finding.state, finding.line) == (
        "fault", f"the mariadb schema is at 0, this program needs {NEWEST}: run `opecom migrate`",
    )  # fmt: skip
    assert abs(ahead["MariaDB"]) < 5
    engine = relational(settings)
    run = migrate.relational_run(engine)
    migrate.migrate("mariadb", run)
    [finding], _ = databases.relational_database(settings)
    assert finding.state == "ok"
    assert "MariaDB" in finding.line
    run("UPDATE schema_version SET version = 99")
    engine.dispose()
    [finding], _ = databases.relational_database(settings)
    assert "install a newer op-ecom" in finding.line


@pytest.mark.mariadb
def test_a_wrong_password_is_one_line_without_it(mariadb_url: str) -> None:
    url = sqlalchemy.make_url(mariadb_url).set(password="guessed-wrong").render_as_string(hide_password=False)
    [finding], _ = databases.relational_database(settings_on(KafkaSettings(), url=url))
    assert finding.state == "fault"
    assert "storage.url" in finding.line
    assert "guessed-wrong" not in finding.line
