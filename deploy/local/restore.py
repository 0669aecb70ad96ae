"""Fills a new embedded broker, so that the log of the one before it goes on: same name, same offsets, open sessions.

Runs as a process of its own before the parts begin, as it alone may hold chDB then.
"""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from sqlalchemy import Engine, delete, func, insert, select

from deploy.errors import AwayError, SetupError
from deploy.local.log_folder import LogFolder
from deploy.local.log_image import PartitionImage, log_image
from deploy.local.refill import NOTHING, TopicRefill
from deploy.log import controls
from deploy.log.client_options import kafka_clients
from deploy.log.site_models import promotions_folder
from deploy.log.topic_copy import CopiedRecord, TopicCopy
from deploy.log.topics import log_id
from deploy.settings.model import KafkaSettings, Settings
from deploy.wiring.storage import databases
from ingest.events import UseExperiments, UseModel, UsePages
from ingest.outage import reason_of
from scoring.folder import RegistryError
from scoring.promotions import in_force, promotions, recorded
from storage.database.tables import log_positions, sessions
from storage.database.threads import in_thread
from storage.replay.stored_log import StoredLog, StoredRecord
from storage.webhooks.tables import positions as webhook_positions
from stream.fold.pages import PageStatistics
from stream.kafka.clients import KafkaClients, with_timeout


async def restore(settings: Settings) -> str:
    """Fill the broker of these settings from databases and log folder; returns a line that says with what.

    1 What the databases say, ClickHouse's log made whole. 2 The topics, each record at its old offset; then, up to
    where no database has been, controls that change nothing. 3 Where each reader goes on. 4 The controls that were
    accepted and had not reached ClickHouse. 5 The checkpoint of this state. A crash in between leaves a broker that
    ends with it, and databases as they were. Raises LostLogError, SetupError, AwayError and DatabaseUnavailableError.
    """
    kafka = settings.kafka
    if kafka.log_folder is None:
        raise SetupError("kafka.log_folder is not set: `opecom up` sets it for what it starts")
    folder, clients = LogFolder(kafka.log_folder), kafka_clients(kafka)
    try:
        log = await log_id(clients)
        async with databases(settings) as opened:
            image = partial(log_image, opened.engine, opened.client, log, kafka.partitions, folder.checkpoint())
            images, stored = await in_thread(image), StoredLog(opened.client, log)
            async with clients.producing(linger_ms=0, max_batch_size=512 * 1024) as producer:
                records = sum([await _fill_partition(producer, kafka, stored, each) for each in images])
                pages = await _fill_copied(producer, folder, kafka.pages_topic)
                await _fill_copied(producer, folder, kafka.erasures_topic)
                experiments = await _fill_copied(producer, folder, kafka.experiments_topic)
            await _commit(clients, settings, images)
            open_sessions = await in_thread(_set_positions, opened.engine, log, images)
            await _append_accepted(settings, log, stored, images, pages, experiments)
    except (KafkaError, TimeoutError) as error:
        raise AwayError(f"the embedded broker was not filled: {reason_of(error)}") from error
    folder.keep_marks({each.partition: (each.published, each.mark) for each in images if each.mark})
    folder.keep_checkpoint({each.partition: each.checkpoint() for each in images})
    return (
        f"the log goes on: {open_sessions:,} open sessions, {records:,} of its records are back, by partition from "
        f"offsets {', '.join(f'{each.first:,}' for each in images)}"
    )


async def _fill_partition(
    producer: AIOKafkaProducer, kafka: KafkaSettings, stored: StoredLog, image: PartitionImage
) -> int:
    """Fill one partition of the three topics; returns how many records of `events` there are again."""
    number, last = image.partition, 0
    events = TopicRefill(producer, kafka.events_topic, number)
    await events.pass_to(image.first, 0, NOTHING)
    async for records in stored.read(number, image.first, image.next):
        await events.add(records)
        last = records[-1].timestamp
    await events.add_nothing(image.end - image.next, last)
    for topic, end in ((kafka.scored_topic, image.scored), (kafka.dead_topic, image.dead)):
        await TopicRefill(producer, topic, number).end_at(end)
    return image.next - image.first


async def _fill_copied(producer: AIOKafkaProducer, folder: LogFolder, topic: str) -> list[CopiedRecord]:
    """Fill a topic of one partition from its copy; returns what that has."""
    refill = TopicRefill(producer, topic, 0)
    copied = await asyncio.to_thread(TopicCopy(folder.folder / topic).records)
    await refill.add([StoredRecord(each.offset, each.timestamp, None, each.value) for each in copied])
    return copied


async def _commit(clients: KafkaClients, settings: Settings, images: Sequence[PartitionImage]) -> None:
    """Let the writer go on where the databases are."""
    kafka = settings.kafka
    offsets = {
        TopicPartition(topic, each.partition): OffsetAndMetadata(offset, "")
        for each in images
        for topic, offset in (
            (kafka.events_topic, each.next),
            (kafka.scored_topic, each.scored),
            (kafka.dead_topic, each.dead),
        )
    }
    async with clients.consuming(group_id=settings.storage.group) as consumer:
        consumer.assign(list(offsets))
        await with_timeout(consumer.commit(offsets))


def _set_positions(engine: Engine, log: str, images: Iterable[PartitionImage]) -> int:
    """Let the webhooks go on where the topic does, and forget which records stood last; how many sessions are open."""
    w, s = webhook_positions, sessions.c
    with engine.begin() as connection:
        connection.execute(delete(log_positions).where(log_positions.c.log == log))
        for each in images:
            here = w.update().where(w.c.log == log, w.c.kafka_partition == each.partition)
            if not connection.execute(here.values(next_offset=each.scored, last_timestamp=0)).rowcount:
                row = {"log": log, "kafka_partition": each.partition, "next_offset": each.scored}
                connection.execute(insert(w).values(**row, told_offset=-1, last_timestamp=0))
        count = select(func.count()).where(s.log == log, s.status.in_(("open", "ended")))
        return int(connection.execute(count).scalar_one())


async def _append_accepted(
    settings: Settings,
    log: str,
    stored: StoredLog,
    images: Sequence[PartitionImage],
    pages: Iterable[CopiedRecord],
    experiments: Sequence[CopiedRecord],
) -> None:
    """Append the controls whose commands were answered, or might have been, and that no partition may lack."""
    kafka = settings.kafka
    found = [await in_thread(stored.in_force, each.partition, each.next) for each in images]
    statistics = PageStatistics()
    for record in pages:
        statistics.take(record.offset, record.value)
    if any(each.pages < statistics.version for each in found):
        await controls.write_control(kafka, UsePages(statistics.version))
    defined = experiments[-1].offset + 1 if experiments else 0
    if any(each.experiments < defined for each in found):
        await controls.write_control(kafka, UseExperiments(defined))
    for site, version in _promoted(settings, log).items():
        stand = [each.models.sites.get(site, "") if site else each.models.common for each in found]
        if any(each != version for each in stand):
            await controls.write_control(kafka, UseModel(version, site))


def _promoted(settings: Settings, log: str) -> dict[str, str]:
    """The version in force on this log by site, "" being the common one, as the registry remembers promotions."""
    try:
        folder = promotions_folder(settings.scoring)
        sites = {each.site for each in recorded(folder) if each.log == log} if folder is not None else set()
        return {site: in_force(promotions(folder, log, site))[-1] for site in sites if folder is not None}
    except RegistryError as error:
        raise SetupError(str(error)) from error
