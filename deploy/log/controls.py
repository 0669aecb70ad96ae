"""Puts into the log what changes an answer: page statistics, erasures, experiments, what announces them, ticks.

Page statistics are written and acknowledged first and announced afterwards, to every partition, so no partition names
a version that is not whole. Each function connects, writes, and returns when every in-sync replica has the records.
Beside an embedded system whose broker is replaced meanwhile it does so again, in the next one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.errors import AwayError, SetupError
from deploy.log.broker_life import in_one_life
from deploy.log.client_options import kafka_clients
from deploy.log.spools_drained import spools_drained
from deploy.log.topic_copy import copy_up_to
from deploy.settings.model import KafkaSettings
from ingest.events import Control, Erase, Tick, UseExperiments, UsePages, encode
from ingest.outage import reason_of
from stream.experiments.definition import Definition
from stream.fold.erasure_keys import NO_KEY
from stream.fold.erasures import ErasureRecord
from stream.fold.pages import BY_HAND, PagesMarker, Row
from stream.kafka.erasures_topic import add_erasures
from stream.kafka.experiments_topic import add_definition
from stream.kafka.pages_topic import add_version

#: Seconds in which a version of the page statistics must be written.
PAGES_SECONDS = 120.0

T = TypeVar("T")


class LogError(SetupError):
    """The log did not take the records."""


async def write_control(kafka: KafkaSettings, control: Control) -> dict[int, int]:
    """Append the control to every partition of `events`; returns its offset in each. Raises LogError."""
    return await _written(kafka, lambda producer: _to_every_partition(producer, kafka, control))


async def tick(kafka: KafkaSettings, clock: str, to: int) -> None:
    """Move the clock (LIVE_CLOCK or an imported site's name) of every partition forward to `to`, in ms UTC.

    It follows every event that was accepted before it; raises LogError.
    """

    async def write(producer: AIOKafkaProducer) -> None:
        await spools_drained(kafka)
        await _to_every_partition(producer, kafka, Tick(clock, to))

    await _written(kafka, write)


async def put_pages(kafka: KafkaSettings, rows: Sequence[Row], marker: PagesMarker = BY_HAND) -> int:
    """Write page statistics and profiles of sites, announce them to every partition, return their version.

    The marker says what they are; batch and number of rows are set here. Raises LogError.

    1 the rows and their marker, acknowledged · 2 the copy of the topic, where the broker has none on a disk · 3 the
    announcements. A crash in between leaves a version that nobody uses, which changes no answer; an embedded broker's
    next start announces it.
    """

    async def write(producer: AIOKafkaProducer) -> int:
        async with asyncio.timeout(PAGES_SECONDS):
            version = await add_version(producer, kafka.pages_topic, rows, marker)
        await _keep(kafka, kafka.pages_topic, version)
        await _to_every_partition(producer, kafka, UsePages(version))
        return version

    return await _written(kafka, write)


async def put_erasures(
    kafka: KafkaSettings, digests: Sequence[str], settled: bool, key_id: str = NO_KEY
) -> dict[int, int]:
    """Write which visitor to forget, or that it is settled, announce it to every partition of `events`; returns the
    last announcement's offset of each. All digests were made with the key of this id.

    1 the digests, acknowledged, and copied where the broker has no disk · 2 the announcements. A crash in between
    leaves a visitor whose open sessions go on until they close, and are not published; the caller tries again. Raises
    LogError.
    """
    now = int(time.time() * 1000)

    async def write(producer: AIOKafkaProducer) -> dict[int, int]:
        written, offsets = [ErasureRecord(digest, now, settled, key_id) for digest in digests], dict[int, int]()
        async with asyncio.timeout(PAGES_SECONDS):
            version = await add_erasures(producer, kafka.erasures_topic, written)
        await _keep(kafka, kafka.erasures_topic, version - 1)
        for digest in digests:
            offsets = await _to_every_partition(producer, kafka, Erase(digest, version))
        return offsets

    return await _written(kafka, write)


async def put_definition(kafka: KafkaSettings, record: Definition) -> tuple[int, dict[int, int]]:
    """Write a change of an experiment or a hold-out, announce it to every partition; returns its version, and the
    offset of the announcement in each.

    1 the record, acknowledged, and copied where the broker has no disk · 2 the announcements. A crash in between leaves
    a change that is not in force: what is announced next brings it, too. Raises LogError.
    """

    async def write(producer: AIOKafkaProducer) -> tuple[int, dict[int, int]]:
        async with asyncio.timeout(PAGES_SECONDS):
            version = await add_definition(producer, kafka.experiments_topic, record)
        await _keep(kafka, kafka.experiments_topic, version - 1)
        return version, await _to_every_partition(producer, kafka, UseExperiments(version))

    return await _written(kafka, write)


async def keep_erasures(kafka: KafkaSettings, digests: Sequence[tuple[str, str]]) -> None:
    """Write which visitor to forget, by digest and id of its key, to a log of which nothing is folded yet; raises
    LogError."""
    if not digests:
        return
    now = int(time.time() * 1000)
    records = [ErasureRecord(digest, now, True, key_id) for digest, key_id in digests]

    async def write(producer: AIOKafkaProducer) -> None:
        await _keep(kafka, kafka.erasures_topic, await add_erasures(producer, kafka.erasures_topic, records) - 1)

    await _written(kafka, write)


async def _keep(kafka: KafkaSettings, topic: str, last: int) -> None:
    """Copy the topic up to offset `last`, where the broker is in memory."""
    if kafka.log_folder is not None:
        await copy_up_to(kafka_clients(kafka), topic, last, kafka.log_folder)


async def _to_every_partition(producer: AIOKafkaProducer, kafka: KafkaSettings, control: Control) -> dict[int, int]:
    """Append the control to every partition; returns its offset in each."""
    offsets = {}
    async with asyncio.timeout(kafka.request_timeout_ms / 1000):
        found = await producer.partitions_for(kafka.events_topic)
        if len(found) != kafka.partitions:
            raise LogError(
                f"topic {kafka.events_topic} has {len(found)} partitions, kafka.partitions says {kafka.partitions}: "
                "see `opecom topics`"
            )
        for partition in sorted(found):
            sent = await producer.send_and_wait(kafka.events_topic, encode(control), partition=partition)
            offsets[partition] = int(sent.offset)
    return offsets


async def _written(kafka: KafkaSettings, write: Callable[[AIOKafkaProducer], Awaitable[T]]) -> T:
    """What `write` gives, done in one life of the broker; raises LogError."""

    async def attempt() -> T:
        clients = kafka_clients(kafka)
        async with clients.producing(linger_ms=2, max_batch_size=256 * 1024) as producer:
            return await write(producer)

    try:
        return await in_one_life(kafka, attempt)
    except AwayError as error:
        raise LogError(str(error)) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise LogError(
            f"Kafka at {kafka.bootstrap} (kafka.bootstrap) does not take records: "
            f"{reason_of(error)}: start it, with `opecom up` where it is the embedded one"
        ) from error
