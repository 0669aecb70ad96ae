"""Intents as server-sent events: one follower of the topic per client, never more in memory than one fetch of it.

The id of every event is the position of all partitions, so that Last-Event-ID goes on where a client was.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable

from aiokafka.errors import KafkaError
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ingest.outage import reason_of
from storage.http.answers import encode
from storage.http.errors import ReadError
from storage.live.subscribe import ScoredConsumer, Start, UpdateFilter
from storage.metrics import ApiMetrics
from storage.query.intents import intent_of

log = logging.getLogger(__name__)

#: Seconds: how long `stop` may go unnoticed, how long a browser waits before it comes again.
LOOK, RECONNECT = 0.5, 2
#: How long Kafka may take to open a stream, and a client to take an event, in seconds.
OPEN_SECONDS, SEND_SECONDS = 10.0, 10.0

Follow = Callable[[UpdateFilter, Start], contextlib.AbstractAsyncContextManager[ScoredConsumer]]


class Streams:
    """At most `limit` streams at once, all ended by `stop`."""

    def __init__(
        self,
        follow: Follow,
        stop: asyncio.Event,
        limit: int,
        metrics: ApiMetrics,
        heartbeat_seconds: float = 10.0,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        self._follow = follow
        self._stop = stop
        self._limit = limit
        self._metrics = metrics
        self._heartbeat_seconds = heartbeat_seconds
        self._send_seconds = send_seconds
        self._open = 0

    async def open(self, wanted: UpdateFilter, start: Start) -> Response:
        """The response that streams; raises ReadError (too_many_streams, unavailable) before it begins."""
        if self._open >= self._limit:
            raise ReadError("too_many_streams", f"{self._limit} streams are open (api.max_streams)", retry_after=5)
        self._open += 1
        held = contextlib.AsyncExitStack()
        held.callback(self._close)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                follower = await held.enter_async_context(self._follow(wanted, start))
        except (KafkaError, OSError, TimeoutError) as error:
            await held.aclose()
            why = f"no stream, Kafka does not give the scores ({reason_of(error)}); see kafka.bootstrap"
            log.warning(why)
            raise ReadError("unavailable", why, retry_after=2) from error
        except BaseException:
            await held.aclose()
            raise
        self._metrics.streams.set(self._open)
        return EventStream(self._events(follower), held, self._metrics, self._send_seconds)

    def _close(self) -> None:
        self._open -= 1
        self._metrics.streams.set(self._open)

    async def _events(self, follower: ScoredConsumer) -> AsyncGenerator[ServerSentEvent, None]:
        """An id comes first and with every heartbeat, so that a client that was sent nothing can go on from there."""
        yield ServerSentEvent(id=follower.resume_id, comment="following", retry=RECONNECT * 1000)
        sent_at = time.monotonic()
        while not self._stop.is_set():
            try:
                found = await follower.more(LOOK)
            except KafkaError as error:
                log.warning("a stream ends, Kafka failed it: %r", error)
                return
            for update, resume_id in found:
                yield ServerSentEvent(id=resume_id, data=encode(intent_of(update)).decode())
                if self._stop.is_set():
                    return
            if found:
                self._metrics.stream_events.inc(len(found))
                sent_at = time.monotonic()
            elif time.monotonic() - sent_at >= self._heartbeat_seconds:
                yield ServerSentEvent(id=follower.resume_id, comment="heartbeat")
                sent_at = time.monotonic()


class EventStream(EventSourceResponse):
    """Closes its follower however it ends; a client that takes nothing is left."""

    def __init__(
        self,
        events: AsyncGenerator[ServerSentEvent, None],
        held: contextlib.AsyncExitStack,
        metrics: ApiMetrics,
        send_seconds: float,
    ) -> None:
        # Heartbeats are ours: the library's know no position, and could overtake an event.
        super().__init__(events, ping=0, send_timeout=send_seconds)
        self._events = events
        self._held = held
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._metrics.slow_clients.inc()
            log.warning("a client of a stream takes nothing: its stream ends")
        finally:
            await self._events.aclose()
            await self._held.aclose()
