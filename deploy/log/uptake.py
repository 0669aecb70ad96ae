"""Whether the workers have taken a control: how far each partition is, and what was refused there, and why.

A worker publishes the dead letter of a control that it refuses before it commits the offset after it. So when a group
has committed past the control, the dead letters say everything that there is to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic

from aiokafka import TopicPartition
from msgspec import DecodeError

from deploy.log.client_options import kafka_clients
from deploy.log.group_status import GroupStatus
from deploy.settings.model import Settings
from stream.scored import decode_dead

#: Seconds in which workers must have read a control, which they commit once a second.
PATIENCE = 15.0
#: Milliseconds without a record after which a topic is taken as read, and seconds in which it must be.
QUIET_MS, READ_SECONDS = 500, 20.0


@dataclass(frozen=True)
class Uptake:
    """refused: why, by partition; waiting: the partitions whose worker has not read the control yet."""

    refused: Mapping[int, str]
    waiting: tuple[int, ...]

    def refusals(self) -> str:
        """One line: each reason with the partitions that it holds for."""
        reasons: dict[str, list[int]] = {}
        for number, reason in sorted(self.refused.items()):
            reasons.setdefault(reason, []).append(number)
        return "; ".join(f"partition {listed(numbers)}: {reason}" for reason, numbers in reasons.items())


def listed(numbers: list[int] | tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


async def dead_ends(settings: Settings) -> dict[int, int]:
    """Where the dead letters end now; raises KafkaError and OSError."""
    kafka = settings.kafka
    places = [TopicPartition(kafka.dead_topic, number) for number in range(kafka.partitions)]
    return {place.partition: end for place, end in (await kafka_clients(kafka).ends(places)).items()}


async def uptake(
    settings: Settings, controls: Mapping[int, int], dead_from: Mapping[int, int], patience: float
) -> Uptake:
    """Wait until the workers have read the controls at these offsets, `patience` seconds at most; raises KafkaError."""
    kafka = settings.kafka
    waiting = await GroupStatus(settings, kafka_clients(kafka)).lagging(controls, patience)
    refused = await _refused(settings, controls, dead_from) if len(waiting) < len(controls) else {}
    return Uptake(refused, tuple(number for number in waiting if number not in refused))


async def _refused(settings: Settings, controls: Mapping[int, int], dead_from: Mapping[int, int]) -> dict[int, str]:
    """Why controls were refused, by partition: what the dead letters say up to where they end now."""
    kafka, refused = settings.kafka, dict[int, str]()
    places = [TopicPartition(kafka.dead_topic, number) for number in controls]
    async with kafka_clients(kafka).consuming() as consumer:
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        for place in places:
            consumer.seek(place, dead_from.get(place.partition, 0))
        until = monotonic() + READ_SECONDS
        while monotonic() < until:
            fetched = await consumer.getmany(timeout_ms=QUIET_MS)
            for record in (record for records in fetched.values() for record in records):
                refused |= _refusal(record.value, kafka.scored_topic, controls)
            # The embedded broker says the end of the last batch too early, so the read goes on until nothing comes.
            if not fetched and all([await consumer.position(place) >= ends[place] for place in places]):
                return refused
    raise TimeoutError(f"the dead letters could not be read within {READ_SECONDS:g} s")


def _refusal(value: bytes | None, scored_topic: str, controls: Mapping[int, int]) -> dict[int, str]:
    try:
        letter = decode_dead(value or b"")
    except DecodeError:
        return {}
    # The writer's own letters are of another topic.
    is_of_control = letter.topic != scored_topic and controls.get(letter.partition) == letter.offset
    return {letter.partition: letter.detail} if is_of_control else {}
