"""Topics on both brokers: made as the settings say, fixed where Kafka can, refused where nobody can."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.errors import SetupError
from deploy.log import controls, topics
from deploy.log.client_options import client_options, kafka_clients
from deploy.settings.model import KafkaSettings
from ingest.events import Tick
from tests.support.ports import free_port
from tests.support.services import Broker


async def make(kafka: KafkaSettings, name: str, partitions: int, **settings: str) -> None:
    """A topic as somebody else might have made it."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    named = {key.replace("_", "."): value for key, value in settings.items()}
    await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=named)])
    async with asyncio.timeout(60):
        while name not in await admin.list_topics():  # noqa: ASYNC110  nothing else says when a broker knows it
            await asyncio.sleep(0.05)
    await admin.close()


async def ensure(kafka: KafkaSettings) -> list[str]:
    return await topics.ensure(kafka_clients(kafka), topics.wanted(kafka))


async def check(kafka: KafkaSettings) -> list[str]:
    return [fault.line for fault in await topics.check(kafka_clients(kafka), topics.wanted(kafka))]


async def test_missing_topics_are_reported_then_made_then_left_alone(broker: Broker) -> None:
    kafka = broker.settings(partitions=3)
    missing = len(topics.wanted(kafka))
    assert len(await check(kafka)) == missing
    # Asking must not have made them: the embedded broker makes whatever it is asked about.
    assert len(await check(kafka)) == missing
    assert await ensure(kafka) == [
        f"made topic {kafka.events_topic} with 3 partitions",
        f"made topic {kafka.scored_topic} with 3 partitions",
        f"made topic {kafka.pages_topic} with 1 partitions",
        f"made topic {kafka.erasures_topic} with 1 partitions",
        f"made topic {kafka.experiments_topic} with 1 partitions",
        f"made topic {kafka.dead_topic} with 3 partitions",
        *([f"made topic {kafka.snapshots_topic} with 3 partitions"] if kafka.snapshots_topic else []),
    ]
    assert await check(kafka) == []
    assert await ensure(kafka) == []


async def test_a_wrong_number_of_partitions_is_refused(broker: Broker) -> None:
    kafka = broker.settings(partitions=4)
    await make(kafka, kafka.events_topic, 3)
    with pytest.raises(SetupError, match=r"has 3 partitions and must have 4.*OPECOM_KAFKA__PARTITIONS=3"):
        await ensure(kafka)
    # What is refused is refused before anything was made.
    assert sum("is missing" in line for line in await check(kafka)) == len(topics.wanted(kafka)) - 1


async def test_more_than_one_partition_of_page_statistics_is_refused(broker: Broker) -> None:
    kafka = broker.settings()
    await make(kafka, kafka.pages_topic, 2)
    with pytest.raises(SetupError, match=r"has 2 partitions and must have 1.*OPECOM_KAFKA__PAGES_TOPIC"):
        await ensure(kafka)


@pytest.mark.kafka
async def test_settings_are_mended_and_those_of_others_are_kept(kafka: Broker) -> None:
    settings = kafka.settings(events_retention_hours=48)
    await make(settings, settings.events_topic, 4, retention_ms="1000", max_message_bytes="2000000")
    lines = await check(settings)
    assert f"topic {settings.events_topic} has retention.ms=1000 and must have 172800000" in lines
    assert f"topic {settings.events_topic} has message.timestamp.type=CreateTime and must have LogAppendTime" in lines
    await ensure(settings)
    assert await check(settings) == []
    assert (await actual(settings))["max.message.bytes"] == "2000000"
    longer = settings.model_copy(update={"events_retention_hours": 96})
    assert await ensure(longer) == [
        f"set retention.ms=345600000 on topic {settings.events_topic}",
        f"set retention.ms=345600000 on topic {settings.dead_topic}",
    ]
    assert (await actual(settings))["message.timestamp.type"] == "LogAppendTime"


async def actual(kafka: KafkaSettings) -> dict[str, str]:
    """The settings of the topic of events, as Kafka has them."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    await admin.start()
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, kafka.events_topic)])
    await admin.close()
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


@pytest.mark.kafka
async def test_a_compacted_topic_is_refused(kafka: Broker) -> None:
    settings = kafka.settings()
    await make(settings, settings.events_topic, 4, cleanup_policy="compact")
    with pytest.raises(SetupError, match=r"cleanup.policy=compact and must have delete.*OPECOM_KAFKA__EVENTS_TOPIC"):
        await ensure(settings)


@pytest.mark.kafka
async def test_too_few_replicas_are_refused(kafka: Broker) -> None:
    settings = kafka.settings()
    await ensure(settings)
    with pytest.raises(SetupError, match=r"with 1 replicas and must have 3.*OPECOM_KAFKA__REPLICATION=1"):
        await ensure(settings.model_copy(update={"replication": 3}))


@pytest.mark.kafka
async def test_more_replicas_than_brokers_are_refused(kafka: Broker) -> None:
    with pytest.raises(SetupError, match=r"would not make the topic events-\w+: .*replication factor of 3"):
        await ensure(kafka.settings(replication=3))


def test_contradicting_settings_are_refused() -> None:
    with pytest.raises(SetupError, match=r"kafka.min_insync is 2, but a partition has 1 replicas"):
        topics.wanted(KafkaSettings(min_insync=2))


async def test_a_broker_that_is_away_is_a_line() -> None:
    kafka = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(SetupError, match=r"\(kafka.bootstrap, OPECOM_KAFKA__BOOTSTRAP\) does not answer"):
        await check(kafka)


@pytest.mark.parametrize(
    "call",
    [lambda kafka: topics.log_id(kafka_clients(kafka)), lambda kafka: controls.write_control(kafka, Tick("shop", 1))],
    ids=["the log's name", "a control"],
)
async def test_who_is_cancelled_while_kafka_is_away_ends(call: Callable[[KafkaSettings], Awaitable[object]]) -> None:
    """At whichever step: one that takes the cancel for Kafka's refusal goes on, and who waits for its end hangs."""
    kafka = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}", request_timeout_ms=1_000)
    for steps in range(1_000):
        task = asyncio.ensure_future(call(kafka))
        for _ in range(steps):
            await asyncio.sleep(0)
        if task.done():
            assert isinstance(task.exception(), SetupError)
            break
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled(), f"the cancel after {steps} steps is lost"
    assert 0 < steps < 999


async def test_the_log_is_named_by_the_cluster(broker: Broker) -> None:
    clients = kafka_clients(broker.settings())
    assert len(await topics.log_id(clients)) == 22
    assert await topics.log_id(clients) == await topics.log_id(clients)


def test_all_that_must_be_equal_is_equal() -> None:
    wanted = topics.wanted(KafkaSettings(partitions=7, replication=3, min_insync=2))
    events, _, pages, erasures, experiments, _, snapshots = wanted
    assert [topic.partitions for topic in wanted] == [7, 7, 1, 1, 1, 7, 7]
    assert {topic.settings["cleanup.policy"] for topic in wanted[:-1]} == {"delete"}
    assert (snapshots.settings["cleanup.policy"], snapshots.settings["retention.ms"]) == ("compact,delete", "86400000")
    assert {topic.settings["min.insync.replicas"] for topic in wanted} == {"2"}
    assert erasures.settings["retention.ms"] == experiments.settings["retention.ms"] == "-1"
    assert (pages.settings["retention.ms"], events.settings["message.timestamp.type"]) == ("-1", "LogAppendTime")
