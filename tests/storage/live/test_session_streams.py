"""Streams of one session: the current intent first, an end with the token, limits; the follower is a list."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import msgspec
import pytest
from aiokafka.errors import KafkaConnectionError
from prometheus_client import CollectorRegistry

from ingest.tokens import Claim, Shown
from storage.http.errors import ReadError
from storage.interventions.firings import KeptFiring
from storage.live.session_streams import WAIT_SECONDS, SessionStreams
from storage.live.subscriber_hub import SubscriberHub
from storage.metrics import ApiMetrics
from storage.query.intents import BandOnlyIntent, Intent, intent_of
from storage.query.queries import Queries
from stream.scored import ArmAssignment, FiredIntervention, ScoredSession
from tests.support.audiences import Saying
from tests.support.events import NOON
from tests.support.interventions import ListStops
from tests.support.scored import scored

NOW = 1_000_000
ACTIONS = (("help", "page"), ("coupon", "webhook"))


class Held:
    """A database that holds one intent, or fails."""

    def __init__(self, held: Intent | ReadError) -> None:
        self._held = held
        self.asked: list[tuple[str, str]] = []

    def holds(self, held: Intent | ReadError) -> None:
        self._held = held

    def intent(self, session_id: str, site: str) -> Intent:
        self.asked.append((session_id, site))
        if isinstance(self._held, ReadError):
            raise self._held
        return self._held


class Streaming:
    """Streams with everything that a test wants to see of them; the time stands until `now` is moved."""

    def __init__(self, held: Intent | ReadError | None = None, limit: int = 2, heartbeat: float = 5.0) -> None:
        self.saying, self.stop, self.now = Saying(), asyncio.Event(), float(NOW)
        self.metrics = ApiMetrics(CollectorRegistry())
        self.fired: dict[str, KeptFiring] = {}
        self.stops = ListStops()
        self.database = Held(held or ReadError("not_found", "nothing"))
        self.streams = SessionStreams(
            lambda: SubscriberHub(self.saying.follow, self.stop),
            cast("Queries", self.database),
            limit,
            self.metrics,
            lambda: self.now,
            heartbeat,
            firings=lambda *_: self.fired,
            stops=self.stops,
        )

    def value(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name)


@contextlib.asynccontextmanager
async def streaming(*given: Any, **more: Any) -> AsyncIterator[Streaming]:
    made = Streaming(*given, **more)
    try:
        yield made
    finally:
        made.stop.set()
        await asyncio.wait_for(made.streams.close(), 90)


def claim(shown: Shown = "all", seconds: int = 300) -> Claim:
    return Claim("default", "s1", shown, NOW + seconds, "")


class Browser:
    """Takes what a response streams, part by part."""

    def __init__(self, response: Any) -> None:
        self._parts: asyncio.Queue[str | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        self.task = asyncio.create_task(response(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            self._parts.put_nowait(message["body"].decode() if message["body"] else None)

    async def next(self) -> dict[str, str] | None:
        """The next event, None at the end."""
        part = await asyncio.wait_for(self._parts.get(), 90)
        return dict(line.partition(": ")[::2] for line in part.split("\r\n") if line) if part else None

    async def intent(self) -> Intent:
        event = await self.next()
        assert event is not None
        assert event["event"] == "intent"
        return msgspec.json.decode(event["data"], type=Intent)

    async def leave(self) -> None:
        self._gone.set()
        await asyncio.wait_for(self.task, 90)


async def opened(made: Streaming, claimed: Claim | None = None) -> Browser:
    browser = Browser(await made.streams.open(claimed or claim()))
    assert await browser.next() == {"": "following", "retry": "2000"}
    return browser


async def test_the_current_intent_comes_first_then_each_newer_one() -> None:
    held = intent_of(scored(5, probability=0.1))
    async with streaming(held) as made:
        browser = await opened(made)
        assert await browser.intent() == held
        updates: list[ScoredSession] = [scored(4, probability=0.9), scored(5), scored(6, probability=0.6)]
        made.saying.publish(*updates)
        assert await browser.intent() == intent_of(updates[-1])
        assert made.database.asked == [("s1", "default")]
        assert (made.value("opecom_api_session_streams"), made.value("opecom_api_stream_events_total")) == (1, 2)
        await browser.leave()
        assert made.value("opecom_api_session_streams") == 0


@pytest.mark.parametrize("code", ["not_found", "unavailable"])
async def test_without_a_current_intent_the_first_one_is_waited_for(code: Any) -> None:
    async with streaming(ReadError(code, "nothing")) as made:
        browser = await opened(made)
        made.saying.publish(scored(1))
        assert await browser.intent() == intent_of(scored(1))
        await browser.leave()


async def test_a_site_that_shows_its_bands_shows_no_more() -> None:
    async with streaming(intent_of(scored(5))) as made:
        browser = await opened(made, claim("band"))
        event = await browser.next()
        assert event is not None
        told = msgspec.json.decode(event["data"])
        assert told.keys() == set(BandOnlyIntent.__struct_fields__)
        assert (told["band"], told["probability"]) == ("building", 0.4321)
        assert not told.keys() & {"reasons", "features", "counts", "model_version"}
        await browser.leave()


@pytest.mark.parametrize("shown", ["all", "band"])
@pytest.mark.parametrize(
    ("given", "held"),
    [
        pytest.param({}, False, id="in no experiment"),
        pytest.param({"experiments": (ArmAssignment("chat", "treatment"),)}, False, id="an arm that acts"),
        pytest.param({"experiments": (ArmAssignment("chat", "control", acts=False),)}, True, id="one that does not"),
        pytest.param({"holdout": True}, True, id="held out"),
    ],
)
async def test_a_page_knows_what_is_held_back(shown: Any, given: dict[str, Any], held: bool) -> None:
    async with streaming(intent_of(scored(5, **given))) as made:
        browser = await opened(made, claim(shown))
        event = await browser.next()
        assert event is not None
        assert msgspec.json.decode(event["data"])["held"] is held
        await browser.leave()


async def test_no_answer_names_a_visitor() -> None:
    assert "visitor_id" not in {*Intent.__struct_fields__, *BandOnlyIntent.__struct_fields__}


async def test_a_quiet_stream_is_kept_alive() -> None:
    async with streaming(heartbeat=0.01) as made:
        browser = await opened(made)
        assert await browser.next() == {"": "heartbeat"}
        await browser.leave()


async def test_a_stream_ends_with_its_token_and_gives_the_reason() -> None:
    async with streaming(intent_of(scored(5)), heartbeat=0.01) as made:
        browser = await opened(made)
        await browser.intent()
        made.now = NOW + 300
        event = await browser.next()
        while event == {"": "heartbeat"}:
            event = await browser.next()
        assert event == {"event": "expired", "data": "fetch a new token", "retry": "500"}
        assert await browser.next() is None
        await browser.task
        assert made.value("opecom_api_session_streams") == 0


async def test_stop_ends_streams_at_once() -> None:
    async with streaming() as made:
        browser = await opened(made)
        made.stop.set()
        assert await browser.next() is None
        await browser.task


async def test_more_streams_than_allowed_are_refused_until_one_ends() -> None:
    async with streaming(limit=1) as made:
        browser = await opened(made)
        with pytest.raises(ReadError, match=r"api\.max_session_streams") as refused:
            await made.streams.open(claim())
        assert (refused.value.code, refused.value.retry_after) == ("too_many_streams", 5)
        await browser.leave()
        await (await opened(made)).leave()


async def test_sessions_that_nobody_knows_take_half_of_the_places() -> None:
    async with streaming(limit=4) as made:
        waiting = [await opened(made, Claim("default", f"nobody-{n}", "all", NOW + 300, "")) for n in range(2)]
        with pytest.raises(ReadError, match="no event yet") as refused:
            await made.streams.open(Claim("default", "nobody-2", "all", NOW + 300, ""))
        assert (refused.value.code, refused.value.retry_after) == ("too_many_streams", 5)
        made.database.holds(intent_of(scored(5)))
        honest = await opened(made)
        assert await honest.intent() == intent_of(scored(5))
        made.database.holds(ReadError("not_found", "nothing"))
        made.saying.publish(scored(1, session_id="nobody-0"))
        assert (await waiting[0].intent()).session_id == "nobody-0"
        # Its place among those that wait is free again.
        await (await opened(made, Claim("default", "nobody-2", "all", NOW + 300, ""))).leave()
        for browser in (*waiting, honest):
            await browser.leave()
        assert made.value("opecom_api_session_streams") == 0


async def test_a_session_that_never_comes_is_waited_for_half_a_minute() -> None:
    async with streaming(limit=2, heartbeat=0.01) as made:
        browser = await opened(made)
        made.now = NOW + WAIT_SECONDS
        event = await browser.next()
        while event == {"": "heartbeat"}:
            event = await browser.next()
        assert event == {"": "no such session", "retry": "30000"}
        assert await browser.next() is None
        await browser.task
        await (await opened(made)).leave()


@pytest.mark.parametrize("failure", [KafkaConnectionError("away"), ReadError("unavailable", "no log")])
async def test_kafka_away_is_an_answer_and_takes_no_place(failure: Exception) -> None:
    async with streaming(limit=1) as made:
        made.saying.failing = [failure]
        for _ in range(3):
            with pytest.raises(ReadError, match=r"see kafka\.bootstrap"):
                await made.streams.open(claim())
        assert made.value("opecom_api_session_streams") == 0


@pytest.mark.parametrize("shown", ["all", "band"])
async def test_an_intervention_goes_to_the_page_and_payloads_of_others_do_not(shown: Any) -> None:
    fired = [FiredIntervention(name, action, NOW * 1000, 5, payload='{"secret":1}') for name, action in ACTIONS]
    async with streaming(intent_of(scored(5, interventions=tuple(fired)))) as made:
        browser = await opened(made, claim(shown))
        event = await browser.next()
        assert event is not None
        assert "secret" not in event["data"]
        assert await browser.next() == {"": "heartbeat"}
        made.fired = {name: KeptFiring("delivered", '{"text":"hello"}') for name, _ in ACTIONS}
        event = await browser.next()
        while event == {"": "heartbeat"}:
            event = await browser.next()
        assert event is not None
        assert event["event"] == "intervention"
        assert msgspec.json.decode(event["data"]) == {
            "intervention": "help",
            "opened_at": NOON,
            "fired_at": NOW * 1000,
            "payload": {"text": "hello"},
        }
        await browser.leave()


async def test_an_intervention_waits_while_nobody_knows_what_is_stopped_and_a_stopped_one_never_goes() -> None:
    fired = tuple(FiredIntervention(name, "page", NOW * 1000, 5) for name in ("help", "bye"))
    async with streaming(intent_of(scored(5, interventions=fired))) as made:
        made.fired = {name: KeptFiring("delivered", "") for name in ("help", "bye")}
        made.stops.away = True
        made.stops.stopped.add("bye")
        browser = await opened(made, claim())
        assert (await browser.next() or {})["event"] == "intent"
        assert await browser.next() == {"": "heartbeat"}
        assert made.stops.looks > 0
        made.stops.away = False
        event = await browser.next()
        while event == {"": "heartbeat"}:
            event = await browser.next()
        assert msgspec.json.decode((event or {})["data"])["intervention"] == "help"
        # Whatever the other one would bring comes before what follows of the session.
        asked = made.stops.looks
        made.saying.publish(scored(6, interventions=fired))
        event = await browser.next()
        while event == {"": "heartbeat"}:
            event = await browser.next()
        assert (event or {})["event"] == "intent"
        assert made.stops.looks == asked
        await browser.leave()
    assert made.stops.is_closed
