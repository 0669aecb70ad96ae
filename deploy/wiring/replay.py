"""Builds what a replay needs: sources, databases, models, and the hands that tell."""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path

import msgspec
from aiokafka.errors import KafkaError

from deploy.errors import SetupError
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.log.group_status import GroupStatus
from deploy.settings.model import Settings
from deploy.wiring.calendars import calendars
from deploy.wiring.folding import scored_producer
from deploy.wiring.followed import FollowedTopics
from deploy.wiring.followed_erasures import PATIENCE
from deploy.wiring.models import models
from deploy.wiring.pages import money
from deploy.wiring.storage import DatabaseHandles, databases
from ingest.outage import reason_of
from scoring.folder import RegistryError
from scoring.model import Model
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.errors import ReplayError
from storage.replay.journal import Journal
from storage.replay.request import ReplaySelection
from storage.replay.run import replay, write_partitions
from storage.replay.stored_log import StoredLog
from storage.replay.stored_sessions import StoredSessions
from storage.replay.stored_timeline import StoredTimeline
from storage.replay.targets import DatabaseTarget, DryRunTarget, FileTarget, ReplayTarget, TopicTarget
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.experiments.history import Experiments
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.kafka.clients import KafkaClients, running
from stream.kafka.log_reader import KafkaLogReader
from stream.kafka.publish import KafkaRecordPublisher
from stream.kafka.source import KafkaSource
from stream.kafka.topic_follower import TopicMissingError


@contextlib.asynccontextmanager
async def world(settings: Settings, opened: DatabaseHandles, request: ReplaySelection) -> AsyncIterator[ReplayContext]:
    """Everything for one replay over open databases; raises SetupError and AwayError."""
    kafka, clients = settings.kafka, kafka_clients(settings.kafka)
    log = await topics.log_id(clients)
    known, followed = calendars(settings), FollowedTopics(settings, clients)
    sessions = StoredSessions(opened.engine, log)
    async with contextlib.AsyncExitStack() as held:
        held.push_async_callback(followed.stop)
        await followed.start()
        topic: ReplayTarget = DryRunTarget()
        if request.into == "topic":
            topic = await _into_topic(settings, clients, request.target, held)

        def target(request: ReplaySelection) -> ReplayTarget:
            if request.into == "databases":
                return DatabaseTarget(
                    log, RelationalSink(opened.engine), AnalyticsSink(opened.client), sessions, followed.erasures
                )
            return FileTarget(Path(request.target)) if request.into == "file" else topic

        def make(number: int, mark: Mark, experiments: Experiments | None = None) -> Partition:
            chosen = experiments or followed.experiments
            return Partition(log, number, known, followed.statistics, mark, followed.erasures, chosen)

        yield ReplayContext(
            log=log,
            partitions=kafka.partitions,
            kafka=KafkaSource(clients, kafka.events_topic),
            stored=StoredLog(opened.client, log),
            sessions=sessions,
            timeline=StoredTimeline(opened.client, log),
            journal=Journal(opened.engine, log),
            calendars=known,
            models=_explained(models(settings.scoring, log)),
            make=make,
            experiments=followed.experiments,
            erasures=followed.erasures,
            wait_for_versions=followed.wait_for_versions,
            committed=KafkaLogReader(clients, kafka.events_topic, settings.worker.group).committed,
            written=GroupStatus(settings, clients).passed,
            target=target,
            money=money(settings),
        )


async def job(
    settings: Settings,
    opened: DatabaseHandles,
    request: ReplaySelection,
    watcher: ProgressListener,
    anew: bool,
    own_only: bool = False,
) -> Account:
    """One replay within a process that has the databases open; a file goes into the folder `replays` of data_dir.

    Raises ReplayError.
    """
    try:
        if request.into in ("file", "features"):
            folder = settings.data_dir / "replays"
            folder.mkdir(parents=True, exist_ok=True)
            request = msgspec.structs.replace(request, target=str(folder / Path(request.target).name))
        async with world(settings, opened, request) as built:
            return await replay(built, request, watcher, anew=anew, own_only=own_only)
    except (SetupError, KafkaError, OSError, TopicMissingError) as error:
        raise ReplayError(reason_of(error)) from error


async def part(settings: Settings, number: int, partitions: Collection[int]) -> None:
    """Tell some partitions of a replay that another process has begun; raises ReplayError and SetupError."""
    async with databases(settings) as opened:
        entry = Journal(opened.engine, await topics.log_id(kafka_clients(settings.kafka))).entry(number)
        if entry is None:
            raise SetupError(f"there is no replay {number}")
        async with world(settings, opened, entry.request) as built:
            await write_partitions(built, number, partitions)


async def _into_topic(
    settings: Settings, clients: KafkaClients, name: str, held: contextlib.AsyncExitStack
) -> ReplayTarget:
    """A topic with a partition for each of the log's, made where it is missing; raises SetupError where it is ours."""
    kafka = settings.kafka
    scored = next(topic for topic in topics.wanted(kafka) if topic.name == kafka.scored_topic)
    if name in {topic.name for topic in topics.wanted(kafka)}:
        raise SetupError(f"--into topic {name}: that is a topic of the system itself; name another one")
    await topics.ensure(clients, [topics.Topic(name, kafka.partitions, kafka.replication, scored.settings, "--into")])
    producer = await held.enter_async_context(running(scored_producer(clients)))
    return TopicTarget(KafkaRecordPublisher(producer, PATIENCE), name)


def _explained(known: Callable[[str], Model]) -> Callable[[str], Model]:
    """Models by version; one that cannot be used is a ReplayError."""

    def model(version: str) -> Model:
        try:
            return known(version)
        except RegistryError as error:
            raise ReplayError(str(error)) from error

    return model
