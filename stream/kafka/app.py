"""The Faust app: group membership, assignment and threads around the worker's rounds."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import faust
from faust.auth import SASLCredentials, SSLCredentials
from yarl import URL

from stream.kafka.clients import settled
from stream.kafka.consumer import RoundsTransport
from stream.worker import Worker

log = logging.getLogger(__name__)

#: How long the round in flight may take to end, in seconds.
DRAIN_TIMEOUT = 10.0
#: How long Faust may take to leave the group and stop its threads, in seconds.
STOP_TIMEOUT = 8.0


#: Given committed offsets with their metadata, by partition.
KeepMarks = Callable[[Mapping[int, tuple[int, str]]], None]


class WorkerApp(faust.App):  # type: ignore[misc]
    """A Faust app whose consumer gives its rounds to `worker`; `failure` is set by the first error that ends it."""

    worker: Worker
    events_topic: str
    fetch_wait_ms: int
    idle_fetch_wait_ms: int
    stopping = False
    #: Set by the consumer when the partitions of the first assignment are claimed.
    ready = False
    #: Set when the last round has ended and is committed.
    drained: asyncio.Event
    #: Keeps committed offsets and marks where the broker keeps no metadata with an offset.
    keep_marks: KeepMarks | None = None

    def _create_directories(self) -> None:
        """Faust's folders are those of its tables, and we have none."""

    def failed(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)


def create_app(
    worker: Worker,
    *,
    bootstrap: str,
    credentials: SASLCredentials | SSLCredentials | None,
    group: str,
    events_topic: str,
    session_timeout_ms: int,
    request_timeout_ms: int,
    fetch_wait_ms: int,
    idle_fetch_wait_ms: int = 0,
    round_records: int,
    keep_marks: KeepMarks | None = None,
) -> WorkerApp:
    """A worker app that is not started. Call it inside the event loop that runs it."""
    brokers = [URL(f"kafka://{address.strip()}") for address in bootstrap.split(",")]
    app = WorkerApp(
        group,
        broker=brokers,
        broker_credentials=credentials,
        loop=asyncio.get_running_loop(),
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        web_enabled=False,
        processing_guarantee="at_least_once",
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=session_timeout_ms / 1000,
        broker_heartbeat_interval=session_timeout_ms / 4000,
        broker_request_timeout=max(request_timeout_ms, session_timeout_ms + 1_000) / 1000,
        broker_max_poll_records=round_records,
        consumer_max_fetch_size=4 * 1024 * 1024,
    )
    app.worker = worker
    app.events_topic = events_topic
    app.fetch_wait_ms = fetch_wait_ms
    app.idle_fetch_wait_ms = idle_fetch_wait_ms
    app.keep_marks = keep_marks
    app.drained = asyncio.Event()
    app.failure = asyncio.get_running_loop().create_future()
    app.transport = RoundsTransport(brokers, app)

    @app.agent(app.topic(events_topic, key_type=bytes, value_type=bytes))  # type: ignore[untyped-decorator]
    async def declare(stream: Any) -> None:
        """Declares the subscription; the rounds never reach it."""
        async for _ in stream:
            raise RuntimeError("a message reached an agent: the rounds transport is not in force")

    return app


async def run(app: WorkerApp, stop: asyncio.Event) -> BaseException | None:
    """Run until `stop` is set or something fails; returns what failed, after the round in flight has ended."""
    failure: BaseException | None = None
    try:
        await app.start()
        stop_requested, ended = asyncio.create_task(stop.wait()), asyncio.create_task(app.wait_until_stopped())
        await asyncio.wait({stop_requested, ended, app.failure}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done() and not (stop_requested.done() or app.failure.done()):
            failure = ended.exception() or RuntimeError("Faust stopped by itself; its log says why")
        for task in (stop_requested, ended):
            task.cancel()
    except Exception as error:
        failure = error
    if app.failure.done():
        failure = app.failure.result()
    app.stopping = True
    try:
        if app.ready and failure is None:
            async with asyncio.timeout(DRAIN_TIMEOUT):
                await app.drained.wait()
        unwell = await settled(app.stop(), STOP_TIMEOUT)
    except TimeoutError as error:
        unwell = error
    if unwell is not None:
        log.warning("the worker did not stop well (%r); what it had not committed is folded again", unwell)
    return failure


def credentials_of(options: Mapping[str, Any]) -> SASLCredentials | SSLCredentials | None:
    """Faust's form of the connection options that all our clients share."""
    protocol, context = options["security_protocol"], options.get("ssl_context")
    if "SASL" in protocol:
        return SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=options["sasl_mechanism"],
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None
