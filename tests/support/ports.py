"""Ports for the servers of tests, each given to one test only.

A port that the kernel picks can go to any client's connection before the server listens on it. These lie below the
kernel's range, and each process of a test run locks a block of them for as long as it lives.
"""

import fcntl
import functools
import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from deploy.errors import PortTakenError
from deploy.processes.ports import require_free

#: The lowest port of the first block; all ports that a user knows by heart are lower.
FIRST, BLOCK = 10_000, 300
#: The lowest port that the kernel gives to clients, where it does not say.
KERNELS_FIRST = 32_768


def free_port() -> int:
    """A port of this process's block that nobody listens on; the one given longest ago."""
    for port in itertools.islice(_ports(), BLOCK):
        try:
            require_free(port)
        except PortTakenError:
            continue
        return port
    raise AssertionError(f"all {BLOCK} ports of this process are taken")


@functools.cache
def _ports() -> Iterator[int]:
    """The ports of a block that no other process holds, again and again."""
    folder = Path(tempfile.gettempdir()) / f"op-ecom-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for first in range(FIRST, _kernels_first() - BLOCK, BLOCK):
        lock = os.open(folder / f"{first}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            continue
        # The lock stays with the open file, which the process keeps.
        return itertools.cycle(range(first, first + BLOCK))
    raise AssertionError(f"other test runs hold all blocks of ports; their locks are in {folder}")


def _kernels_first() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        return KERNELS_FIRST
