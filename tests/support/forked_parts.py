"""Parts of `opecom up` that are forked from it, where that was forked itself: five starts of a system cost 6 s of CPU.

It stands in for `asyncio.create_subprocess_exec` in a supervisor of the tests. Parts behave as programs: a session of
their own, no open files of the supervisor's, their own environment, output into a pipe, and a death with the parent.
What is not `opecom` (the broker) is started as ever. tests/e2e/test_operations.py starts its system without this.
"""

import asyncio
import atexit
import ctypes
import gc
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from deploy.processes.interpreter import OPECOM

_PR_SET_NAME = 15
_start_program = asyncio.create_subprocess_exec


class ForkedPart:
    """What a supervisor uses of asyncio.subprocess.Process."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._end)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        _, status = os.waitpid(self.pid, 0)
        self.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()


def fork_parts() -> None:
    """From now on this process forks what `opecom` it would start; on Linux alone."""
    if hasattr(os, "pidfd_open") and sys.platform.startswith("linux"):
        asyncio.create_subprocess_exec = _started  # type: ignore[assignment]


async def _started(*command: str, **options: Any) -> Any:
    words = command[len(OPECOM) :]
    if command[: len(OPECOM)] != OPECOM or words[:1] != ("run",):
        return await _start_program(*command, **options)
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        _run(words, options["env"], writing, options.get("preexec_fn"))
    os.close(writing)
    stdout = asyncio.StreamReader(options.get("limit", 1 << 16))
    pipe = os.fdopen(reading, "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdout), pipe)
    return ForkedPart(pid, stdout)


def _run(
    words: tuple[str, ...], environment: Mapping[str, str], output: int, follow: Callable[[], None] | None
) -> NoReturn:
    """In the new process, which never returns: what the supervisor holds stays referred to, so nothing closes files
    whose numbers are others' by now."""
    code = 1
    try:
        gc.freeze()
        if follow is not None:
            follow()
        os.setsid()
        _become_fresh(words, environment, output)
        from deploy.cli.main import main

        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become_fresh(words: tuple[str, ...], environment: Mapping[str, str], output: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, opened in ((0, nothing), (1, output), (2, output)):
        os.dup2(opened, number)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    asyncio.set_event_loop(None)
    logging.root.handlers.clear()
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["opecom", *words]
    # How psutil finds the process of a part.
    ctypes.CDLL(None).prctl(_PR_SET_NAME, words[-1].encode())
