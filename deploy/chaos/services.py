"""Kafka, MariaDB and ClickHouse of a run, as programs that may be killed, stopped, and cut off by a proxy."""

import contextlib
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psutil

from deploy.chaos.proxy import FaultyProxy
from deploy.chaos.small_disk import SmallDisk, small_disk
from deploy.errors import SetupError
from deploy.processes.interpreter import of_module
from deploy.processes.ports import free_port, wait_until
from deploy.processes.probes import ProbeAddress, get
from deploy.processes.programs import Program
from deploy.services import kafka, mariadb
from deploy.services.artefacts import jars
from deploy.services.kafka import ProxiedListener

ServiceName = Literal["kafka", "mariadb", "clickhouse"]


class ChaosService:
    """A service: how it starts again on its port with its data, its process, and the proxy before it."""

    def __init__(self, program: Program, start: Callable[[], None], port: int, proxy: FaultyProxy) -> None:
        self._program = program
        self._start = start
        self.port = port
        self.proxy = proxy
        self.kills = 0

    def start(self) -> None:
        """Raises SetupError where it does not become ready."""
        if self.process() is None:
            self._start()

    def process(self) -> psutil.Process | None:
        return self._program.process()

    def signal(self, number: signal.Signals) -> None:
        process = self.process()
        if process is not None:
            process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        process = self.process()
        if process is not None:
            process.kill()
            self.kills += 1
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(20)

    def stop(self) -> None:
        self._program.stop()


class ChaosServices:
    """All three. `direct` ports are for who checks, those of the proxies for the parts."""

    def __init__(self, folder: Path, cache: Path, disk: SmallDisk | None) -> None:
        #: The disk that holds the data of all three; None where it cannot be filled.
        self.disk = disk
        self.password = secrets.token_hex(12)
        self._folder = folder
        self._cache = cache
        ports = [free_port() for _ in range(8)]
        self._controller, self._kafka_proxied = ports[6], ports[7]
        self.kafka = ChaosService(
            kafka.program(folder), self._start_kafka, ports[0], FaultyProxy(ports[1], self._kafka_proxied)
        )
        self.mariadb = ChaosService(
            mariadb.program(folder), self._start_mariadb, ports[2], FaultyProxy(ports[3], ports[2])
        )
        self._front = Program("clickhouse", folder)
        self.clickhouse = ChaosService(self._front, self._start_front, ports[4], FaultyProxy(ports[5], ports[4]))
        self.all: dict[ServiceName, ChaosService] = {
            "kafka": self.kafka,
            "mariadb": self.mariadb,
            "clickhouse": self.clickhouse,
        }

    def kafka_version(self) -> str:
        (jar,) = jars("kafka", self._cache).glob("kafka_2.13-*.jar")
        return jar.stem.removeprefix("kafka_2.13-")

    def _start_kafka(self) -> None:
        proxied = ProxiedListener(self._kafka_proxied, self.kafka.proxy.port)
        kafka.start(
            *(self._folder, self._cache, self.kafka.port, self._controller),
            die_with_parent=True,
            seconds=120,
            proxied=proxied,
        )

    def _start_mariadb(self) -> None:
        mariadb.start(self._folder, self._cache, self.mariadb.port, self.password, die_with_parent=True)

    def _start_front(self) -> None:
        port = self.clickhouse.port
        command = [*of_module("deploy.chaos.clickhouse_front"), str(self._folder / "clickhouse"), str(port), "stay"]
        address = ProbeAddress("127.0.0.1", port)
        self._front.start(command, lambda: get(address, "/ping")[0] == 200, die_with_parent=True, seconds=120)


@contextmanager
def running_services(folder: Path, cache: Path) -> Iterator[ChaosServices]:
    """All three started, and stopped at the end; raises SetupError where they cannot be had."""
    with small_disk(folder) as disk:
        yield from _running(ChaosServices(folder, cache, disk))


def _running(made: ChaosServices) -> Iterator[ChaosServices]:
    try:
        for service in made.all.values():
            service.start()
            service.proxy.start()
        yield made
    finally:
        for service in made.all.values():
            service.signal(signal.SIGCONT)
            with contextlib.suppress(SetupError, psutil.Error, subprocess.SubprocessError):
                service.stop()
            service.proxy.stop()


def restart_dead(services: ChaosServices) -> None:
    """Start again what a fault has ended against its plan; raises SetupError."""
    for service in services.all.values():
        restarted(service)


def restarted(service: ChaosService, attempts: int = 3) -> None:
    """Start a service again; what a full disk or a kill within the start has broken may take more than one attempt."""
    for attempt in range(attempts):
        try:
            service.start()
            return
        except SetupError:
            if attempt + 1 == attempts or wait_until(lambda: service.process() is not None, 1):
                raise
