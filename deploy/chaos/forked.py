"""Parts forked from a process that has imported them: a start costs a fork, not seconds of imports.

For the runs with planted bugs, of which there are many; a run of faults starts parts as a supervisor does.
"""

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.processes.programs import death_with

_PRELOADED = "deploy.chaos.preload"
_context = multiprocessing.get_context("forkserver")


class ForkedProcess:
    """What ChaosPart uses of subprocess.Popen, for the launcher with these words."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        _context.set_forkserver_preload([_PRELOADED])
        self._process = _context.Process(target=_launch, args=(list(words), dict(environment), str(log)))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float) -> int | None:
        """The exit code; None where it still runs then."""
        self._process.join(seconds)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)


def _launch(words: list[str], environment: dict[str, str], log: str) -> None:
    """In the new process: become the launcher."""
    if (follow := death_with(os.getppid())) is not None:
        follow()
    os.setsid()
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(opened, number)
    os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["launcher", *words]
    from deploy.chaos.launcher import main

    try:
        main()
    finally:
        # multiprocessing ends a process without them.
        atexit._run_exitfuncs()
