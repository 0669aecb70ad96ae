"""Waits end when what they wait for comes, or when they need not go on."""

import asyncio

import pytest

from stream.waiting import unless_set, wait_for_event


async def test_an_event_is_waited_for_so_long() -> None:
    event = asyncio.Event()
    assert not await wait_for_event(event, 0.01)
    event.set()
    assert await wait_for_event(event, 3_600)


async def test_work_is_done_unless_the_event_comes_first() -> None:
    event, ended = asyncio.Event(), []

    async def work(event: asyncio.Event) -> str:
        try:
            await event.wait()
            return "done"
        finally:
            ended.append("ended")

    begun = asyncio.Event()
    begun.set()
    assert await unless_set(event, work(begun)) == "done"
    asyncio.get_running_loop().call_soon(event.set)
    assert await unless_set(event, work(asyncio.Event())) is None
    assert ended == ["ended"] * 2


async def test_what_the_work_raises_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless_set(asyncio.Event(), fails())


async def test_whoever_is_cancelled_ends_the_work_too() -> None:
    work = asyncio.get_running_loop().create_future()

    async def waits() -> None:
        await work

    waiting = asyncio.create_task(unless_set(asyncio.Event(), waits()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.cancelled()
