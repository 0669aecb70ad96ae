"""Waiting in a test's loop for what other tasks, threads and processes bring about."""

import asyncio
import time
from collections.abc import Callable


async def until(holds: Callable[[], object], words: Callable[[], object] = str, seconds: float = 90) -> None:
    """Wait until it holds, which a thread looks at; else the test fails, with these words."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(holds):
        assert time.monotonic() < deadline, await asyncio.to_thread(words) or "it did not come true in time"
        await asyncio.sleep(0.02)
