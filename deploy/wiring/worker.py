"""Builds the worker: its state, its model, its clients, the Faust app around them."""

import asyncio
import gc
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from deploy.serve import serve
from deploy.settings import KafkaSettings, Settings
from deploy.topics import log_id
from deploy.wiring.calendars import calendars
from deploy.wiring.kafka import client_options
from deploy.wiring.models import models
from stream.app import create_app, credentials_of
from stream.app import run as run_app
from stream.calendar import Calendars
from stream.metrics import WorkerMetrics
from stream.pages import PageStatistics
from stream.pages_topic import PagesFollower
from stream.partition import Mark, Partition
from stream.publish import KafkaRecords
from stream.recovery import KafkaLog
from stream.status import create_status_app
from stream.watchdog import EXIT_FAILURE, watch
from stream.worker import Topics, Worker

log = logging.getLogger(__name__)

#: How long acknowledgements and page statistics may be waited for, in seconds.
PATIENCE = 30.0
#: Largest record batch; Kafka's own limit of a message is 1,048,588 bytes.
BATCH_BYTES = 900_000


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Run a worker until `stop` is set; returns 0, or 70 when Kafka, the model or the fold failed."""
    # Sessions hold no cycles; the collector would walk a hundred thousand of them for nothing.
    gc.set_threshold(100_000, 50, 1_000)
    kafka = settings.kafka
    options = client_options(kafka)
    metrics = WorkerMetrics()
    statistics = PageStatistics()
    follower = PagesFollower(options, kafka.pages_topic, statistics, PATIENCE)
    producer = scored_producer(kafka)
    try:
        log_name = await log_id(options)
        await producer.start()
        await follower.start()
    except (KafkaError, OSError, TimeoutError) as error:
        log.error("cannot reach Kafka at %s (OPECOM_KAFKA__BOOTSTRAP): %s", kafka.bootstrap, error)
        return EXIT_FAILURE
    known = calendars(settings)
    worker = Worker(
        topics=Topics(kafka.events_topic, kafka.scored_topic, kafka.dead_topic),
        log_reader=KafkaLog(options, kafka.events_topic, settings.worker.group),
        make=partition_maker(log_name, known, statistics),
        pages_reached=follower.reached,
        models=models(settings.scoring),
        records=KafkaRecords(producer, PATIENCE),
        metrics=metrics,
    )
    app = create_app(
        worker,
        bootstrap=kafka.bootstrap,
        credentials=credentials_of(options),
        group=settings.worker.group,
        events_topic=kafka.events_topic,
        session_timeout_ms=settings.worker.session_timeout_ms,
        request_timeout_ms=kafka.request_timeout_ms,
        fetch_wait_ms=kafka.fetch_wait_ms,
        round_records=settings.worker.round_records,
        data_dir=settings.data_dir / "faust",
    )
    watched = watch(
        options,
        kafka.events_topic,
        lambda: {number: partition.next for number, partition in worker.partitions.items()},
        settings.worker.watchdog_seconds,
        lambda number, behind: metrics.lag.labels(number).set(behind),
    )
    status = asyncio.create_task(_status(settings, metrics, lambda: app.ready, stop))
    failure = await run_app(app, stop)
    watched.set()
    stop.set()
    await asyncio.wait({status}, timeout=5)
    for part in (follower, producer):
        try:
            async with asyncio.timeout(5):
                await part.stop()
        except (TimeoutError, KafkaError) as error:
            log.warning("left a Kafka client behind: %r", error)
    if failure is not None:
        log.error("the worker ends: %s: %s", type(failure).__name__, failure)
        return EXIT_FAILURE
    return 0


def partition_maker(log_name: str, known: Calendars, statistics: PageStatistics) -> Callable[[int, Mark], Partition]:
    return lambda number, mark: Partition(log_name, number, known, statistics, mark)


def scored_producer(kafka: KafkaSettings) -> AIOKafkaProducer:
    """The worker's producer: all replicas acknowledge, and on a real Kafka nothing is doubled or reordered."""
    return AIOKafkaProducer(
        **client_options(kafka),
        acks="all",
        enable_idempotence=kafka.idempotent,
        max_batch_size=BATCH_BYTES,
        linger_ms=0,
    )


async def _status(settings: Settings, metrics: WorkerMetrics, ready: Callable[[], bool], stop: asyncio.Event) -> None:
    if settings.worker.metrics_port:
        await serve(create_status_app(metrics, ready), "127.0.0.1", settings.worker.metrics_port, stop)
