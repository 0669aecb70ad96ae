"""The whole system for end-to-end tests: `opecom up` on ports and in a folder of its own."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import psutil

from deploy.processes.data_folder import running
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.settings.model import Settings, load
from tests.support.forked import Command, Opecom
from tests.support.ports import free_port
from tests.support.services import Broker

READY_SECONDS = 150.0


@dataclass(frozen=True)
class Stack:
    """A system that runs, or is about to; `environment` points commands at it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def ingest(self) -> ProbeAddress:
        return ProbeAddress("127.0.0.1", int(self.environment["OPECOM_INGEST__PORT"]))

    @property
    def api(self) -> ProbeAddress:
        return ProbeAddress("127.0.0.1", int(self.environment["OPECOM_API__PORT"]))

    @property
    def settings(self) -> Settings:
        """The settings that the system's processes load."""
        with mock.patch.dict(os.environ, self.environment, clear=True):
            return load()

    @property
    def admin_headers(self) -> dict[str, str]:
        if self.settings.profile == "embedded":
            return {"X-OPECOM-Key": (self.folder / "data/admin.key").read_text()}
        keys = self.settings.api.admin_keys
        return {"X-OPECOM-Key": keys[0].get_secret_value()} if keys else {}

    @property
    def read_headers(self) -> dict[str, str]:
        keys = self.settings.api.read_keys
        return {"X-OPECOM-Key": keys[0].get_secret_value()} if keys else {}

    def process_of(self, part: str) -> psutil.Process:
        """The child of `opecom up` that runs this part now."""
        found = running(self.folder / "data")
        assert found is not None, "the system does not run"
        children = psutil.Process(found.pid).children()
        return next(child for child in children if child.name() == part or child.cmdline()[-2:] == ["run", part])

    def begin(self, *arguments: str) -> Command:
        """Start a command against this system; its output has both streams."""
        return Command(arguments, self.environment)

    def opecom(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command against this system to its end."""
        return Command(arguments, self.environment, errors_apart=True).completed(seconds)


def new_stack(folder: Path, **settings: str) -> Stack:
    """A system that does not run yet; `settings` are more variables, such as OPECOM_PROFILE."""
    ports = (
        *("KAFKA__BOOTSTRAP", "INGEST__PORT", "API__PORT"),
        *("WORKER__METRICS_PORT", "STORAGE__METRICS_PORT", "WEBHOOKS__METRICS_PORT", "LEARNING__METRICS_PORT"),
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPECOM_")}
    environment |= {f"OPECOM_{name}": str(free_port()) for name in ports}
    environment["OPECOM_KAFKA__BOOTSTRAP"] = f"127.0.0.1:{environment['OPECOM_KAFKA__BOOTSTRAP']}"
    # Only their own tests want these.
    environment |= {"OPECOM_SHOP__PORT": "0", "OPECOM_CONSOLE__PORT": "0", "OPECOM_LEARNING__PROMOTION": "off"}
    environment |= {"OPECOM_DATA_DIR": str(folder / "data"), "COLUMNS": "200"}
    return Stack(folder, environment | settings)


def services_stack(folder: Path, kafka: Broker, url: str, clickhouse_port: int, **settings: str) -> Stack:
    """A system of the services profile that does not run yet, on topics, groups and databases of its own."""
    topics = kafka.settings()
    own = {
        "PROFILE": "services",
        "KAFKA__BOOTSTRAP": topics.bootstrap,
        "KAFKA__EVENTS_TOPIC": topics.events_topic,
        "KAFKA__SCORED_TOPIC": topics.scored_topic,
        "KAFKA__PAGES_TOPIC": topics.pages_topic,
        "KAFKA__ERASURES_TOPIC": topics.erasures_topic,
        "KAFKA__EXPERIMENTS_TOPIC": topics.experiments_topic,
        "KAFKA__DEAD_TOPIC": topics.dead_topic,
        "KAFKA__SNAPSHOTS_TOPIC": topics.snapshots_topic,
        "WORKER__GROUP": f"worker-{topics.events_topic}",
        "WORKER__SESSION_TIMEOUT_MS": "6000",
        "STORAGE__GROUP": f"writer-{topics.events_topic}",
        "WEBHOOKS__GROUP": f"webhooks-{topics.events_topic}",
        "STORAGE__URL": url,
        "STORAGE__CLICKHOUSE_HOST": "127.0.0.1",
        "STORAGE__CLICKHOUSE_PORT": str(clickhouse_port),
        "API__READ_KEYS": json.dumps(["read-key-of-the-tests"]),
        "API__ADMIN_KEYS": json.dumps(["admin-key-of-the-tests"]),
        "SITES__DEFAULT__KEYLESS_LOOPBACK": "true",
        "SITES__UCI__IMPORT_KEYS": json.dumps(["import-key-of-uci-tests"]),
        "SITES__CLICKS__IMPORT_KEYS": json.dumps(["import-key-of-clicks"]),
    }
    return new_stack(folder, **{f"OPECOM_{name}": value for name, value in own.items()}, **settings)


def word_after(words: str, said: str) -> str:
    """The last word of the line of a command's output that has these words."""
    return next(line.rpartition(" ")[2] for line in said.splitlines() if words in line)


@contextmanager
def up(stack: Stack, parts_forked: bool = True) -> Iterator[Stack]:
    """The system, ready; stopped in order at the end."""
    said = stack.folder / "up.log"
    said.write_bytes(b"")
    process = Opecom(["up"], stack.environment, said, own_session=True, parts_forked=parts_forked)
    try:
        until = time.monotonic() + READY_SECONDS
        while not (is_ready(stack.ingest) and is_ready(stack.api)):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until, f"not ready within {READY_SECONDS:.0f} s:\n{said.read_text()}"
            time.sleep(0.1)
        yield stack
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(90)
