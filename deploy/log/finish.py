"""The end of an import: a tick that moves an imported site's clock on so far that its sessions close."""

import msgspec
from msgspec import Struct

from deploy.errors import SetupError
from deploy.log import controls
from deploy.log.broker_life import in_one_life
from deploy.log.spools_drained import spools_drained
from deploy.settings.model import Settings
from ingest.events import ClockKind, Millis
from stream.fold.clock import IDLE
from stream.kafka.clients import KafkaClients
from stream.kafka.source import KafkaSource


class _Received(Struct, frozen=True):
    received_at: Millis
    clock: ClockKind = "live"


_received = msgspec.json.Decoder(_Received)


async def finish(settings: Settings, clients: KafkaClients, site: str) -> int:
    """Write the tick, 40 minutes after the last event of the import; returns its time, in ms UTC.

    Raises SetupError where the log has no event of an import of this site, KafkaError and SourceError.
    """
    kafka = settings.kafka

    async def latest_accepted() -> int:
        await spools_drained(kafka)
        return await _latest(KafkaSource(clients, kafka.events_topic), kafka.partitions, site)

    latest = await in_one_life(kafka, latest_accepted)
    if latest < 0:
        raise SetupError(
            f"the log has no event of an import of {site}: name the site as the import did, with its run (shop~2025); "
            "sessions of live sites close by themselves"
        )
    await controls.tick(kafka, site, latest + IDLE)
    return latest + IDLE


async def _latest(log: KafkaSource, partitions: int, site: str) -> int:
    """When the last event of an import of this site was received, in ms UTC; -1 where the log has none."""
    key, latest = f"{site}/".encode(), -1
    for partition in range(partitions):
        start, end = await log.bounds(partition)
        async for records in log.read(partition, start, end):
            for record in records:
                if record.key is not None and record.key.startswith(key):
                    latest = max(latest, _time_of(record.value or b""))
    return latest


def _time_of(value: bytes) -> int:
    """When an event of an import was received; -1 for any other record."""
    try:
        received = _received.decode(value)
    except msgspec.DecodeError:
        return -1
    return received.received_at if received.clock == "replayed" else -1
