"""An answer that takes long to make: made by one task at a time, at most every few seconds, kept meanwhile."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from storage.http.errors import ReadError

Answer = TypeVar("Answer")


class KeptAnswer(Generic[Answer]):
    """Call it for the answer: one that is `every` seconds old at most, or what there is after `patience` seconds.

    Whoever asks waits for `patience` seconds at most. While a new answer takes longer, the old one is given; it tells
    its own time. What `make` raises comes to everybody who waits for it.
    """

    def __init__(
        self,
        make: Callable[[], Awaitable[Answer]],
        every: float,
        patience: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._every, self._patience, self._now = make, every, patience, now
        self._kept: Answer | None = None
        self._next = float("-inf")
        self._task: asyncio.Task[Answer] | None = None

    async def __call__(self) -> Answer:
        """Raises ReadError(unavailable) where there is none yet, and what `make` raises."""
        if self._kept is not None and self._now() < self._next:
            return self._kept
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._renewed())
        try:
            async with asyncio.timeout(self._patience):
                return await asyncio.shield(self._task)
        except TimeoutError:
            if self._kept is not None:
                return self._kept
            raise ReadError("unavailable", "the checks still run: ask again", retry_after=2) from None

    async def _renewed(self) -> Answer:
        made = await self._make()
        self._kept, self._next = made, self._now() + self._every
        return made

    async def close(self) -> None:
        """End what is being made."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
