"""A part under test: a process of its own, started as users start it, whose CPU time is what the figures count."""

import asyncio
import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from deploy.bench.errors import BenchError
from deploy.processes.programs import Program

#: What runs `opecom` with the Python of this process.
#: CPU seconds within a quarter of a second below which a process is waiting.
IDLE = 0.04


class Part:
    """A child process; it is ended with this one, however this one ends."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._program = Program(name, folder)
        self._earlier = 0

    async def __aenter__(self) -> "Part":
        with suppress(OSError):
            self._earlier = self._program.log.stat().st_size
        self._program.start(self._command, lambda: True, environment=self._environment, die_with_parent=True)
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self._program.stop)

    def cpu(self) -> float:
        """CPU seconds, user and system, of the process and all that it started; raises BenchError when it ended."""
        return _cpu(self.process())

    def rss(self) -> float:
        """Resident bytes of the process; raises BenchError when it ended."""
        return float(self.process().memory_info().rss)

    async def until(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `holds`; raises BenchError when the process ends before, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(holds):
            self.cpu()
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} was not {what} within {seconds:.0f} s: {self._program.last_words()}")
            await asyncio.sleep(0.05)

    async def until_idle(self, seconds: float = 40) -> None:
        """Wait until the process has used next to no CPU for a second."""
        deadline = time.monotonic() + seconds
        quiet, before = 0, self.cpu()
        while quiet < 4:
            if time.monotonic() > deadline:
                raise BenchError(f"{self.name} did not come to rest within {seconds:.0f} s")
            await asyncio.sleep(0.25)
            now = self.cpu()
            quiet = quiet + 1 if now - before < IDLE else 0
            before = now

    def rss_mb(self) -> float:
        """Resident memory of the process, in MB (10^6 bytes); raises BenchError when it ended."""
        return float(self.process().memory_info().rss) / 1e6

    async def kill(self) -> None:
        """End the process by SIGKILL, as a machine that fails would."""
        process = self.process()
        process.kill()
        await asyncio.to_thread(process.wait, 20)

    def output(self) -> str:
        """What this process has printed; one of the same name may have printed before it."""
        return self._program.log.read_bytes()[self._earlier :].decode(errors="replace")

    def has_logged(self, line: str) -> bool:
        """Whether a line of the process's output is this one."""
        return line in self.output().splitlines()

    def process(self) -> psutil.Process:
        """The process; raises BenchError when it ended."""
        process = self._program.process()
        if process is None:
            raise BenchError(f"{self.name} ended: {self._program.last_words()}")
        return process


def answers(port: int, path: str) -> bool:
    """Whether GET `path` on this loopback port answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def samples(port: int, name: str, key: str = "") -> dict[str, float]:
    """The samples of a metric of the process at this loopback port, by the values of their labels; `key` is one of
    scope read, where the process wants one. Raises OSError where it is refused."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"X-OPECOM-Key": key} if key else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise ConnectionError(f"the metrics on port {port} were answered {answer.status}: {text[:200]}")
    finally:
        connection.close()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {"/".join(sample.labels.values()): sample.value for sample in found if sample.name == name}


def _cpu(process: psutil.Process) -> float:
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            spent = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += spent.user + spent.system + spent.children_user + spent.children_system
    return total
