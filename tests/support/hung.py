"""What a test that takes too long waited for: pytest-timeout shows the threads, this shows the tasks of event loops."""

import asyncio
import gc
import signal
import sys
from types import FrameType
from typing import TextIO

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer() -> object:
    """Write the tasks before the test is failed, which would cancel them."""
    result = yield
    fail = signal.getsignal(signal.SIGALRM)

    def write_and_fail(number: int, frame: FrameType | None) -> None:
        write_tasks(sys.stderr)
        if callable(fail):
            fail(number, frame)

    if callable(fail):
        signal.signal(signal.SIGALRM, write_and_fail)
    return result


def write_tasks(to: TextIO) -> None:
    """The stack of every task that is not done, whatever loop it belongs to."""
    for task in [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()]:
        task.print_stack(file=to)
