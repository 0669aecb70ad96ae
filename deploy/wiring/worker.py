"""Builds the worker: its state, its model, its clients, the Faust app around them."""

import asyncio
import logging
from collections.abc import Callable

from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from deploy.http.serve import serve
from deploy.http.status import create_status_app
from deploy.local.log_folder import LogFolder
from deploy.log import topics
from deploy.log.client_options import kafka_clients
from deploy.processes.data_folder import disk_full
from deploy.processes.ports import listen
from deploy.settings.model import Settings
from deploy.wiring.calendars import calendars
from deploy.wiring.database_settings import log_folder
from deploy.wiring.folding import collect_rarely, scored_producer
from deploy.wiring.followed import FollowedTopics
from deploy.wiring.followed_erasures import PATIENCE
from deploy.wiring.models import models
from deploy.wiring.process_metrics import add_process_metrics
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.kafka.app import create_app, credentials_of
from stream.kafka.app import run as run_app
from stream.kafka.client_log import ENDS
from stream.kafka.clients import close, start
from stream.kafka.log_reader import KafkaLogReader
from stream.kafka.publish import KafkaRecordPublisher
from stream.kafka.snapshots_topic import KafkaSnapshotStore
from stream.kafka.topic_follower import TopicMissingError
from stream.kafka.watchdog import EXIT_FAILURE, watch
from stream.metrics import WorkerMetrics
from stream.snapshot.writer import SnapshotWriter
from stream.worker import Worker, WorkerTopics

log = logging.getLogger(__name__)

#: Seconds in which the spool has sent what the log before did not get: sessions go on with it, so no tick closes them.
SPOOL_SECONDS = 30.0
NOT_YET = "no partition claimed yet"


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Run a worker until `stop` is set; returns 0, or 70 when Kafka, the model or the fold failed.

    Raises SetupError where the settings or the machine forbid it to start.
    """
    collect_rarely()
    kafka, host, port = settings.kafka, settings.worker.metrics_host, settings.worker.metrics_port
    clients = kafka_clients(kafka)
    known = calendars(settings)
    await topics.require(clients, topics.wanted(kafka))
    log_name = await topics.log_id(clients)
    scorers = models(settings.scoring, log_name)
    listener = listen(host, port) if port else None
    metrics, followed = WorkerMetrics(), FollowedTopics(settings, clients)
    add_process_metrics(metrics.registry, "worker")
    metrics.scored_by({"": scorers("").manifest.version})
    producer = scored_producer(clients)
    # A broker in memory keeps no marks, as metadata of offsets; the folder with its log does.
    marks = None if kafka.log_folder is None else LogFolder(kafka.log_folder)

    def make(number: int, mark: Mark) -> Partition:
        return Partition(log_name, number, known, followed.statistics, mark, followed.erasures, followed.experiments)

    records = KafkaRecordPublisher(producer, PATIENCE)
    snapshots = None
    if kafka.snapshots_topic:
        reader = KafkaLogReader(clients, kafka.snapshots_topic, settings.worker.group)
        snapshots = SnapshotWriter(KafkaSnapshotStore(kafka.snapshots_topic, reader, records))
    worker = Worker(
        topics=WorkerTopics(kafka.events_topic, kafka.scored_topic, kafka.dead_topic),
        log_reader=KafkaLogReader(clients, kafka.events_topic, settings.worker.group, marks.mark if marks else None),
        make=make,
        wait_for_versions=followed.wait_for_versions,
        models=scorers,
        records=records,
        metrics=metrics,
        first_tick_seconds=SPOOL_SECONDS if marks else 0.0,
        snapshots=snapshots,
    )
    app = create_app(
        worker,
        bootstrap=kafka.bootstrap,
        credentials=credentials_of(clients.options),
        group=settings.worker.group,
        events_topic=kafka.events_topic,
        session_timeout_ms=settings.worker.session_timeout_ms,
        request_timeout_ms=kafka.request_timeout_ms,
        fetch_wait_ms=kafka.fetch_wait_ms,
        idle_fetch_wait_ms=kafka.idle_fetch_wait_ms,
        round_records=settings.worker.round_records,
        keep_marks=marks.keep_marks if marks else None,
    )
    unwatch = watch(
        clients,
        kafka.events_topic,
        lambda: {number: partition.next for number, partition in worker.partitions.items()},
        settings.worker.watchdog_seconds,
        lambda number, behind: metrics.lag.labels(number).set(behind),
    )
    ended = asyncio.Event()
    status = status_app(settings, metrics.registry, lambda: app.ready, lambda: worker.recovery)
    serving = asyncio.create_task(serve(status, host, port, ended, listener=listener)) if listener else None
    failure: BaseException | None = None
    try:
        await start(producer)
        await followed.start()
        failure = await run_app(app, stop)
    except (KafkaError, OSError, TimeoutError, TopicMissingError) as error:
        failure = error
    await asyncio.to_thread(unwatch)
    ended.set()
    if serving is not None:
        await asyncio.wait({serving}, timeout=5)
    await asyncio.gather(followed.stop(), close(producer))
    if failure is not None:
        why = str(failure) or "Kafka did not answer in time; kafka.bootstrap says where it is"
        log.error("the worker ends: %s: %s", type(failure).__name__, why, extra=ENDS)
        return EXIT_FAILURE
    return 0


def status_app(
    settings: Settings, registry: CollectorRegistry, claimed: Callable[[], bool], recovery: Callable[[], str]
) -> Starlette:
    """`/livez`, `/readyz` and `/metrics` of a worker; `recovery` says how far one is, "" while there is none."""
    return create_status_app(
        registry,
        lambda: claimed() and not recovery(),
        lambda: recovery() or NOT_YET,
        lambda: disk_full(log_folder(settings)),
    )
