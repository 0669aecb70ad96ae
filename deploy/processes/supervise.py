"""Keeps child processes running: starts them, restarts them, stops them in order; knows nothing of what they do."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import SetupError
from deploy.processes.json_log import message_of
from deploy.processes.programs import death_with
from deploy.processes.rotation import BoundedLog

#: Seconds between SIGTERM and SIGKILL.
PATIENCE = 20.0
#: Pauses before a restart grow from the first to the last; a child that ran so long begins with the first again.
FIRST_PAUSE, LAST_PAUSE, STEADY = 0.5, 30.0, 60.0
#: The exit code of a part that was refused by its settings or its machine: starting it again would not help.
REFUSED = SetupError.exit_code
#: That of a part which Kafka, the model or a database failed.
FAILED = 70

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep running; `ready` asks it, from a thread, whether it can work."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] = lambda: True


class Supervisor:
    """Starts children so that they die with it, however it ends; their output goes to bounded files in `logs`."""

    def __init__(self, logs: Path, notify: Notify, *, patience: float = PATIENCE, pause: float = FIRST_PAUSE) -> None:
        self._logs = logs
        self._notify = notify
        self.patience = patience
        self._pause = pause
        self.running: dict[str, int] = {}

    def notice(self, line: str) -> None:
        """A line for the user."""
        self._notify(line)

    async def keep(self, children: Iterable[Child], stop: asyncio.Event) -> None:
        """Keeps all running until `stop`, then stops them one after the other, in the order given.

        Raises SetupError, with everything stopped, when a child says that it is no use to start it.
        """
        stops = {child.name: asyncio.Event() for child in children}
        tasks = [asyncio.create_task(self._keep_one(child, stops[child.name], stop)) for child in children]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            for each, task in zip(stops.values(), tasks, strict=True):
                each.set()
                await asyncio.wait([task])
        for task in tasks:
            task.result()

    async def run_once(self, child: Child, stop: asyncio.Event) -> tuple[int, str]:
        """Runs a child until it ends or `stop` is set; its exit code (negative: the signal) and its last line."""
        log = BoundedLog(self.log_of(child))
        process = await asyncio.create_subprocess_exec(
            *child.command,
            env={**os.environ, **child.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 20,
            # A Ctrl-C of the terminal is for the supervisor, which stops its children in order.
            start_new_session=True,
            preexec_fn=death_with(os.getpid()),
        )
        self.running[child.name] = process.pid
        reading = asyncio.create_task(_copy(process.stdout, log))
        stopping = asyncio.create_task(stop.wait())
        ending = asyncio.create_task(process.wait())
        try:
            await asyncio.wait([stopping, ending], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            ending.cancel()
            code = await self._end(process)
            del self.running[child.name]
            # A grandchild may hold the pipe open.
            await asyncio.wait([reading], timeout=1)
            reading.cancel()
            log.close()
        return code, message_of(log.last_words())

    def log_of(self, child: Child) -> Path:
        return self._logs / f"{child.name}.log"

    async def _keep_one(self, child: Child, own_stop: asyncio.Event, stop: asyncio.Event) -> None:
        """Until `own_stop`; what ends while all are to stop, before its turn, is not started again."""
        pause = self._pause
        while not stop.is_set() and not own_stop.is_set():
            began = time.monotonic()
            code, last = await self.run_once(child, own_stop)
            if stop.is_set() or own_stop.is_set():
                return
            if code == REFUSED:
                raise SetupError(f"{child.name} cannot start: {last.removeprefix('opecom: ')}")
            if time.monotonic() - began > STEADY:
                pause = self._pause
            why = f"{child.name} ended ({exit_text(code)}; {remedy(code, self.log_of(child))}): {last}"
            self._notify(f"{why}; it starts again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await stop.wait()
            pause = min(pause * 2, LAST_PAUSE)

    async def _end(self, process: asyncio.subprocess.Process) -> int:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.patience):
                    return await process.wait()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return await process.wait()


def exit_text(code: int) -> str:
    """An exit code in words."""
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def remedy(code: int, log: Path) -> str:
    """What helps after a process ended so; `log` is where its own lines are."""
    match -code:
        case signal.SIGKILL:
            return f"by the operator, or by the kernel where memory ran out: see `dmesg`, and {log}"
        case signal.SIGTERM | signal.SIGINT:
            return "somebody ended it, nothing is to be fixed"
        case signal.SIGBUS:
            return f"where the disk is full, make room: see `df`, and {log}"
    if code == FAILED:
        return "what it needs was away or failed, as its last line says; nothing is lost"
    return f"a fault of the program: its lines are in {log}"


async def _copy(output: asyncio.StreamReader | None, log: BoundedLog) -> None:
    """Copies lines to the log until the output ends; a line longer than a MiB comes in pieces."""
    if output is None:
        return
    while True:
        try:
            line = await output.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                log.write(error.partial)
            return
        except asyncio.LimitOverrunError as error:
            line = await output.readexactly(error.consumed)
        log.write(line)
