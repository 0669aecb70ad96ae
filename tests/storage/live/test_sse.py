"""Streams: ids, heartbeats, limits, and the ways in which they end; the follower is a list."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from storage.http.errors import ReadError
from storage.live.sse import Streams
from storage.live.subscribe import PositionedUpdate, Start, UpdateFilter
from storage.metrics import ApiMetrics
from storage.query.intents import Intent, intent_of
from stream.scored import ScoredSession
from tests.support.scored import scored

Send = Callable[[dict[str, Any]], Awaitable[None]]


class ListFollower:
    """Finds what it was given, all at once, and then `then` is called at every look."""

    def __init__(self, updates: list[ScoredSession], then: Callable[[], None]) -> None:
        self._updates = updates
        self._then = then
        self.position = 0

    @property
    def resume_id(self) -> str:
        return f"{self.position}@log"

    async def more(self, seconds: float) -> list[PositionedUpdate]:
        await asyncio.sleep(0)
        if not self._updates:
            self._then()
        found = [
            PositionedUpdate(update, f"{number}@log") for number, update in enumerate(self._updates, self.position + 1)
        ]
        self.position += len(found)
        self._updates = []
        return found


class Streaming:
    """Streams over list followers, with everything that a test wants to see of them."""

    def __init__(self, *updates: ScoredSession, stop_at_end: bool = True, **given: Any) -> None:
        self.stop = asyncio.Event()
        self.metrics = ApiMetrics(CollectorRegistry())
        self.asked: list[tuple[UpdateFilter, Start]] = []
        self.held = 0
        self.failure: Exception | None = None
        self._updates = list(updates)
        self._then = self.stop.set if stop_at_end else lambda: None
        self.streams = Streams(self._follow, self.stop, given.pop("limit", 2), self.metrics, **given)

    @contextlib.asynccontextmanager
    async def _follow(self, wanted: UpdateFilter, start: Start) -> AsyncIterator[Any]:
        if self.failure is not None:
            raise self.failure
        self.asked.append((wanted, start))
        self.held += 1
        try:
            yield ListFollower(self._updates, self._then)
        finally:
            self.held -= 1

    def value(self, name: str) -> float:
        found = self.metrics.registry.get_sample_value(name)
        assert found is not None
        return found


async def answer(response: Any, send: Send | None = None, receive: Any = None) -> list[str]:
    """Runs a response to its end; the text of each chunk."""
    chunks: list[str] = []

    async def keep(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body" and message["body"]:
            chunks.append(message["body"].decode())

    async def wait() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await asyncio.wait_for(response(scope, receive or wait, send or keep), 90)
    return chunks


def parsed(chunk: str) -> dict[str, str]:
    return dict(line.partition(": ")[::2] for line in chunk.split("\r\n") if line)


async def test_events_carry_intents_and_the_position_after_them() -> None:
    updates = [scored(1, probability=0.1), scored(2, probability=0.2)]
    streaming = Streaming(*updates)
    first, *events = map(parsed, await answer(await streaming.streams.open(UpdateFilter("default"), "end")))
    assert first == {"": "following", "id": "0@log", "retry": "2000"}
    assert [event["id"] for event in events] == ["1@log", "2@log"]
    told = [msgspec.json.decode(event["data"], type=Intent) for event in events]
    assert told == [intent_of(update) for update in updates]
    assert streaming.asked == [(UpdateFilter("default"), "end")]
    assert streaming.held == 0
    assert streaming.value("opecom_api_stream_events_total") == 2


async def test_heartbeats_report_the_position() -> None:
    streaming = Streaming(scored(1), heartbeat_seconds=0)
    *_, beat = map(parsed, await answer(await streaming.streams.open(UpdateFilter(), "end")))
    assert beat == {"": "heartbeat", "id": "1@log"}


async def test_more_streams_than_allowed_are_refused_until_one_ends() -> None:
    streaming = Streaming(limit=2)
    held = [await streaming.streams.open(UpdateFilter(), "end") for _ in range(2)]
    assert streaming.value("opecom_api_streams") == 2
    with pytest.raises(ReadError) as refused:
        await streaming.streams.open(UpdateFilter(), "end")
    assert (refused.value.code, refused.value.status, refused.value.retry_after) == ("too_many_streams", 503, 5)
    await answer(held[0])
    await streaming.streams.open(UpdateFilter(), "end")


async def test_kafka_away_is_an_answer_and_takes_no_place() -> None:
    streaming = Streaming(limit=1)
    streaming.failure = KafkaConnectionError("nobody there")
    for _ in range(3):
        with pytest.raises(ReadError, match=r"see kafka\.bootstrap") as refused:
            await streaming.streams.open(UpdateFilter(), "end")
        assert (refused.value.code, refused.value.retry_after) == ("unavailable", 2)
    assert streaming.value("opecom_api_streams") == 0


async def test_a_client_that_takes_nothing_is_left() -> None:
    streaming = Streaming(*(scored(number) for number in range(100)), send_seconds=0.05)
    taken = 0

    async def full(message: dict[str, Any]) -> None:
        nonlocal taken
        taken += 1
        if taken > 3:
            await asyncio.Event().wait()

    await answer(await streaming.streams.open(UpdateFilter(), "end"), send=full)
    assert taken == 4
    assert streaming.value("opecom_api_slow_clients_total") == 1
    assert (streaming.held, streaming.value("opecom_api_streams")) == (0, 0)


async def test_a_client_that_goes_away_ends_its_stream() -> None:
    streaming = Streaming(stop_at_end=False)

    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    await answer(await streaming.streams.open(UpdateFilter(), "end"), receive=gone)
    assert (streaming.held, streaming.value("opecom_api_streams")) == (0, 0)


async def test_stop_ends_streams_between_two_events() -> None:
    streaming = Streaming(*(scored(number) for number in range(100)), stop_at_end=False)
    chunks = []

    async def stopping(message: dict[str, Any]) -> None:
        chunks.append(message)
        if len(chunks) == 5:
            streaming.stop.set()

    await answer(await streaming.streams.open(UpdateFilter(), "end"), send=stopping)
    assert len(chunks) == 6
    assert chunks[-1]["more_body"] is False
