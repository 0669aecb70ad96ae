"""A part of the system as a process of its own, which a fault may kill, stop, and give orders to."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.chaos.forked import ForkedProcess
from deploy.processes.interpreter import of_module
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.processes.programs import death_with

#: What starts a part so that it takes orders (launcher.py).
LAUNCHER = of_module("deploy.chaos.launcher")


class StartedProcess:
    """The launcher with these words, started as a program."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                [*LAUNCHER, *words],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=death_with(os.getpid()),  # noqa: PLW1509 - it calls prctl only
            )

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        """The exit code; None where it still runs then."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)


class ChaosPart:
    """`opecom run PART` by the launcher. Start it from a thread that lives as long as the run: it dies with that."""

    def __init__(
        self,
        name: str,
        part: str,
        folder: Path,
        environment: Mapping[str, str],
        port: int,
        planted: str = "",
        forked: bool = False,
    ) -> None:
        self.name = name
        self.part = part
        self.port = port
        self.log = folder / f"{name}.log"
        self._orders = folder / f"{name}.orders"
        self._words: Sequence[str] = (str(self._orders), planted or "-", "run", part)
        self._forked = forked
        self._environment = environment
        self._process: StartedProcess | ForkedProcess | None = None
        self.started = 0.0

    def start(self) -> None:
        started = ForkedProcess if self._forked else StartedProcess
        self._process = started(self._words, self._environment, self.log)
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
        if self._process is not None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)
        self.wait(20)

    def wait(self, seconds: float) -> int | None:
        """The exit code; None where it still runs then."""
        return None if self._process is None else self._process.wait(seconds)

    def order(self, **what: object) -> None:
        """Give the launcher an order, which it obeys at once: see launcher.py."""
        self._orders.write_text(json.dumps(what))
        self.signal(signal.SIGUSR2)

    def last_words(self, lines: int = 3) -> str:
        try:
            return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])[-600:]
        except OSError:
            return "no log"
