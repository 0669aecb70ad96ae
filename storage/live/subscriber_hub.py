"""One follower of the scored topic for any number of listeners, each of which hears of one session.

Knows Kafka and nothing of HTTP. A record is decoded only where somebody listens.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import msgspec
from aiokafka.errors import KafkaError

from ingest.events import key_of
from ingest.outage import reason_of
from storage.http.errors import ReadError
from storage.live.subscribe import ResumePosition, ScoredConsumer, Start, UpdateFilter
from storage.query.intents import Intent, intent_of
from stream.scored import decode

log = logging.getLogger(__name__)

#: Seconds: how long `stop` may go unnoticed, Kafka may take to open, we wait before we ask it again, and follow for
#: nobody.
LOOK, OPEN_SECONDS, PAUSE, LINGER = 0.5, 10.0, 2.0, 60.0
#: The writer has a record in the database well before so many seconds, or so many other sessions, are over.
RECENT_SECONDS, MOST_RECENT = 30.0, 5_000
#: Listeners to one session: a person's tabs, and their connections that are about to end.
MOST_SEATS = 16

Follow = Callable[[UpdateFilter, Start], contextlib.AbstractAsyncContextManager[ScoredConsumer]]


class Subscription:
    """Where one listener waits. Holds only the newest intent: who is slow misses what is old, and nothing comes twice
    or turns back.
    """

    def __init__(self) -> None:
        self.closed = False
        self._place = (-1, -1)
        self._newest: Intent | None = None
        self._news = asyncio.Event()

    @property
    def is_known(self) -> bool:
        """Whether anything was ever heard of its session."""
        return self._place != (-1, -1)

    def offer(self, intent: Intent) -> None:
        place = (intent.opened_at, intent.version)
        if place > self._place:
            self._place, self._newest = place, intent
            self._news.set()

    def close(self) -> None:
        """Nothing more comes."""
        self.closed = True
        self._news.set()

    async def next(self, seconds: float) -> Intent | None:
        """The newest, if it is news; None after so many seconds without, and once the seat is closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        newest, self._newest = self._newest, None
        if not self.closed:
            self._news.clear()
        return newest


class _Notification(NamedTuple):
    at: float
    value: bytes


class SubscriberHub:
    """Follows from the first seat on, and until there was none for a minute; `stop` closes all."""

    def __init__(self, follow: Follow, stop: asyncio.Event) -> None:
        self._follow = follow
        self._stop = stop
        self._seats: dict[bytes, set[Subscription]] = {}
        self._recent: dict[bytes, _Notification] = {}
        self._task: asyncio.Task[None] | None = None
        #: Of the attempt under way: why there is no follower, "" when there is one.
        self._opened: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @contextlib.asynccontextmanager
    async def seat(self, site: str, session_id: str) -> AsyncIterator[Subscription]:
        """A seat that hears of every newer update of this session from now on, and at once of one that is so new that
        the database may not have it. Raises ReadError: unavailable, too_many_streams.
        """
        await self._follows()
        key, seat = key_of(site, session_id), Subscription()
        seats = self._seats.setdefault(key, set())
        if len(seats) >= MOST_SEATS:
            raise ReadError("too_many_streams", f"{MOST_SEATS} streams of this session are open", retry_after=5)
        seats.add(seat)
        try:
            if key in self._recent:
                self._deliver({seat}, self._recent[key].value)
            yield seat
        finally:
            seats.discard(seat)
            if not seats and self._seats.get(key) is seats:
                del self._seats[key]

    async def _follows(self) -> None:
        if self._task is None or self._task.done():
            self._opened = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run())
        failure = "it takes too long"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(OPEN_SECONDS):
                failure = await asyncio.shield(self._opened)
        if failure:
            why = f"no stream, Kafka does not give the scores ({failure}); see kafka.bootstrap"
            raise ReadError("unavailable", why, retry_after=2)

    async def close(self) -> None:
        """Wait until the follower, which `stop` ends, is gone."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        start: Start = "recent"
        try:
            while not self._stop.is_set():
                try:
                    async with contextlib.AsyncExitStack() as held:
                        async with asyncio.timeout(OPEN_SECONDS):
                            follower = await held.enter_async_context(self._follow(UpdateFilter(), start))
                        self._opened.set_result("")
                        try:
                            await self._listen(follower)
                            # Before the client says good-bye to Kafka, which may take seconds.
                            return self._close_seats()
                        finally:
                            start = ResumePosition.decode(follower.resume_id)
                except (KafkaError, OSError, TimeoutError, ReadError) as error:
                    await self._failed(error)
        except Exception:
            log.exception("following the scores for browsers failed")
        finally:
            self._close_seats()
            if not self._opened.done():
                self._opened.set_result("it ends")

    def _close_seats(self) -> None:
        """Their streams end, and whoever comes again begins again."""
        for seat in [seat for seats in self._seats.values() for seat in seats]:
            seat.close()

    async def _failed(self, error: Exception) -> None:
        why = error.reason if isinstance(error, ReadError) else reason_of(error)
        log.warning("following the scores for browsers: %s; again in %g s", why, PAUSE)
        if self._opened.done():
            self._opened = asyncio.get_running_loop().create_future()
        self._opened.set_result(why)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE):
                await self._stop.wait()
        self._opened = asyncio.get_running_loop().create_future()

    async def _listen(self, follower: ScoredConsumer) -> None:
        """Until `stop`, or until nobody was there for a minute; raises KafkaError."""
        now = asyncio.get_running_loop().time
        wanted_at = now()
        while not self._stop.is_set() and (self._seats or now() - wanted_at < LINGER):
            for key, value in await follower.records(LOOK):
                self._receive(key, value, now())
            if self._seats:
                wanted_at = now()

    def _receive(self, key: bytes, value: bytes, now: float) -> None:
        self._recent.pop(key, None)
        self._recent[key] = _Notification(now, value)
        while len(self._recent) > MOST_RECENT or next(iter(self._recent.values())).at < now - RECENT_SECONDS:
            del self._recent[next(iter(self._recent))]
        if seats := self._seats.get(key):
            self._deliver(seats, value)

    def _deliver(self, seats: set[Subscription], value: bytes) -> None:
        try:
            intent = intent_of(decode(value))
        except msgspec.DecodeError as error:
            log.warning("a record is no scored session: %s", error)
            return
        for seat in seats:
            seat.offer(intent)
