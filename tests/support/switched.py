"""Databases that a test stops and starts again on the same port, with their data."""

import asyncio
import contextlib
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import httpx
import sqlalchemy

from deploy.processes.interpreter import of_module
from deploy.processes.ports import wait_until
from deploy.services import mariadb
from deploy.settings.model import user_cache
from tests.support import services
from tests.support.gate import Gate
from tests.support.ports import free_port


class Switched(Protocol):
    """A database that can be away for a while."""

    def stop(self) -> None: ...
    def start(self) -> None: ...


class ClickHouseFront:
    """See deploy/chaos/clickhouse_front.py; `stop` is a kill -9."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = of_module("deploy.chaos.clickhouse_front")
        self._process = subprocess.Popen(
            [*program, str(self._folder), str(self.port)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert wait_until(self._answers, 60), "the ClickHouse front did not start"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/ping", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process = None


class MariaDbProgram:
    """A server of its own, stopped in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._password = free_port(), uuid.uuid4().hex
        self.url = mariadb.url(self._port, self._password)

    def start(self) -> None:
        mariadb.start(self._folder, user_cache(), self._port, self._password, die_with_parent=True)

    def stop(self) -> None:
        mariadb.program(self._folder).stop()


class MariaDbBehindGate:
    """A server that is not ours to stop: nothing reaches it while the gate is shut."""

    def __init__(self, url: str) -> None:
        target = sqlalchemy.make_url(url)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._gate = Gate(target.host or "127.0.0.1", target.port or 3306)
        self.start()
        self.url = target.set(host="127.0.0.1", port=self._gate.port).render_as_string(hide_password=False)

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._gate.open(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._gate.shut(), self._loop).result(10)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextlib.contextmanager
def clickhouse_front(folder: Path) -> Iterator[ClickHouseFront]:
    front = ClickHouseFront(folder)
    front.start()
    try:
        yield front
    finally:
        front.stop()


@contextlib.contextmanager
def switched_mariadb(folder: Path, shared: services.MariaDb) -> Iterator[MariaDbProgram | MariaDbBehindGate]:
    """A MariaDB that can be stopped: a program where tests run programs, else a gate before the one that there is."""
    if services.find("OPECOM_TEST_MARIADB").way == "programs":
        program = MariaDbProgram(folder)
        program.start()
        try:
            yield program
        finally:
            program.stop()
        return
    with services.new_database(shared.url) as url:
        gate = MariaDbBehindGate(url)
        try:
            yield gate
        finally:
            gate.stop()
            gate.end()
