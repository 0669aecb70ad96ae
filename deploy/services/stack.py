"""Kafka and MariaDB together: up, down, status, and the settings that run the system on them."""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import SetupError
from deploy.processes.ports import free_port
from deploy.processes.private_files import make_private
from deploy.processes.programs import Program
from deploy.services import kafka, mariadb


@dataclass(frozen=True, slots=True)
class Stack:
    """What `up` chose, kept in the folder's services.json (mode 0600: it has the password)."""

    kafka_port: int
    controller_port: int
    mariadb_port: int
    password: str

    def settings(self) -> dict[str, str]:
        """Values of settings, by name, with which the system runs on these services."""
        return {
            "profile": "services",
            "kafka.bootstrap": f"127.0.0.1:{self.kafka_port}",
            "storage.url": mariadb.url(self.mariadb_port, self.password),
        }


def up(folder: Path, cache: Path, kafka_port: int, mariadb_port: int) -> Stack:
    """Starts what does not run yet and returns the whole; raises SetupError. Data of earlier runs is kept."""
    folder = folder.absolute()
    with _alone(folder):
        known = read(folder)
        # Kafka writes its controller's address into its log, and MariaDB's users keep their password.
        controller = known.controller_port if known else free_port()
        password = known.password if known else secrets.token_urlsafe(18)
        kafka_runs, mariadb_runs = (program(folder).process() for program in (kafka.program, mariadb.program))
        stack = Stack(
            known.kafka_port if known and kafka_runs else kafka_port,
            controller if kafka_runs else free_port(controller),
            known.mariadb_port if known and mariadb_runs else mariadb_port,
            password,
        )
        _write(folder, stack)
        if not kafka_runs:
            kafka.start(folder, cache, stack.kafka_port, stack.controller_port)
        if not mariadb_runs:
            mariadb.start(folder, cache, stack.mariadb_port, stack.password)
        return stack


def down(folder: Path) -> list[str]:
    """Stops both, keeps their data; the names of those that ran."""
    if not folder.is_dir():
        return []
    with _alone(folder.absolute()):
        return [program.name for program in _programs(folder) if program.stop()]


def status(folder: Path) -> dict[str, int | None]:
    """The pid of each program, None where it does not run."""
    running = {program.name: program.process() for program in _programs(folder)}
    return {name: process.pid if process else None for name, process in running.items()}


def read(folder: Path) -> Stack | None:
    """What the last `up` in this folder chose; None where there was none."""
    try:
        return Stack(**json.loads((folder / "services.json").read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise SetupError(f"cannot read {folder / 'services.json'}: {error}; fix it or remove it") from error


def _programs(folder: Path) -> tuple[Program, Program]:
    return kafka.program(folder.absolute()), mariadb.program(folder.absolute())


def _write(folder: Path, stack: Stack) -> None:
    values = {name: getattr(stack, name) for name in Stack.__slots__}
    fresh = folder / "services.json.new"
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(values, file)
        fresh.rename(folder / "services.json")
    except OSError as error:
        raise SetupError(f"cannot write to the data folder {folder}: {error.strerror}") from error


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None, None, None]:
    """Two commands on one folder wait for each other."""
    try:
        make_private(folder)
        lock = (folder / "services.lock").open("w")
    except OSError as error:
        raise SetupError(f"cannot write to the data folder {folder}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
