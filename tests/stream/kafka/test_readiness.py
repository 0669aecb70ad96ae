"""When a worker is ready: an event that is sent from then on waits for no join, no assignment and no recovery.

The first event of a new system took 3.5 s where it was sent before its worker had claimed its partitions.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from deploy.processes.ports import wait_until
from stream.kafka.consumer import RoundsConsumer


class _Worker:
    """A worker whose claim takes as long as the test wants."""

    def __init__(self) -> None:
        self.claimed: list[set[int]] = []
        self.recovered = asyncio.Event()
        self.partitions: set[int] = set()

    def release(self) -> None: ...

    async def claim(self, partitions: set[int], _: Any) -> None:
        self.claimed.append(partitions)
        await self.recovered.wait()

    async def run_maintenance(self, *_: Any) -> None: ...

    async def commit(self, _: Any) -> None: ...


class _App:
    ready = False
    stopping = False
    consumer_generation_id = 1

    def __init__(self, worker: _Worker) -> None:
        self.worker = worker


class _Place:
    partition = 0


class _Consumer:
    """What a round needs of Faust's consumer; there are no records."""

    should_stop = False
    flow_active = False

    def __init__(self, app: _App) -> None:
        self.app = app
        self.waits = 0

    async def _wait_next_records(self, timeout: float) -> tuple[None, None]:
        self.waits += 1
        await asyncio.sleep(0)
        return None, None

    def assignment(self) -> set[_Place]:
        return {_Place()}


async def _until(condition: Callable[[], bool]) -> None:
    assert await asyncio.to_thread(wait_until, condition, 60)


async def test_it_is_ready_when_its_first_partitions_are_claimed_and_recovered() -> None:
    worker = _Worker()
    app = _App(worker)
    consumer = _Consumer(app)
    running = asyncio.create_task(RoundsConsumer._rounds(consumer, consumer))
    await _until(lambda: consumer.waits > 3)
    assert (app.ready, worker.claimed) == (False, []), "ready before the group has given it partitions"
    consumer.flow_active = True
    await _until(lambda: bool(worker.claimed))
    assert (app.ready, worker.claimed) == (False, [{0}]), "ready before its sessions are recovered"
    worker.recovered.set()
    await _until(lambda: app.ready)
    app.stopping = True
    await running


async def test_a_claim_that_fails_leaves_it_unready() -> None:
    class Failing(_Worker):
        async def claim(self, partitions: set[int], _: Any) -> None:
            raise ConnectionError

    app = _App(Failing())
    consumer = _Consumer(app)
    consumer.flow_active = True
    with pytest.raises(ConnectionError):
        await RoundsConsumer._rounds(consumer, consumer)
    assert not app.ready


async def test_rounds_of_what_is_claimed_go_on_while_the_rest_is_recovered() -> None:
    class Slow(_Worker):
        rounds: list[dict[int, list[str]]]

        async def claim(self, partitions: set[int], _: Any) -> None:
            self.partitions, self.rounds = {1}, []
            await super().claim(partitions, _)
            self.partitions = {0, 1}

        async def round(self, batches: dict[int, list[str]], _: Any) -> None:
            self.rounds.append(batches)

    class Fetching(_Consumer):
        async def _wait_next_records(self, timeout: float) -> tuple[Any, None]:
            await super()._wait_next_records(timeout)
            places = [_Place(), _Place()]
            places[1].partition = 1
            return {place: ["a record"] for place in places}, None

    worker = Slow()
    app = _App(worker)
    consumer = Fetching(app)
    consumer.flow_active = True
    running = asyncio.create_task(RoundsConsumer._rounds(consumer, consumer))
    await _until(lambda: bool(worker.claimed) and len(worker.rounds) > 1)
    assert (app.ready, {number for batches in worker.rounds for number in batches}) == (False, {1})
    worker.recovered.set()
    await _until(lambda: set(worker.rounds[-1]) == {0, 1})
    assert app.ready
    app.stopping = True
    await running
