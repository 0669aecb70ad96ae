"""A command under test, run to its end: what CPU time it took and how much memory it ever held."""

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil

from deploy.bench.errors import BenchError
from deploy.processes.programs import death_with

#: Seconds between two looks at a running command.
LOOK = 0.05
#: Lines of a failed command that its error has: a refusal has its reasons before its last one.
LAST_LINES = 3

_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB", re.MULTILINE)


class CommandCost(NamedTuple):
    """CPU seconds, user and system, of the process and all that it waited for; peak memory in MB; its output."""

    cpu_seconds: float
    peak_mb: float
    seconds: float
    output: str


async def to_its_end(
    name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str], seconds: float
) -> CommandCost:
    """Run a command; raises BenchError when it fails or takes longer than `seconds`."""
    output = folder / f"{name}.log"
    began = time.monotonic()
    with output.open("wb") as written:
        child = subprocess.Popen(  # noqa: S603, ASYNC220 - the command is ours, and starting it takes no time
            list(command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            env={**os.environ, **environment},
            preexec_fn=death_with(os.getpid()),  # noqa: PLW1509 - it calls prctl only
        )
    peak, status, usage = 0.0, 0, None
    try:
        while usage is None:
            peak = max(peak, peak_mb(child.pid))
            # Only wait4 gives the usage of exactly this child.
            waited, status, found = os.wait4(child.pid, os.WNOHANG)  # noqa: ASYNC222 - WNOHANG
            usage = found if waited else None
            if usage is None and time.monotonic() - began > seconds:
                raise BenchError(f"{name} took more than {seconds:.0f} s")
            await asyncio.sleep(LOOK)
    finally:
        if usage is None:
            child.kill()
            child.wait()
        else:
            child.returncode = os.waitstatus_to_exitcode(status)
    text = output.read_text(errors="replace")
    if child.returncode:
        last = [line.strip()[:300] for line in text.splitlines() if line.strip()][-LAST_LINES:] or ["no output"]
        raise BenchError(f"{name} ended with code {child.returncode}: {' / '.join(last)}")
    return CommandCost(usage.ru_utime + usage.ru_stime, peak, time.monotonic() - began, text)


def peak_mb(pid: int) -> float:
    """The most memory that a process ever held, in MB (10^6 bytes); 0 when it has ended.

    Not `ru_maxrss`: on Linux it begins with the memory of the parent.
    """
    try:
        peak_line = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
        return int(peak_line[1]) * 1024 / 1e6 if peak_line else 0.0
    except OSError:
        pass
    try:
        return float(psutil.Process(pid).memory_info().rss) / 1e6
    except psutil.Error:
        return 0.0
