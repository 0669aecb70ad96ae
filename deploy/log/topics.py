"""The topics of the system: what each must be, how they are made, checked, and fixed where that can be done."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, TopicAlreadyExistsError, for_code

from deploy.errors import AwayError, SetupError
from deploy.settings.model import KafkaSettings, variable
from ingest.outage import reason_of
from stream.kafka.clients import KafkaClients

_HOUR_MS = 3_600_000
#: Of a partition the newest snapshots, none for longer than a session may be open: a segment is closed after an hour,
#: compacted within another one, and gone a day later.
_SNAPSHOTS = {
    "cleanup.policy": "compact,delete",
    "retention.ms": str(24 * _HOUR_MS),
    "segment.ms": str(_HOUR_MS),
    "segment.bytes": str(64 << 20),
    "max.compaction.lag.ms": str(_HOUR_MS),
    "min.cleanable.dirty.ratio": "0.1",
}
#: Kafka's code for a value that somebody set on this topic; any other is a default.
_SET_ON_TOPIC = 1
#: Seconds in which a change must show: Kafka answers before its brokers have taken it over, and each look is some
#: requests, of which a loaded broker takes seconds for each.
_SETTLE = 60


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic must be; `name_setting` is the setting that names it."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]
    name_setting: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a topic, as a line; `repair` is the setting that would fix it, None where nothing can."""

    topic: str
    line: str
    repair: tuple[str, str] | None = None


def wanted(kafka: KafkaSettings) -> list[Topic]:
    """The topics as the settings want them; raises SetupError where the settings contradict each other."""
    if kafka.min_insync > kafka.replication:
        raise SetupError(
            f"kafka.min_insync is {kafka.min_insync}, but a partition has {kafka.replication} replicas: nothing could "
            f"be written; set {variable('kafka.replication')} or {variable('kafka.min_insync')}"
        )
    # Compaction would tear holes into offsets, on which everything but snapshots counts.
    whole = {"cleanup.policy": "delete", "min.insync.replicas": str(kafka.min_insync)}
    events = str(kafka.events_retention_hours * _HOUR_MS)
    scored = str(kafka.scored_retention_hours * _HOUR_MS)
    table = [
        ("events_topic", kafka.partitions, {"retention.ms": events, "message.timestamp.type": "LogAppendTime"}),
        ("scored_topic", kafka.partitions, {"retention.ms": scored}),
        ("pages_topic", 1, {"retention.ms": "-1"}),
        ("erasures_topic", 1, {"retention.ms": "-1"}),
        ("experiments_topic", 1, {"retention.ms": "-1"}),
        ("dead_topic", kafka.partitions, {"retention.ms": events}),
    ]
    if kafka.snapshots_topic:
        table.append(("snapshots_topic", kafka.partitions, _SNAPSHOTS))
    return [
        Topic(getattr(kafka, name), partitions, kafka.replication, whole | settings, f"kafka.{name}")
        for name, partitions, settings in table
    ]


async def ensure(clients: KafkaClients, topics: Iterable[Topic]) -> list[str]:
    """Makes what is missing, fixes what can be fixed, and says what it did; raises SetupError for the rest.

    Where something cannot be fixed, nothing is done.
    """
    topics = list(topics)
    async with _admin(clients) as admin:
        missing, faults = await _compare(admin, topics)
        _refuse([fault for fault in faults if fault.repair is None])
        done = [await _create(admin, topic) for topic in missing]
        for topic in topics:
            repairs = [fault for fault in faults if fault.topic == topic.name]
            if repairs:
                done += await _repair(admin, topic, repairs)
        if done:
            await _settled(admin, topics)
        return done


async def check(clients: KafkaClients, topics: Iterable[Topic]) -> list[Fault]:
    """Everything about the topics that is not as wanted; changes nothing."""
    async with _admin(clients) as admin:
        missing, faults = await _compare(admin, topics)
    lines = [Fault(each.name, f"topic {each.name} is missing: `opecom topics create` makes it") for each in missing]
    return lines + faults


async def require(clients: KafkaClients, topics: Iterable[Topic]) -> None:
    """Raises SetupError for topics that are missing or that nothing can fix: how a part that uses them begins."""
    _refuse([fault for fault in await check(clients, topics) if fault.repair is None])


async def log_id(clients: KafkaClients) -> str:
    """The name of the log: the broker's cluster id."""
    async with _admin(clients) as admin:
        return str((await admin.describe_cluster())["cluster_id"])


async def brokers(clients: KafkaClients) -> int:
    """How many brokers take topics; raises AwayError."""
    async with _admin(clients) as admin:
        return len((await admin.describe_cluster())["brokers"])


