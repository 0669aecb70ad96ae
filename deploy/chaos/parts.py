"""A part of the system as a process of its own, which a fault may kill, stop, and give orders to."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.processes.interpreter import of_module
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.processes.programs import death_with

#: What starts a part so that it takes orders (launcher.py).
LAUNCHER = of_module("deploy.chaos.launcher")


class ChaosPart:
    """`opecom run PART` by the launcher. Start it from a thread that lives as long as the run: it dies with that."""

    def __init__(
        self, name: str, part: str, folder: Path, environment: Mapping[str, str], port: int, planted: str = ""
    ) -> None:
        self.name = name
        self.part = part
        self.port = port
        self.log = folder / f"{name}.log"
        self._orders = folder / f"{name}.orders"
        self._command: Sequence[str] = (*LAUNCHER, str(self._orders), planted or "-", "run", part)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                list(self._command),
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=death_with(os.getpid()),  # noqa: PLW1509 - it calls prctl only
            )
        self.started = time.monotonic()

    @property
    def code(self) -> int | None:
        """The exit code of what has ended, negative for a signal; None while it runs or was never started."""
        return None if self._process is None else self._process.poll()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        return self.alive and is_ready(ProbeAddress("127.0.0.1", self.port))

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.wait(20)

    def wait(self, seconds: float) -> int | None:
        """The exit code; None where it still runs then."""
        if self._process is None:
            return None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def order(self, **what: object) -> None:
        """Give the launcher an order, which it obeys at once: see launcher.py."""
        self._orders.write_text(json.dumps(what))
        self.signal(signal.SIGUSR2)

    def last_words(self, lines: int = 3) -> str:
        try:
            return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])[-600:]
        except OSError:
            return "no log"
