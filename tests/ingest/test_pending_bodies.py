"""All bodies that are on their way stay within one bound, and whoever sends slowly makes room."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingest.body_reader import BodyReader, ClientGoneError
from ingest.errors import RequestRefusedError
from ingest.pending_bodies import UNCOUNTED_BYTES

#: Room for two bodies of this size and half of a third.
LARGE = 40_000
MOST = 100_000


def held_back(size: int) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A client that sends so much, says that more comes, and never sends it."""
    messages = [{"type": "http.request", "body": b"x" * size, "more_body": True}]

    async def receive() -> dict[str, Any]:
        return messages.pop() if messages else await asyncio.get_running_loop().create_future()

    return receive


def whole(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    return receive


async def begun(reader: BodyReader, *sizes: int) -> list[asyncio.Task[bytes]]:
    """Bodies that are held back, each begun before the next one."""
    tasks = []
    for size in sizes:
        tasks.append(asyncio.create_task(reader.read({}, held_back(size))))
        await asyncio.sleep(0)
    return tasks


async def cancelled(tasks: list[asyncio.Task[bytes]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_bodies_that_are_held_back_make_room_the_oldest_first() -> None:
    reader = BodyReader(MOST, MOST, MOST)
    tasks = await begun(reader, LARGE, LARGE)
    assert await reader.read({}, whole(b"y" * LARGE)) == b"y" * LARGE
    with pytest.raises(RequestRefusedError, match=r"ingest\.max_pending_body_bytes") as refused:
        await asyncio.wait_for(tasks[0], 30)
    assert (refused.value.status, refused.value.retry_after) == (503, 1)
    assert not tasks[1].done()
    await cancelled(tasks)
    assert (reader.pending.held, len(reader.pending)) == (0, 0)


async def test_memory_stays_within_the_bound_however_many_hold_back() -> None:
    reader = BodyReader(MOST, MOST, MOST)
    tasks = await begun(reader, *[LARGE] * 200)
    await asyncio.sleep(0)
    assert reader.pending.held <= MOST
    assert len(reader.pending) == 2
    await asyncio.wait(tasks[:-2], timeout=30)
    assert sum(task.done() for task in tasks) == 198
    await cancelled(tasks)


async def test_a_page_view_is_never_refused_for_what_others_send() -> None:
    reader = BodyReader(MOST, MOST, MOST)
    small = await begun(reader, UNCOUNTED_BYTES)
    large = await begun(reader, *[LARGE] * 20)
    await asyncio.sleep(0)
    assert not small[0].done()
    await cancelled([*small, *large])


async def test_a_body_larger_than_the_bound_alone_is_taken() -> None:
    reader = BodyReader(MOST, MOST, MOST // 2)
    assert await reader.read({}, whole(b"y" * MOST)) == b"y" * MOST


async def test_whoever_hangs_up_is_counted_no_more() -> None:
    reader = BodyReader(MOST, MOST, MOST)
    messages = [{"type": "http.request", "body": b"x" * LARGE, "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    with pytest.raises(ClientGoneError):
        await reader.read({}, receive)
    assert reader.pending.held == 0
