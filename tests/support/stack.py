"""The whole system for end-to-end tests: `opecom up` on ports and in a folder of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.ports import free_port
from deploy.probes import Address, is_ready

READY_SECONDS = 90.0


@dataclass(frozen=True)
class Stack:
    """A system that runs, or is about to; `environment` points commands at it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def ingest(self) -> Address:
        return Address("127.0.0.1", int(self.environment["OPECOM_INGEST__PORT"]))

    @property
    def api(self) -> Address:
        return Address("127.0.0.1", int(self.environment["OPECOM_API__PORT"]))

    def opecom(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command against this system to its end."""
        return subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


def new_stack(folder: Path, **settings: str) -> Stack:
    """A system that does not run yet; `settings` are more variables, such as OPECOM_PROFILE."""
    ports = ("KAFKA__BOOTSTRAP", "INGEST__PORT", "API__PORT", "WORKER__METRICS_PORT", "STORAGE__METRICS_PORT")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPECOM_")}
    environment |= {f"OPECOM_{name}": str(free_port()) for name in ports}
    environment["OPECOM_KAFKA__BOOTSTRAP"] = f"127.0.0.1:{environment['OPECOM_KAFKA__BOOTSTRAP']}"
    environment |= {"OPECOM_DATA_DIR": str(folder / "data"), "COLUMNS": "200"}
    return Stack(folder, environment | settings)


def said_after(words: str, said: str) -> str:
    """The last word of the line of a command's output that has these words."""
    return next(line.rpartition(" ")[2] for line in said.splitlines() if words in line)


@contextmanager
def up(stack: Stack) -> Iterator[Stack]:
    """The system, ready; stopped in order at the end."""
    said = stack.folder / "up.log"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "up"],
            env=stack.environment,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
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
