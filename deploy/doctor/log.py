"""Asks Kafka what the checks of deploy.doctor.kafka need: its cluster, its topics, the groups, its newest records."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from deploy.doctor import kafka as judge
from deploy.doctor.finding import Finding
from deploy.errors import AwayError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings
from stream.kafka.clients import KafkaClients, partitions_of

#: Seconds: for one request, for the newest record of a partition to come, and for a group to find who keeps it.
REQUEST, NEWEST, COORDINATOR = 5, 2.0, 10

Spans = dict[TopicPartition, tuple[int, int]]


async def log(settings: Settings) -> tuple[list[Finding], dict[str, float]]:
    """The findings, and how many seconds Kafka's clock is ahead, where its newest records tell. Raises AwayError."""
    kafka = settings.kafka
    clients = kafka_clients(kafka).within(REQUEST * 1000)
    wanted = topics.wanted(kafka)
    faults = await topics.check(clients, wanted)
    async with _clients(clients) as (admin, consumer):
        described = await admin.describe_cluster()
        requests: dict[int, object] = next((each._versions for each in admin._client._conns.values()), {})
        findings = [
            judge.kafka(kafka.bootstrap, described["cluster_id"], len(described["brokers"]), requests),
            *judge.topics(faults, [topic.name for topic in wanted]),
        ]
        missing = {fault.topic for fault in faults if "is missing" in fault.line}
        read = [name for name in (kafka.events_topic, kafka.scored_topic, kafka.dead_topic) if name not in missing]
        spans = await _spans(consumer, read)
        events = {place: span for place, span in spans.items() if place.topic == kafka.events_topic}
        alone, writer = settings.profile == "embedded", "writer" if settings.storage.clickhouse_host else "store"
        findings += [
            await _group(admin, "worker group", "worker", settings.worker.group, events, False),
            await _group(admin, "writer group", writer, settings.storage.group, spans, alone),
        ]
        newest = await _newest(consumer, events)
    # An old record says nothing of the clock; one from the future does.
    return findings, {"Kafka": newest - time.time()} if newest > time.time() else {}


@contextlib.asynccontextmanager
async def _clients(clients: KafkaClients) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
    try:
        async with clients.administering() as admin, clients.consuming() as consumer:
            yield admin, consumer
    except (KafkaError, OSError, TimeoutError) as error:
        where = clients.bootstrap
        raise AwayError(f"Kafka at {where} (kafka.bootstrap) does not tell what it has: {error!r:.200}") from error


async def _spans(consumer: AIOKafkaConsumer, names: Iterable[str]) -> Spans:
    """Start and end of each partition of these topics."""
    places = await partitions_of(consumer, *names)
    if not places:
        return {}
    starts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {place: (starts[place], ends[place]) for place in places}


async def _group(admin: AIOKafkaAdminClient, check: str, part: str, name: str, spans: Spans, alone: bool) -> Finding:
    await _coordinated(admin, name)
    committed = await admin.list_consumer_group_offsets(name, partitions=list(spans)) if spans else {}
    behind = 0
    for place, (first, end) in spans.items():
        offset = committed[place].offset if place in committed else -1
        behind += max(end - max(offset, first), 0)
    (response,) = await admin.describe_consumer_groups([name])
    return judge.group(check, part, None if alone else len(response.groups[0][5]), behind)


async def _coordinated(admin: AIOKafkaAdminClient, name: str) -> None:
    """Wait for the group's coordinator: a new Kafka makes the topic of all groups when it is first asked for one."""
    async with asyncio.timeout(COORDINATOR):
        while True:
            try:
                await admin.find_coordinator(name)
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(0.2)
            else:
                return


async def _newest(consumer: AIOKafkaConsumer, spans: Spans) -> float:
    """The greatest time (s) of the last records, 0 where none came."""
    places = [place for place, (first, end) in spans.items() if end > first]
    if not places:
        return 0.0
    consumer.assign(places)
    for place in places:
        consumer.seek(place, spans[place][1] - 1)
    times, until = [0], time.monotonic() + NEWEST
    with contextlib.suppress(KafkaError, TimeoutError):
        while len(times) <= len(places) and time.monotonic() < until:
            async with asyncio.timeout(NEWEST):
                fetched = await consumer.getmany(timeout_ms=200)
            times += [records[-1].timestamp for records in fetched.values()]
    return max(times) / 1000
