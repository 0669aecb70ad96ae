"""Builds the webhooks from the settings and runs them: the reader of crossings, and the sender of what is due."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette

from deploy.errors import AwayError
from deploy.http.status import create_status_app, serving
from deploy.log.client_options import kafka_clients
from deploy.log.topics import log_id
from deploy.processes.data_folder import disk_full
from deploy.settings.model import Settings
from deploy.wiring.database_settings import own_folder, relational_setting
from deploy.wiring.erasure_keys import erasure_keys
from deploy.wiring.followed_erasures import following_erasures
from deploy.wiring.outcome import outcome
from deploy.wiring.process_metrics import add_process_metrics
from deploy.wiring.relational import explained, relational
from storage.database import migrate
from storage.database.errors import DatabaseUnavailableError
from storage.database.migrate import SchemaError
from storage.webhooks import bands
from storage.webhooks.addresses import Resolver
from storage.webhooks.client import WebhookClient
from storage.webhooks.consumer import CrossingConsumer
from storage.webhooks.metrics import WebhookMetrics
from storage.webhooks.sender import DeliverySender
from storage.write import continuity
from storage.write.continuity import LastWritten
from stream.fold.erasures import Erasures
from stream.kafka.stopped_interventions import stopped_interventions

log = logging.getLogger(__name__)

#: Seconds in which the store must have brought the embedded profile's schema up.
SCHEMA_SECONDS = 60.0
#: A claim holds for two attempts and so many seconds.
MARGIN_SECONDS = 30.0


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Watch and send until `stop`; 0, or 70 when Kafka failed or the database is not fit. Raises SetupError."""
    registry = CollectorRegistry()
    add_process_metrics(registry, "webhooks")
    metrics = WebhookMetrics(registry)
    running: list[CrossingConsumer] = []
    app = status_app(settings, registry, running)

    async def both() -> None:
        engine = relational(settings)
        try:
            await _fit(settings, engine, stop)
            if not stop.is_set():
                await _both(settings, engine, metrics, running, stop)
        except DatabaseUnavailableError as error:
            setting = relational_setting(settings)
            raise AwayError(f"the relational database does not answer ({error}): see {setting}") from error
        finally:
            engine.dispose()

    async with serving(app, settings.webhooks.metrics_host, settings.webhooks.metrics_port):
        return await outcome(both(), {SQLAlchemyError: relational_setting(settings)})


def status_app(settings: Settings, registry: CollectorRegistry, running: Sequence[CrossingConsumer]) -> Starlette:
    """`/livez`, `/readyz` and `/metrics` of the webhooks, of whatever is `running` by then."""

    def degraded() -> str:
        return "; ".join(filter(None, [*(watch.degraded for watch in running), disk_full(own_folder(settings))]))

    return create_status_app(
        registry,
        lambda: any(watch.ready for watch in running),
        "database not open or partitions not assigned yet",
        degraded,
    )


async def _both(
    settings: Settings, engine: Engine, metrics: WebhookMetrics, running: list[CrossingConsumer], stop: asyncio.Event
) -> None:
    """Both until `stop`, or until either fails."""
    topic, own, clients = settings.kafka.scored_topic, settings.webhooks, kafka_clients(settings.kafka)
    log_name = await log_id(clients)
    known = await asyncio.to_thread(bands.places, engine, log_name)
    written = [LastWritten("scored", number, place.next, place.timestamp) for number, place in known.items()]
    await continuity.check(written, {"scored": topic}, clients)
    resolve, ending = Resolver(), asyncio.Event()
    erasures = Erasures(keys=erasure_keys(settings))
    async with (
        following_erasures(settings.kafka, clients, erasures) as follower,
        stopped_interventions(clients, settings.kafka.experiments_topic) as stopped,
        clients.member(own.group) as consumer,
    ):
        sender = DeliverySender(
            engine,
            WebhookClient(resolve, own.timeout_seconds),
            metrics,
            pauses=own.retry_seconds,
            concurrency=own.concurrency,
            lease_seconds=2 * own.timeout_seconds + MARGIN_SECONDS,
            log_days=own.log_days,
            stopped=stopped.names,
        )
        watch = CrossingConsumer(
            engine=engine,
            log_id=log_name,
            topic=topic,
            consumer=consumer,
            metrics=metrics,
            made=sender.wake,
            erasures=erasures,
            stopped=stopped.names,
            alone=settings.profile == "embedded",
            setting=relational_setting(settings),
        )
        running.append(watch)
        parts = [asyncio.create_task(watch.run(ending)), asyncio.create_task(sender.run(ending))]
        # Nothing here waits for an erasure: without this, nobody would notice that none is read any more.
        following, stopping = asyncio.create_task(follower.ended()), asyncio.create_task(stop.wait())
        await asyncio.wait((*parts, following, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if following.done():
            parts.append(following)
        else:
            following.cancel()
        ending.set()
        ended = await asyncio.gather(*parts, return_exceptions=True)
        resolve.close()
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure


async def _fit(settings: Settings, engine: Engine, stop: asyncio.Event) -> None:
    """Until the schema is that of this program; raises SchemaError and SetupError.

    In the embedded profile the store brings it up, beside us and perhaps after us.
    """
    kind, run_statement = migrate.relational_kind(engine), migrate.relational_run(engine)
    deadline = monotonic() + (SCHEMA_SECONDS if settings.profile == "embedded" else 0)

    def check() -> None:
        file = engine.url.database if kind == "sqlite" else None
        if file and not (Path(file).exists() and Path(file).stat().st_size):
            # Two processes that make one file at once can get into each other's way.
            raise SchemaError(f"{file} is not there yet: `opecom up` makes it")
        with explained():
            engine.connect().close()
        migrate.check(kind, run_statement)

    while not stop.is_set():
        try:
            await asyncio.to_thread(check)
            return
        except SchemaError:
            if monotonic() > deadline:
                raise
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await stop.wait()
