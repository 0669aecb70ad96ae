"""The intent of one session as server-sent events, for the page that the session is on.

First the current intent, then each newer one, and beside them the interventions that go to the page. `EventSource`
comes again by itself, and fetches a new token when it is refused.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Protocol

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette.event import ServerSentEvent
from starlette.responses import Response

from ingest.tokens import Claim, SessionTokens, TokenError
from storage.http.answers import EVENT_STREAM, answered, encode
from storage.http.errors import ReadError
from storage.live.page_messages import PageMessage, PageMessages, ReadFirings
from storage.live.sse import RECONNECT, SEND_SECONDS, EventStream
from storage.live.subscriber_hub import SubscriberHub, Subscription
from storage.metrics import ApiMetrics
from storage.query.intents import Intent, band_only_of, fired_in
from storage.query.queries import Queries
from stream.kafka.errors import KafkaUnavailableError
from stream.scored import without_payload

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 10.0
#: How long a stream waits for a session that nobody has heard of, and its browser before it asks again, in seconds.
WAIT_SECONDS = 30.0
#: How long a browser waits before it comes again with a token that has expired, in ms.
EXPIRED_RETRY = 500

MakeAudience = Callable[[], SubscriberHub]


class InterventionStops(Protocol):
    """Follows which interventions are stopped; stream/kafka/stopped_interventions.py does."""

    async def names(self) -> frozenset[str]:
        """Those that are stopped by now; raises KafkaUnavailableError while nobody knows."""

    async def close(self) -> None: ...


class SessionStreams:
    """At most `limit` streams at once, over one audience, which is made with the first of them.

    A page may ask before its first event is folded. So a session that nobody has heard of may be waited for, for half
    a minute and by half of the streams: who asks for sessions that will never be takes no place of one that is.

    `firings` and `stops` say what became of interventions, and which are stopped.
    """

    def __init__(
        self,
        make: MakeAudience,
        queries: Queries,
        limit: int,
        metrics: ApiMetrics,
        now: Callable[[], float] = time.time,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        *,
        firings: ReadFirings,
        stops: InterventionStops,
    ) -> None:
        self._make = make
        self._queries = queries
        self._limit = limit
        self._metrics = metrics
        self._now = now
        self._heartbeat_seconds = heartbeat_seconds
        self._firings = firings
        self._stops = stops
        self._audience: SubscriberHub | None = None
        self._open = self._waiting = 0

    async def open(self, claim: Claim) -> Response:
        """The response that streams; raises ReadError (too_many_streams, unavailable) before it begins."""
        if self._open >= self._limit:
            raise ReadError("too_many_streams", f"{self._limit} streams are open (api.max_session_streams)", 5)
        self._audience = self._audience or self._make()
        async with contextlib.AsyncExitStack() as held:
            self._count(1)
            held.callback(self._count, -1)
            seat = await held.enter_async_context(self._audience.seat(claim.site, claim.session_id))
            if await self._may_exist(claim, seat):
                return EventStream(self._events(claim, seat), held.pop_all(), self._metrics, SEND_SECONDS)
            if self._waiting >= max(self._limit // 2, 1):
                raise ReadError("too_many_streams", "this session has no event yet, and others wait as well", 5)
            self._waiting += 1
            waiting = contextlib.ExitStack()
            waiting.callback(self._waits_no_more)
            held.callback(waiting.close)
            return EventStream(self._events(claim, seat, waiting), held.pop_all(), self._metrics, SEND_SECONDS)

    async def close(self) -> None:
        """Wait until nothing follows Kafka any more, after `stop`."""
        await self._stops.close()
        if self._audience is not None:
            await self._audience.close()

    async def _ready(self, messages: PageMessages) -> list[PageMessage]:
        """What goes to the page now: nothing of what is stopped, nor anything while nobody knows what is."""
        try:
            stopped = await self._stops.names()
        except KafkaUnavailableError as error:
            log.warning("interventions of pages wait: %s", error)
            return []
        return await asyncio.to_thread(messages.take, int(self._now() * 1000), stopped)

    def _count(self, more: int) -> None:
        self._open += more
        self._metrics.session_streams.set(self._open)

    def _waits_no_more(self) -> None:
        self._waiting -= 1

    async def _may_exist(self, claim: Claim, seat: Subscription) -> bool:
        """Offer what the database holds; False where neither it nor the log has heard of the session."""
        try:
            seat.offer(await asyncio.to_thread(self._queries.intent, claim.session_id, claim.site))
        except ReadError as error:
            if error.code not in ("not_found", "unavailable"):
                raise
            # Without a database the log still tells all that comes.
            return error.code == "unavailable" or seat.is_known
        return True

    async def _events(
        self, claim: Claim, seat: Subscription, waiting: contextlib.ExitStack | None = None
    ) -> AsyncGenerator[ServerSentEvent, None]:
        """`waiting`: until something is heard of the session, closed then."""
        yield ServerSentEvent(comment="following", retry=RECONNECT * 1000)
        gives_up = self._now() + WAIT_SECONDS
        messages = PageMessages(self._firings)
        while not seat.closed:
            if waiting is not None and seat.is_known:
                waiting.close()
                waiting = None
            if waiting is not None and self._now() >= gives_up:
                yield ServerSentEvent(comment="no such session", retry=int(WAIT_SECONDS * 1000))
                return
            left = claim.expires_at - self._now()
            if left <= 0:
                yield ServerSentEvent(event="expired", data="fetch a new token", retry=EXPIRED_RETRY)
                return
            pause = messages.pause
            intent = await seat.next(min(self._heartbeat_seconds, left, pause or left))
            if intent is not None:
                messages.note(intent)
                self._metrics.stream_events.inc()
                yield ServerSentEvent(event="intent", data=_shown(intent, claim))
            ready = [] if pause is None else await self._ready(messages)
            for message in ready:
                self._metrics.stream_events.inc()
                yield ServerSentEvent(event="intervention", data=encode(message).decode())
            if intent is None and not ready and not seat.closed and self._now() < claim.expires_at:
                yield ServerSentEvent(comment="heartbeat")


def _shown(intent: Intent, claim: Claim) -> str:
    """As much of an intent as the page may see: a payload may be meant for the shop's server alone."""
    if claim.shown != "all":
        return encode(band_only_of(intent)).decode()
    fired = tuple(map(without_payload, fired_in(intent)))
    return encode(msgspec.structs.replace(intent, interventions=fired)).decode()


class SessionStreamParams(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field(max_length=500, description="From POST /tracker/intent/token of the ingest API.")


def session_routes(streams: SessionStreams, tokens: SessionTokens) -> APIRouter:
    """`GET /intents/session`; the token says of which session, and is all that it takes."""
    routes = APIRouter()

    @routes.get(
        "/intents/session",
        summary="The intent of one session as it changes (server-sent events)",
        description="Events are named `intent`, or `intervention` where one goes to the page. Pages ask the ingest "
        "API, which passes it on.",
        tags=["intents"],
        response_class=Response,
        responses=answered(Intent, "wrong_token", "too_many_streams", "unavailable")
        | {200: {"description": "Each event's data is an Intent.", "content": EVENT_STREAM}},
    )
    async def stream_session_intent(params: Annotated[SessionStreamParams, Query()]) -> Response:
        try:
            claim = tokens.read(params.token)
        except TokenError as error:
            raise ReadError("wrong_token", str(error)) from None
        return await streams.open(claim)

    return routes
