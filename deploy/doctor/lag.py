"""How far behind each part is, partition by partition, as Kafka has it."""

import time

from deploy.doctor.offsets import GroupOffsets, Spans, asking, group_offsets, spans_of
from deploy.log.client_options import kafka_clients
from deploy.settings.model import Settings
from storage.health.answers import GroupLag, LagReport, PartitionLag

#: Milliseconds for one request.
REQUEST_MS = 3_000


async def lag(settings: Settings) -> LagReport:
    """Raises AwayError where Kafka does not tell."""
    kafka, alone = settings.kafka, settings.profile == "embedded"
    writer = "writer" if settings.storage.clickhouse_host else "store"
    all_of_writer = (kafka.events_topic, kafka.scored_topic, kafka.dead_topic)
    groups = [
        ("worker", settings.worker.group, (kafka.events_topic,), False),
        (writer, settings.storage.group, all_of_writer, alone),
        ("webhooks", settings.webhooks.group, (kafka.scored_topic,), alone),
    ]
    async with asking(kafka_clients(kafka).within(REQUEST_MS)) as (admin, consumer):
        spans = await spans_of(consumer, all_of_writer)
        found = []
        for part, name, topics, reads_alone in groups:
            own = {place: span for place, span in spans.items() if place.topic in topics}
            found.append(_group(part, name, await group_offsets(admin, name, own, reads_alone), own))
    return LagReport(int(time.time() * 1000), found)


def _group(part: str, name: str, offsets: GroupOffsets, spans: Spans) -> GroupLag:
    partitions = []
    for place, (first, end) in sorted(spans.items()):
        offset = offsets.committed.get(place, -1)
        # What was read was there, even where the embedded broker's end lies low.
        whole, committed = max(end, offset), offset if offset >= 0 else None
        behind = offsets.behind(place, (first, whole))
        partitions.append(PartitionLag(place.topic, place.partition, first, whole, committed, behind))
    return GroupLag(part, name, offsets.members, offsets.lag(spans), partitions)
