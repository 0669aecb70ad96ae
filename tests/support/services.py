"""Real services for tests, found in this order: a URL in the environment, Docker, programs of the user, none."""

import functools
import os
import shutil
import subprocess
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy

from deploy.errors import SetupError
from deploy.local import broker
from deploy.processes.ports import speaks_kafka, speaks_mariadb, wait_until
from deploy.processes.programs import Program
from deploy.services import kafka, mariadb
from deploy.services.artefacts import java, maven
from deploy.settings.model import KafkaSettings, user_cache
from storage.write.clickhouse_sink import server_client
from tests.support import compose
from tests.support.ports import free_port


@dataclass(frozen=True)
class Broker:
    """A broker that runs; `origin` says where it came from."""

    bootstrap: str
    origin: str
    idempotent: bool = True

    def settings(self, **given: Any) -> KafkaSettings:
        """Settings for this broker with topic names that no other test has."""
        run = uuid.uuid4().hex[:8]
        roles = ("events", "scored", "pages", "erasures", "experiments", "dead", "snapshots")
        names = {f"{name}_topic": f"{name}-{run}" for name in roles}
        connection = {} if self.idempotent else broker.SETTINGS
        return KafkaSettings(**{"bootstrap": self.bootstrap, **names, **connection, **given})


@dataclass(frozen=True)
class MariaDb:
    """A MariaDB server that runs; `url` is that of a user who may make databases `opecom_...`."""

    url: str
    origin: str


@dataclass(frozen=True)
class ClickHouse:
    """A ClickHouse server that runs; its user may make databases."""

    url: str
    origin: str

    def client(self, database: str) -> Any:
        """A client as the program makes it; makes the database where it is missing."""
        server = urlsplit(self.url)
        assert server.hostname
        user, password = unquote(server.username or "default"), unquote(server.password or "")
        return server_client(server.hostname, server.port or 8123, user, password, database, make=True)


@dataclass(frozen=True)
class ServiceSource:
    """Where a service comes from: url, docker or programs; or why there is none."""

    way: str
    note: str

    @property
    def missing(self) -> bool:
        return self.way == "none"


@functools.cache
def docker() -> bool:
    """Whether a Docker engine answers: the client alone is not enough."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=90, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


@functools.cache
def find(variable: str) -> ServiceSource:
    """Where the service of OPECOM_TEST_KAFKA, OPECOM_TEST_MARIADB or OPECOM_TEST_CLICKHOUSE comes from."""
    if os.environ.get(variable):
        return ServiceSource("url", variable)
    if docker():
        return ServiceSource("docker", "Docker")
    if variable == "OPECOM_TEST_CLICKHOUSE":
        return ServiceSource(
            "none", f"no {variable}, no Docker engine, and no package registry has a ClickHouse server"
        )
    try:
        java()
        maven()
    except SetupError as error:
        return ServiceSource("none", f"no {variable}, no Docker engine, and {error}")
    return ServiceSource("programs", "programs, by Java and Maven")


@contextmanager
def embedded(folder: Path) -> Iterator[Broker]:
    """A Tansu of its own, empty, under a new cluster id."""
    port = free_port()
    program = Program("tansu", folder)
    program.start(
        broker.command(broker.binary(), port),
        lambda: speaks_kafka(port),
        environment=broker.environment(),
        die_with_parent=True,
    )
    try:
        yield Broker(f"127.0.0.1:{port}", "Tansu", idempotent=False)
    finally:
        program.stop()


@contextmanager
def real_kafka(folder: Path) -> Iterator[Broker]:
    """Apache Kafka, from wherever `find` found it."""
    found = find("OPECOM_TEST_KAFKA")
    if found.way == "url":
        yield Broker(os.environ["OPECOM_TEST_KAFKA"], found.note)
        return
    port = free_port()
    if found.way == "docker":
        with kafka_container(port):
            yield Broker(f"127.0.0.1:{port}", found.note)
        return
    kafka.start(folder, user_cache(), port, free_port(), die_with_parent=True)
    try:
        yield Broker(f"127.0.0.1:{port}", found.note)
    finally:
        kafka.program(folder).stop()


@contextmanager
def real_mariadb(folder: Path) -> Iterator[MariaDb]:
    """MariaDB, from wherever `find` found it."""
    found = find("OPECOM_TEST_MARIADB")
    if found.way == "url":
        yield MariaDb(os.environ["OPECOM_TEST_MARIADB"], found.note)
        return
    port = free_port()
    password = uuid.uuid4().hex
    if found.way == "docker":
        with mariadb_container(port, password):
            yield MariaDb(f"mysql+pymysql://root:{password}@127.0.0.1:{port}/opecom", found.note)
        return
    mariadb.start(folder, user_cache(), port, password, die_with_parent=True)
    try:
        yield MariaDb(mariadb.url(port, password), found.note)
    finally:
        mariadb.program(folder).stop()


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """The URL of a new, empty MariaDB database, dropped at the end."""
    name = f"opecom_{uuid.uuid4().hex[:12]}"
    server = sqlalchemy.create_engine(server_url, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
    yield sqlalchemy.make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name}"))


@contextmanager
def real_clickhouse() -> Iterator[ClickHouse]:
    """A ClickHouse server, from wherever `find` found it."""
    found = find("OPECOM_TEST_CLICKHOUSE")
    if found.way == "url":
        yield ClickHouse(os.environ["OPECOM_TEST_CLICKHOUSE"], found.note)
        return
    port = free_port()
    password = uuid.uuid4().hex
    with clickhouse_container(port, password):
        yield ClickHouse(f"http://opecom:{password}@127.0.0.1:{port}", found.note)


@contextmanager
def kafka_container(port: int) -> Iterator[None]:
    """Apache's own image, its listener advertised as this loopback port."""
    from testcontainers.core.container import DockerContainer

    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "INTER_BROKER_LISTENER_NAME": "PLAINTEXT",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    container = DockerContainer(_image("kafka")).with_bind_ports("9092/tcp", ("127.0.0.1", port))
    for name, value in settings.items():
        container = container.with_env(f"KAFKA_{name}", value)
    with container:
        _require(wait_until(lambda: speaks_kafka(port), 120), "Kafka in Docker did not answer within 120 s")
        yield


@contextmanager
def mariadb_container(port: int, password: str) -> Iterator[None]:
    """The official image, on this loopback port."""
    from testcontainers.core.container import DockerContainer

    container = (
        DockerContainer(_image("mariadb"))
        .with_env("MARIADB_ROOT_PASSWORD", password)
        .with_env("MARIADB_DATABASE", "opecom")
        .with_bind_ports("3306/tcp", ("127.0.0.1", port))
    )
    with container:
        # While it sets itself up the image's server listens on no port.
        _require(wait_until(lambda: speaks_mariadb(port), 120), "MariaDB in Docker did not answer within 120 s")
        yield


@contextmanager
def clickhouse_container(port: int, password: str) -> Iterator[None]:
    """The official image, on this loopback port."""
    from testcontainers.core.container import DockerContainer

    container = (
        DockerContainer(_image("clickhouse"))
        .with_env("CLICKHOUSE_USER", "opecom")
        .with_env("CLICKHOUSE_PASSWORD", password)
        .with_bind_ports("8123/tcp", ("127.0.0.1", port))
    )
    with container:
        _require(wait_until(lambda: _answers(port), 120), "ClickHouse in Docker did not answer within 120 s")
        yield


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _image(service: str) -> str:
    """The image that users run: that of docker-compose.yml."""
    return str(compose.services()[service]["image"])


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SetupError(otherwise)