@asynccontextmanager
async def _admin(clients: KafkaClients) -> AsyncGenerator[AIOKafkaAdminClient, None]:
    where = f"Kafka at {clients.bootstrap} (kafka.bootstrap, {variable('kafka.bootstrap')})"
    try:
        async with clients.administering() as admin:
            yield admin
    except (KafkaError, OSError, TimeoutError) as error:
        raise AwayError(f"{where} does not answer: {reason_of(error)}") from error


async def _compare(admin: AIOKafkaAdminClient, topics: Iterable[Topic]) -> tuple[list[Topic], list[Fault]]:
    """The topics that are missing, and the faults of the others (the embedded broker makes what it is asked about)."""
    existing = set(await admin.list_topics())
    present = [topic for topic in topics if topic.name in existing]
    missing = [topic for topic in topics if topic.name not in existing]
    if not present:
        return missing, []
    described = {each["topic"]: each["partitions"] for each in await admin.describe_topics([t.name for t in present])}
    faults: list[Fault] = []
    settings = await _settings(admin, present)
    for topic in present:
        faults += _shape_faults(topic, described[topic.name])
        faults += _setting_faults(topic, {name: value for name, (value, _) in settings[topic.name].items()})
    return missing, faults


async def _settled(admin: AIOKafkaAdminClient, topics: list[Topic]) -> None:
    """Waits until what was asked for shows everywhere; raises SetupError where another process made it otherwise."""
    faults: list[Fault] = []
    try:
        async with asyncio.timeout(_SETTLE):
            while True:
                missing, faults = await _compare(admin, topics)
                if not missing and not faults:
                    return
                await asyncio.sleep(0.1)
    except TimeoutError:
        _refuse(faults)
        raise


def _shape_faults(topic: Topic, partitions: list[dict[str, Any]]) -> list[Fault]:
    faults = []
    if len(partitions) != topic.partitions:
        remedy = f"set {variable('kafka.partitions')}={len(partitions)}" if topic.partitions > 1 else "delete it"
        faults.append(
            f"has {len(partitions)} partitions and must have {topic.partitions}, which cannot be changed without "
            f"losing the order of sessions: {remedy}, or name another topic ({variable(topic.name_setting)})"
        )
    fewest = min((len(each["replicas"]) for each in partitions), default=0)
    if fewest < topic.replication:
        faults.append(
            f"has a partition with {fewest} replicas and must have {topic.replication}: add replicas with "
            f"kafka-reassign-partitions, or set {variable('kafka.replication')}={fewest}"
        )
    return [Fault(topic.name, f"topic {topic.name} {fault}") for fault in faults]


def _setting_faults(topic: Topic, actual: Mapping[str, str | None]) -> list[Fault]:
    """What a broker does not tell about (the embedded one may not) is no fault."""
    faults = []
    for name, value in topic.settings.items():
        found = actual.get(name)
        if found is None or found == value:
            continue
        line = f"topic {topic.name} has {name}={found} and must have {value}"
        if name == "cleanup.policy":
            line += f", and what was compacted is gone: name another topic ({variable(topic.name_setting)})"
            faults.append(Fault(topic.name, line))
        else:
            faults.append(Fault(topic.name, line, (name, value)))
    return faults


async def _settings(
    admin: AIOKafkaAdminClient, topics: Iterable[Topic]
) -> dict[str, dict[str, tuple[str | None, int]]]:
    """Of each topic each setting's value, and where that comes from."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    found = [each for response in await admin.describe_configs(resources) for each in response.resources]
    return {name: {entry[0]: (entry[1], entry[3]) for entry in entries} for _, _, _, name, entries in found}


async def _create(admin: AIOKafkaAdminClient, topic: Topic) -> str:
    new = NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.settings))
    response = await admin.create_topics([new])
    ((_, code, message),) = response.topic_errors
    # Another process may have made it meanwhile, from the same settings.
    if code not in (0, TopicAlreadyExistsError.errno):
        raise SetupError(f"Kafka would not make the topic {topic.name}: {message or for_code(code).__name__}")
    return f"made topic {topic.name} with {topic.partitions} partitions"


async def _repair(admin: AIOKafkaAdminClient, topic: Topic, faults: list[Fault]) -> list[str]:
    repairs = dict(fault.repair for fault in faults if fault.repair)
    settings = (await _settings(admin, [topic]))[topic.name]
    kept = {name: value for name, (value, origin) in settings.items() if origin == _SET_ON_TOPIC}
    # This request replaces everything that was set on the topic, so what is to stay must be in it.
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, {**kept, **repairs})
    try:
        (response,) = await admin.alter_configs([resource])
    except IncompatibleBrokerVersion as error:
        raise SetupError(f"{faults[0].line}; this broker cannot change it: name another topic") from error
    ((code, message, *_),) = response.resources
    if code:
        raise SetupError(f"{faults[0].line}; Kafka would not change it: {message or for_code(code).__name__}")
    return [f"set {name}={value} on topic {topic.name}" for name, value in repairs.items()]


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise SetupError("\n".join(fault.line for fault in faults))
