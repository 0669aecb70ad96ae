"""Which interventions are stopped: what the topic had when it was asked, and what was known where Kafka is away."""

import asyncio
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from stream.experiments.definition import Definition, encode
from stream.kafka.clients import KafkaClients
from stream.kafka.errors import KafkaUnavailableError
from stream.kafka.stopped_interventions import StoppedInterventions, stopped_interventions
from tests.support.interventions import ended, intervention


class ListTopic:
    """A topic of definitions, and the clients that read it, each from its start; `away`: it answers nobody."""

    fetch_wait_ms, idle_fetch_wait_ms = 20, 150

    def __init__(self, *records: Definition) -> None:
        self.values = [encode(each) for each in records]
        self.away = False
        self.looks = self.consumers = 0

    def put(self, record: Definition) -> None:
        self.values.append(encode(record))

    def consumer(self, **_: Any) -> "ListReader":
        self.consumers += 1
        return ListReader(self)

    @property
    def clients(self) -> KafkaClients:
        return cast(KafkaClients, self)


class ListReader:
    def __init__(self, topic: ListTopic) -> None:
        self._topic, self._next = topic, 0

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def assign(self, places: object) -> None: ...
    def pause(self, place: object) -> None: ...
    def resume(self, place: object) -> None: ...
    async def seek_to_beginning(self, *places: object) -> None: ...

    async def end_offsets(self, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        self._topic.looks += 1
        await asyncio.sleep(0)
        if self._topic.away:
            raise KafkaConnectionError
        return dict.fromkeys(places, len(self._topic.values))

    async def getmany(self, timeout_ms: int) -> dict[str, list[Any]]:
        await asyncio.sleep(0)
        since, self._next = self._next, len(self._topic.values)
        fetched = [_Record(n, self._topic.values[n]) for n in range(since, self._next)]
        return {"place": fetched} if fetched else {}


class _Record:
    def __init__(self, offset: int, value: bytes) -> None:
        self.offset, self.value = offset, value


async def test_a_stop_is_known_to_every_look_after_it() -> None:
    topic = ListTopic(intervention("help"), intervention("coupon"))
    async with stopped_interventions(topic.clients, "experiments") as stops:
        assert await stops.names() == frozenset()
        for name in ("help", "coupon"):
            topic.put(ended(intervention(name)))
            assert name in await stops.names()
        assert await stops.names() == {"help", "coupon"}
        assert topic.consumers == 1


async def test_calls_at_once_share_a_look_that_begins_after_them() -> None:
    topic = ListTopic(intervention("help"))
    async with stopped_interventions(topic.clients, "experiments") as stops:
        first = asyncio.create_task(stops.names())
        await asyncio.sleep(0)
        before = topic.looks
        topic.put(ended(intervention("help")))
        found = await asyncio.gather(*(stops.names() for _ in range(50)))
        await first
        assert set(found) == {frozenset({"help"})}
        assert topic.looks - before <= 2


async def test_where_kafka_is_away_what_was_known_holds_until_it_is_back() -> None:
    topic = ListTopic(intervention("help"), ended(intervention("help")), intervention("coupon"))
    async with stopped_interventions(topic.clients, "experiments") as stops:
        topic.away = True
        topic.put(ended(intervention("coupon")))
        assert await stops.names() == {"help"}
        assert await stops.names() == {"help"}
        topic.away = False
        assert await stops.names() == {"help", "coupon"}


async def test_while_nothing_is_known_there_is_no_answer() -> None:
    topic = ListTopic(intervention("help"))
    topic.away = True
    stops = StoppedInterventions(topic.clients, "experiments")
    for _ in range(2):
        with pytest.raises(KafkaUnavailableError, match=r"kafka\.bootstrap"):
            await stops.names()
    topic.away = False
    assert await stops.names() == frozenset()
    await stops.close()
