"""Blocking calls in threads: who is stopped waits until they have ended."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from storage.database.threads import each_in_thread, in_thread


async def test_who_is_cancelled_waits_for_the_thread() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(10)
        ended.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(begun.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_items_come_one_by_one_and_failures_are_reported() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise OSError("no more")

    seen: list[int] = []

    async def take() -> None:
        async for item in each_in_thread(items()):
            seen.append(item)

    with pytest.raises(OSError, match="no more"):
        await take()
    assert seen == [1, 2]
