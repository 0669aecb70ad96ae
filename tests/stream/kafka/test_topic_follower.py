"""A follower of a topic at rest: it looks seldom while nobody waits, and at once when somebody does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from aiokafka import TopicPartition

from stream.errors import StreamError
from stream.kafka import topic_follower
from stream.kafka.clients import KafkaClients
from stream.kafka.topic_follower import TopicFollower, TopicMissingError


class SmallTopic:
    """A consumer of a topic of one partition, of a broker that wakes no fetch; its records are (offset, value)."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.looks, self.paused = 0, False
        self.rested = asyncio.Event()

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def assign(self, places: object) -> None: ...
    async def seek_to_beginning(self, *places: object) -> None: ...

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(places, self.records[-1].offset + 1 if self.records else 0)

    async def getmany(self, timeout_ms: int) -> dict[str, list[Any]]:
        assert not self.paused
        self.looks += 1
        await asyncio.sleep(0)
        fetched, self.records = self.records, []
        return {"place": fetched} if fetched else {}

    def pause(self, place: object) -> None:
        self.paused = True
        self.rested.set()

    def resume(self, place: object) -> None:
        self.paused = False


class SmallClients:
    fetch_wait_ms, idle_fetch_wait_ms = 20, 150

    def __init__(self, topic: SmallTopic) -> None:
        self.topic = topic

    def consumer(self, **given: Any) -> SmallTopic:
        assert given == {"fetch_max_wait_ms": 20}
        return self.topic


class Record:
    def __init__(self, offset: int) -> None:
        self.offset, self.value = offset, b""


class Versions:
    version, records = -1, 0

    def take(self, offset: int, value: bytes) -> None:
        self.version, self.records = offset, self.records + 1


@pytest.fixture
async def topic(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[SmallTopic, TopicFollower, Versions]]:
    # Nothing but somebody who waits ends a rest.
    monkeypatch.setattr(topic_follower, "REST_SECONDS", 3_600)
    small, known = SmallTopic(), Versions()
    clients = cast(KafkaClients, SmallClients(small))
    follower = TopicFollower(clients, "erasures", known, 20, what="erasures", remedy="erase again")
    await follower.start()
    await small.rested.wait()
    yield small, follower, known
    follower._task.cancel()  # type: ignore[union-attr]


async def test_it_rests_after_a_look_that_gave_nothing(topic: tuple[SmallTopic, TopicFollower, Versions]) -> None:
    small, _, known = topic
    small.records = [Record(0)]
    for _ in range(100):
        await asyncio.sleep(0)
    assert (small.looks, small.paused, known.records) == (1, True, 0)


@pytest.mark.parametrize("wait", ["reached", "caught_up"])
async def test_who_waits_for_a_version_ends_the_rest(
    wait: str, topic: tuple[SmallTopic, TopicFollower, Versions]
) -> None:
    small, follower, known = topic
    small.records = [Record(0), Record(1)]
    small.rested.clear()
    async with asyncio.timeout(90):
        await (follower.reached(1) if wait == "reached" else follower.caught_up())
        assert known.version == 1
        await small.rested.wait()
    looks = small.looks
    for _ in range(100):
        await asyncio.sleep(0)
    assert small.looks == looks


async def test_what_nobody_may_go_on_without_ends_it_and_reaches_whoever_waits(
    topic: tuple[SmallTopic, TopicFollower, Versions], monkeypatch: pytest.MonkeyPatch
) -> None:
    small, follower, known = topic

    def refuse(offset: int, value: bytes) -> None:
        raise StreamError("erasure 7 needs a key: see erasures.keys")

    monkeypatch.setattr(known, "take", refuse)
    ended, reached = asyncio.create_task(follower.ended()), asyncio.create_task(follower.reached(7))
    small.records.append(Record(7))
    small.rested.clear()
    for waiting in (ended, reached):
        with pytest.raises(TopicMissingError, match=r"erasures: erasure 7 needs a key: see erasures\.keys"):
            await asyncio.wait_for(waiting, 30)


async def test_whoever_waits_for_its_end_can_go_and_it_goes_on(
    topic: tuple[SmallTopic, TopicFollower, Versions],
) -> None:
    small, follower, _ = topic
    ended = asyncio.create_task(follower.ended())
    await asyncio.sleep(0)
    ended.cancel()
    await asyncio.wait({ended})
    small.records.append(Record(3))
    await follower.reached(3)
