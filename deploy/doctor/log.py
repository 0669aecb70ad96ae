"""Asks Kafka what the checks of deploy.doctor.kafka need: its cluster, its topics, the groups, its newest records."""

import asyncio
import contextlib
import time

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.doctor import kafka as judge
from deploy.doctor.finding import Finding
from deploy.doctor.offsets import Spans, asking, group_offsets, spans_of
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings

#: Seconds: for one request, and for the newest record of a partition to come.
REQUEST, NEWEST = 5, 2.0


async def log(settings: Settings) -> tuple[list[Finding], dict[str, float]]:
    """The findings, and how many seconds Kafka's clock is ahead, where its newest records tell. Raises AwayError."""
    kafka = settings.kafka
    clients = kafka_clients(kafka).within(REQUEST * 1000)
    wanted = topics.wanted(kafka)
    faults = await topics.check(clients, wanted)
    async with asking(clients) as (admin, consumer):
        described = await admin.describe_cluster()
        requests: dict[int, object] = next((each._versions for each in admin._client._conns.values()), {})
        findings = [
            judge.kafka(kafka.bootstrap, described["cluster_id"], len(described["brokers"]), requests),
            *judge.topics(faults, [topic.name for topic in wanted]),
        ]
        missing = {fault.topic for fault in faults if "is missing" in fault.line}
        read = [name for name in (kafka.events_topic, kafka.scored_topic, kafka.dead_topic) if name not in missing]
        spans = await spans_of(consumer, read)
        events = {place: span for place, span in spans.items() if place.topic == kafka.events_topic}
        alone, writer = settings.profile == "embedded", "writer" if settings.storage.clickhouse_host else "store"
        findings += [
            await _group(admin, "worker group", "worker", settings.worker.group, events, False),
            await _group(admin, "writer group", writer, settings.storage.group, spans, alone),
        ]
        newest = await _newest(consumer, events)
    # An old record says nothing of the clock; one from the future does.
    return findings, {"Kafka": newest - time.time()} if newest > time.time() else {}


async def _group(admin: AIOKafkaAdminClient, check: str, part: str, name: str, spans: Spans, alone: bool) -> Finding:
    offsets = await group_offsets(admin, name, spans, alone)
    return judge.group(check, part, offsets.members, offsets.lag(spans))


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
