"""Child processes that do as little as a test needs; each start appends its pid to `<name>.pids` in the folder."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from deploy.processes.supervise import Child

CODE = """
import os, signal, sys, time
name, folder, do = sys.argv[1:]
def end(*_):
    with open(os.path.join(folder, "ended"), "a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
with open(os.path.join(folder, name + ".pids"), "a") as file:
    file.write(f"{os.getpid()}\\n")
print(f"{name} says hello", flush=True)
exec(do)
"""

#: Ends at SIGTERM, like all of them, and adds its name to the file `ended`: its lines are the order of the ends.
OBEY = "time.sleep(600)"

IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def child(name: str, folder: Path, do: str = OBEY) -> Child:
    return Child(name, [sys.executable, "-c", CODE, name, str(folder), do], ready=lambda: bool(pids(name, folder)))


def pids(name: str, folder: Path) -> list[int]:
    """The pids of all starts so far."""
    try:
        return [int(line) for line in (folder / f"{name}.pids").read_text().splitlines()]
    except FileNotFoundError:
        return []


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(holds: Callable[[], object], seconds: float = 60) -> None:
    """Fails the test unless `holds` comes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def kill(pid: int) -> None:
    os.kill(pid, 9)
