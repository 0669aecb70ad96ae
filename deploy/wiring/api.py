"""Builds the query API from the settings and runs it."""

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, generate_latest

from deploy.errors import AwayError
from deploy.http.serve import serve
from deploy.log.client_options import kafka_clients
from deploy.log.topics import log_id
from deploy.processes.audit_file import append_line, audit_file
from deploy.processes.data_folder import disk_full
from deploy.processes.ports import listen
from deploy.settings.model import Settings
from deploy.wiring.access import access, read_origins
from deploy.wiring.activity import activity
from deploy.wiring.admin import eraser
from deploy.wiring.admin import routes as admin_routes
from deploy.wiring.connection_limits import api_limits
from deploy.wiring.console import console_listener, served_console
from deploy.wiring.database_settings import own_folder
from deploy.wiring.documents import add_documents
from deploy.wiring.drift import drift_checks, fitted_on, keep_checked
from deploy.wiring.erasure_keys import erasure_keys
from deploy.wiring.experiments import intervention_changes
from deploy.wiring.experiments import routes as experiment_routes
from deploy.wiring.operations import routes as operations_routes
from deploy.wiring.outcome import outcome
from deploy.wiring.overview import overview
from deploy.wiring.pages import money, opened_refresher
from deploy.wiring.predict import predictions
from deploy.wiring.process_metrics import add_process_metrics
from deploy.wiring.promotions import model_routes, promotion_jobs
from deploy.wiring.replay import job as replay_job
from deploy.wiring.retention import keep_removed, retention_runner
from deploy.wiring.setup import setup_routes
from deploy.wiring.storage import DatabaseHandles, database_errors, databases
from deploy.wiring.topics_document import topics_document
from ingest.tokens import SessionTokens
from storage.admin.erase import Eraser
from storage.api.app import create_app
from storage.drift.checks import DriftChecks
from storage.http.access import Access
from storage.http.errors import ReadError
from storage.http.stream_tokens import Tokens
from storage.interventions.api import intervention_routes
from storage.interventions.firings import firings_of
from storage.learner.runs import LearnerRuns
from storage.learning.api import learning_routes
from storage.learning.timeline import TimelineRows
from storage.live.session_streams import SessionStreams
from storage.live.sse import Streams
from storage.live.subscribe import ScoredConsumer, Start, UpdateFilter, follow
from storage.live.subscriber_hub import SubscriberHub
from storage.metrics import ApiMetrics
from storage.promotions.jobs import PromotionJobs
from storage.query.queries import Queries
from storage.replay.jobs import Jobs
from storage.retention.runner import RetentionRunner
from stream.kafka.clients import KafkaClients
from stream.kafka.stopped_interventions import StoppedInterventions


async def run(settings: Settings, stop: asyncio.Event) -> int:
    """Serve until `stop`; 0, or 70 when the databases are not fit. Raises SetupError and PortTakenError."""
    permitted, listener, registry = access(settings), bound(settings), CollectorRegistry()
    console = console_listener(settings)
    add_process_metrics(registry, "api")

    async def alone() -> None:
        async with databases(settings) as opened:
            await answer(settings, opened, permitted, listener, registry, stop, console)

    with listener, console or contextlib.nullcontext():
        return await outcome(alone(), database_errors(settings))


async def answer(
    settings: Settings,
    opened: DatabaseHandles,
    permitted: Access,
    listener: socket.socket,
    registry: CollectorRegistry,
    stop: asyncio.Event,
    console: socket.socket | None = None,
) -> None:
    """Serve on `listener` until `stop`, and the console on its own."""
    limits, replays, erasing = api_limits(settings), jobs(settings, opened), eraser(settings, opened)
    checks = drift_checks(settings, opened, registry)
    promotions, removing = promotion_jobs(settings, replays), retention_runner(settings, opened)
    built = app(settings, opened, permitted, registry, stop, replays, erasing, checks, promotions, removing)
    daily = {
        asyncio.create_task(each)
        for each in (keep_checked(settings, checks, stop), keep_removed(settings, removing, stop))
    }
    try:
        erasing.resume()
        async with served_console(settings, built, permitted, console, stop, limits):
            await serve(built, settings.api.host, settings.api.port, stop, listener=listener, limits=limits)
    finally:
        for each in daily:
            each.cancel()
        await asyncio.wait(daily)
        # Before the databases close under it.
        await removing.stop()
        await promotions.stop()
        await replays.stop()
        await erasing.stop()


