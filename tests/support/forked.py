"""`opecom` in processes that are forked from one that has imported it: a start costs a fork, not seconds of imports.

A run of the tests starts hundreds. How a fresh process imports what it needs is tested by tests/deploy/test_imports.py,
test_safe_path.py and test_stack.py, and by each part that `opecom up` starts.
"""

import atexit
import contextlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from pathlib import Path
from tempfile import mkdtemp

from deploy.processes.programs import death_with
from tests.support.forked_parts import fork_parts

#: What most commands and parts import; a module that imports them all, so that the collector skips them in each child.
PRELOADED = "tests.support.forked_imports"

ROOT = Path(__file__).parents[2]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([PRELOADED])


class Opecom:
    """`opecom WORDS` as a process, with what the tests use of subprocess.Popen; output goes to files."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        own_session: bool = False,
        parts_forked: bool = False,
    ) -> None:
        """Starts it; without `errors`, standard error is part of `output`. Both are appended to.

        `parts_forked`: `opecom up` forks its parts (tests/support/forked_parts.py).
        """
        given = (list(words), dict(environment), str(output), str(errors or ""), own_session, parts_forked)
        self._process = _context.Process(target=_opecom, args=given)
        # It finds our packages in the folder where it starts.
        with contextlib.chdir(ROOT):
            forkserver.ensure_running()
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for the signal that ended it; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """The exit code; raises subprocess.TimeoutExpired where it does not end in time."""
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._process.name, seconds or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Command(Opecom):
    """A command whose output is read once it has ended."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], errors_apart: bool = False) -> None:
        folder = mkdtemp(prefix="opecom-command-")
        # Also where nobody asks for the output, as of a command that is killed.
        self._forget = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._output, self._errors = (Path(folder) / name for name in ("out", "err"))
        self._words = ["opecom", *words]
        super().__init__(words, environment, self._output, self._errors if errors_apart else None)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Standard output and standard error, once it has ended; raises subprocess.TimeoutExpired."""
        self.wait(timeout)
        said = tuple(each.read_text() if each.exists() else "" for each in (self._output, self._errors))
        self._forget()
        return said[0], said[1]

    def output_so_far(self) -> str:
        """What it has written so far, to both."""
        return "".join(each.read_text() for each in (self._output, self._errors) if each.exists())

    def completed(self, seconds: float) -> subprocess.CompletedProcess[str]:
        """What subprocess.run gives; it is killed where it does not end in time."""
        try:
            output, errors = self.communicate(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        return subprocess.CompletedProcess(self._words, self.wait(), output, errors)


def _opecom(
    words: list[str], environment: dict[str, str], output: str, errors: str, own_session: bool, parts_forked: bool
) -> None:
    """In the new process: become `opecom WORDS`."""
    assert PRELOADED in sys.modules, f"the fork server could not import {PRELOADED}"
    if (follow := death_with(os.getppid())) is not None:
        follow()
    if own_session:
        os.setsid()
    for number, file in ((1, output), (2, errors or output)):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["opecom", *words]
    if parts_forked:
        fork_parts()
    from deploy.cli.main import main

    try:
        main()
    finally:
        # multiprocessing ends a process without them.
        atexit._run_exitfuncs()
