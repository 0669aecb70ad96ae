"""Builds the writer, the reads and the query API from the settings, and runs them.

In the embedded profile one process may hold the chDB folder, so `run_store` runs the writer and the API together.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from prometheus_client import CollectorRegistry, start_http_server
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from deploy.errors import SetupError
from deploy.settings import Settings
from deploy.topics import log_id
from deploy.wiring.kafka import client_options
from storage import continuity, migrate
from storage.analytics import AnalyticsSink, embedded_client, server_client
from storage.block import Role
from storage.metrics import WriterMetrics
from storage.relational import RelationalSink, close_orphans, engine_of
from storage.writer import Database, Writer, WriterError

log = logging.getLogger(__name__)

STOPPED, FAILED = 0, 70
#: aiokafka would leave the group when a database is away for longer; its heartbeats go on by themselves.
A_WEEK_MS = 7 * 24 * 3600 * 1000
#: Fetches that fill a block at once when there is a backlog.
FETCH_BYTES = 8 * 1024 * 1024


def relational(settings: Settings) -> Engine:
    """MariaDB by storage.url, else SQLite in the data folder."""
    url = settings.storage.url.get_secret_value()
    if url:
        return engine_of(url)
    if settings.profile != "embedded":
        raise SetupError(
            "storage.url is empty: set the SQLAlchemy URL of MariaDB, mariadb+pymysql://user:...@host/name"
        )
    _data_folder(settings)
    return engine_of(f"sqlite:///{settings.data_dir / 'opecom.sqlite'}")


def analytics(settings: Settings) -> Any:
    """A new ClickHouse client: of the server at storage.clickhouse_host, else of chDB in the data folder."""
    storage = settings.storage
    try:
        if storage.clickhouse_host:
            return server_client(
                storage.clickhouse_host,
                storage.clickhouse_port,
                user=storage.clickhouse_user,
                password=storage.clickhouse_password.get_secret_value(),
                database=storage.clickhouse_database,
            )
        _data_folder(settings)
        return embedded_client(str(settings.data_dir / "chdb"), storage.clickhouse_database)
    except ImportError as error:
        raise SetupError("chDB is not installed: install op-ecom[embedded] or set storage.clickhouse_host") from error
    except (ClickHouseError, OSError) as error:
        where = f"storage.clickhouse_host {storage.clickhouse_host}:{storage.clickhouse_port}"
        where = where if storage.clickhouse_host else f"data_dir {settings.data_dir} (one process at a time holds it)"
        raise SetupError(f"ClickHouse does not open ({_line(error)}): see {where}") from error


def migrate_all(settings: Settings) -> list[str]:
    """Bring both databases to the newest schema; returns the steps that ran, by database."""
    done = []
    engine = relational(settings)
    kind = migrate.relational_kind(engine)
    try:
        done += [f"{kind} {step.version} {step.name}" for step in migrate.migrate(kind, migrate.relational_run(engine))]
    except SQLAlchemyError as error:
        raise SetupError(f"the relational database does not open ({_line(error)}): see storage.url") from error
    finally:
        engine.dispose()
    with contextlib.closing(analytics(settings)) as client:
        run = migrate.clickhouse_run(client)
        done += [f"clickhouse {step.version} {step.name}" for step in migrate.migrate("clickhouse", run)]
    return done


def topics(settings: Settings) -> dict[Role, str]:
    kafka = settings.kafka
    return {"events": kafka.events_topic, "scored": kafka.scored_topic, "dead": kafka.dead_topic}


async def run_writer(settings: Settings, stop: asyncio.Event) -> int:
    """Run a writer until `stop`; 0, or 70 when Kafka failed or the databases are not fit."""
    registry = CollectorRegistry()

    async def write() -> None:
        with _metrics(settings.storage.metrics_port, registry):
            await _write(settings, registry, stop)

    return await _outcome(write())


async def _write(settings: Settings, registry: CollectorRegistry, stop: asyncio.Event) -> None:
    engine = relational(settings)
    client = analytics(settings)
    try:
        await asyncio.to_thread(_check_schema, settings, engine, client)
        log_name = await log_id(client_options(settings.kafka))
        if settings.profile == "embedded":
            closed = await asyncio.to_thread(close_orphans, engine, log_name)
            if closed:
                log.info("closed %d sessions that an earlier log left open", closed)
        known = await asyncio.to_thread(continuity.written, engine, log_name)
        await continuity.check(known, topics(settings), client_options(settings.kafka))
        async with _kafka(settings) as (consumer, producer):
            writer = Writer(
                log_id=log_name,
                topics=topics(settings),
                consumer=consumer,
                producer=producer,
                databases=(
                    Database("the relational database", "storage.url", RelationalSink(engine)),
                    Database("ClickHouse", "storage.clickhouse_host", AnalyticsSink(client)),
                ),
                gather_seconds=settings.storage.gather_ms / 1000,
                max_block=settings.storage.max_block,
                metrics=WriterMetrics(registry),
                alone=settings.profile == "embedded",
            )
            await writer.run(stop)
    finally:
        client.close()
        engine.dispose()


def _check_schema(settings: Settings, engine: Engine, client: Any) -> None:
    """The embedded databases are ours alone and are brought up to date; a server's schema is only checked."""
    kind = migrate.relational_kind(engine)
    fits = migrate.migrate if settings.profile == "embedded" else migrate.check
    try:
        fits(kind, migrate.relational_run(engine))
    except SQLAlchemyError as error:
        raise SetupError(
            f"the relational database does not open ({_line(error)}): see storage.url, data_dir"
        ) from error
    fits("clickhouse", migrate.clickhouse_run(client))


@contextlib.asynccontextmanager
async def _kafka(settings: Settings) -> AsyncIterator[tuple[AIOKafkaConsumer, AIOKafkaProducer]]:
    options = client_options(settings.kafka)
    consumer = AIOKafkaConsumer(
        group_id=settings.storage.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_interval_ms=A_WEEK_MS,
        rebalance_timeout_ms=10_000,
        fetch_max_wait_ms=settings.kafka.fetch_wait_ms,
        max_partition_fetch_bytes=FETCH_BYTES,
        **options,
    )
    producer = AIOKafkaProducer(acks="all", enable_idempotence=settings.kafka.idempotent, **options)
    try:
        await consumer.start()
        await producer.start()
        yield consumer, producer
    finally:
        # aiokafka can wait for ever for a broker that is gone.
        for client in (producer, consumer):
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(client.stop(), 10)


async def _outcome(part: Awaitable[None]) -> int:
    """The exit code of a part; what it cannot go on with is one line of the log."""
    try:
        await part
    except (SetupError, WriterError, continuity.ContinuityError, migrate.SchemaError) as error:
        log.error("%s", error)
    except KafkaError as error:
        log.error("Kafka failed (%s): see kafka.bootstrap", error)
    else:
        return STOPPED
    return FAILED


@contextlib.contextmanager
def _metrics(port: int, registry: CollectorRegistry) -> Iterator[None]:
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    except OSError as error:
        raise SetupError(f"port {port} is in use ({error}): set storage.metrics_port") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _data_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"data_dir {settings.data_dir} cannot be made ({error.strerror})") from error


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]