def bound(settings: Settings) -> socket.socket:
    """The API's port, taken before anything is opened; raises PortTakenError."""
    return listen(settings.api.host, settings.api.port)


def jobs(settings: Settings, opened: DatabaseHandles) -> Jobs:
    """Replays over these databases."""
    return Jobs(partial(replay_job, settings, opened))


def app(
    settings: Settings,
    opened: DatabaseHandles,
    permitted: Access,
    registry: CollectorRegistry,
    stop: asyncio.Event,
    replays: Jobs,
    erasing: Eraser | None = None,
    checks: DriftChecks | None = None,
    promotions: PromotionJobs | None = None,
    retention: RetentionRunner | None = None,
) -> FastAPI:
    """The query API over open databases; `stop` ends its streams."""
    api, metrics = settings.api, ApiMetrics(registry)
    secret = api.token_secret.get_secret_value().encode() or secrets.token_bytes(32)
    clients = kafka_clients(settings.kafka)
    own = "api" if settings.storage.clickhouse_host else "store"
    queries = Queries(*opened, metrics.waited, settings.profile == "embedded", lambda: disk_full(own_folder(settings)))
    currencies = partial(money, settings)
    following = _Following(settings.kafka.scored_topic, clients)
    built = create_app(
        queries=queries,
        access=permitted,
        tokens=Tokens(secret, api.token_seconds, time.time),
        streams=Streams(following, stop, api.max_streams, metrics),
        session_streams=SessionStreams(
            partial(SubscriberHub, following, stop),
            queries,
            api.max_session_streams,
            metrics,
            firings=partial(firings_of, opened.engine),
            stops=StoppedInterventions(clients, settings.kafka.experiments_topic),
        ),
        session_tokens=SessionTokens(secret, api.token_seconds, time.time),
        jobs=replays,
        pages=partial(opened_refresher, settings, clients, opened.client),
        predictions=predictions(settings, permitted),
        admin=admin_routes(
            opened,
            erasing or eraser(settings, opened),
            permitted,
            metrics.waited,
            currencies,
            partial(fitted_on, settings.scoring),
            (checks or drift_checks(settings, opened, registry)).found,
        ),
        overview=overview(settings, opened, permitted, metrics.waited),
        learning=learning_routes(TimelineRows(opened.client, opened.engine), permitted.scoped("admin")),
        operations=operations_routes(settings, opened, permitted, retention or retention_runner(settings, opened)),
        learner=LearnerRuns(opened.engine),
        activity=activity(settings, own, lambda: generate_latest(registry).decode()),
        setup=setup_routes(settings, opened, permitted),
        experiments=experiment_routes(settings, opened, permitted, metrics.waited),
        interventions=intervention_routes(intervention_changes(settings, opened.engine), permitted.scoped("admin")),
        models=model_routes(settings, promotions or promotion_jobs(settings, replays), permitted),
        metrics=metrics,
        origins=read_origins(settings),
        asyncapi=topics_document(settings),
        version=version("op-ecom"),
        audit_keys=erasure_keys(settings),
        keep_audit=partial(append_line, audit_file(settings)),
    )
    add_documents(built)
    return built


class _Following:
    """Opens followers of the scored topic; asks for the log's name at the first one, so that reads need no Kafka."""

    def __init__(self, topic: str, clients: KafkaClients) -> None:
        self._topic = topic
        self._clients = clients
        self._log: str | None = None

    @contextlib.asynccontextmanager
    async def __call__(self, wanted: UpdateFilter, start: Start) -> AsyncIterator[ScoredConsumer]:
        if self._log is None:
            try:
                self._log = await log_id(self._clients)
            except AwayError as error:
                raise ReadError("unavailable", str(error), retry_after=2) from error
        async with follow(self._clients, self._topic, self._log, wanted, start) as follower:
            yield follower
