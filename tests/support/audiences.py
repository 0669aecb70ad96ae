"""A follower of records that a test says, for audiences."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from ingest.events import key_of
from storage.live.subscribe import Start, UpdateFilter
from storage.live.subscriber_hub import SubscriberHub, Subscription
from storage.query.intents import Intent
from stream.scored import ScoredSession, encode

SECONDS = 30.0


class Saying:
    """What `say` is given is what its followers find; `failing` is what happens to the next ones, opened or not."""

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self.held = 0
        self.failing: list[Exception] = []
        #: One is open; none is.
        self.opened, self.left = asyncio.Event(), asyncio.Event()
        self._position = 0
        self._records: asyncio.Queue[tuple[bytes, bytes] | Exception] = asyncio.Queue()

    def publish(self, *updates: ScoredSession | tuple[bytes, bytes] | Exception) -> None:
        for update in updates:
            if isinstance(update, ScoredSession):
                self._records.put_nowait((key_of(update.site, update.session_id), encode(update)))
            else:
                self._records.put_nowait(update)

    @contextlib.asynccontextmanager
    async def follow(self, _: UpdateFilter, start: Start) -> AsyncIterator[Any]:
        if self.failing:
            raise self.failing.pop(0)
        self.starts.append(start)
        self.held += 1
        self.opened.set()
        self.left.clear()
        try:
            yield self
        finally:
            self.held -= 1
            self.left.set()
            self.opened.clear()

    @property
    def resume_id(self) -> str:
        return f"{self._position}@log"

    async def records(self, seconds: float) -> list[tuple[bytes, bytes]]:
        with contextlib.suppress(TimeoutError):
            found = await asyncio.wait_for(self._records.get(), min(seconds, 0.05))
            if isinstance(found, Exception):
                raise found
            self._position += 1
            return [found]
        return []


@contextlib.asynccontextmanager
async def audience_of(saying: Saying, stop: asyncio.Event | None = None) -> AsyncIterator[SubscriberHub]:
    stop = stop or asyncio.Event()
    audience = SubscriberHub(saying.follow, stop)
    try:
        yield audience
    finally:
        stop.set()
        await asyncio.wait_for(audience.close(), SECONDS)


async def next_intent(seat: Subscription) -> Intent:
    """The next intent of a seat."""
    intent = await seat.next(SECONDS)
    assert intent is not None, "nothing was heard"
    return intent
