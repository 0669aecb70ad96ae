"""Blocking calls in threads that no cancellation leaves behind."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import ParamSpec, TypeVar

Answer = TypeVar("Answer")
Given = ParamSpec("Given")
Item = TypeVar("Item")


async def in_thread(function: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs) -> Answer:
    """What the function gives. Who is cancelled waits until it has ended: databases must not be closed under it."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *given, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


async def each_in_thread(items: Iterator[Item]) -> AsyncIterator[Item]:
    """The items of an iterator that blocks, one call after the other, so that stopping waits for one only."""
    while (item := await in_thread(_next, items)) is not None:
        yield item


def _next(items: Iterator[Item]) -> Item | None:
    return next(items, None)
