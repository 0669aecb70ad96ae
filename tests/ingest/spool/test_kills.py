"""Whatever a kill or a power loss leaves: each accepted record reaches the log, in order, and hardly any twice."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.spool import folder as folder_module
from ingest.spool.event_store import ListEventStore
from tests.ingest.spool.life import PARTITIONS, SpoolLife, store_up_to

#: What a process does: accept, drain, or a chunk of which the log takes a part before the connection breaks.
ACCEPT = st.tuples(st.just("accept"), st.lists(st.integers(0, PARTITIONS - 1), min_size=1, max_size=6))
DRAIN = st.tuples(st.just("drain"), st.none())
KILL = st.tuples(st.just("kill"), st.integers(0, 200))
#: A power loss takes the position back to an older one, or tears it.
LOSS = st.tuples(st.just("loss"), st.integers(0, 200))
Lives = Callable[..., SpoolLife]
#: A kill in the midst of a chunk.
CRASH = st.tuples(st.just("crash"), st.integers(0, 6))
EXAMPLES = settings(max_examples=40, deadline=None)


@pytest.fixture
def lives() -> Iterator[Lives]:
    made: list[SpoolLife] = []

    def make(*given: Any) -> SpoolLife:
        made.append(SpoolLife(*given))
        return made[-1]

    yield make
    for life in made:
        life.end()


def run(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(play())


@EXAMPLES
@given(st.lists(ACCEPT | DRAIN | KILL | LOSS | CRASH, max_size=14))
def test_a_durable_log_gets_each_accepted_record_in_order(steps: list[tuple[str, Any]]) -> None:
    async def play() -> None:
        life, positions, losses, torn = SpoolLife(), [b""], 0, 0
        try:
            for step, given in steps:
                if step == "accept":
                    await life.accept(given)
                elif step == "drain":
                    await life.drain.drain_some()
                elif step == "crash":
                    torn += await life.crash(given)
                else:
                    life.kill(given)
                    position = life.path / "position"
                    positions.append(position.read_bytes())
                    if step == "loss":
                        losses += 1
                        older = positions[given % len(positions)]
                        position.write_bytes(older[: len(older) - given % 3])
                    life.begin()
            await life.drain_all()
            life.check()
            assert losses or life.doubled() <= torn
        finally:
            life.end()

    run(play)


@EXAMPLES
@given(st.lists(ACCEPT | DRAIN | KILL, max_size=14), st.data())
def test_a_log_in_memory_ends_and_the_next_one_gets_all_that_was_not_stored(
    steps: list[tuple[str, Any]], data: st.DataObject
) -> None:
    async def play() -> None:
        store = ListEventStore(PARTITIONS)
        life = SpoolLife(store)
        try:
            for step, given in steps:
                if step == "accept":
                    await life.accept(given)
                elif step == "drain":
                    await life.drain.drain_some()
                    ends = [len(log) for log in life.log.partitions]
                    stored = [data.draw(st.integers(store.offsets[n], end)) for n, end in enumerate(ends)]
                    store_up_to(life, store, stored)
                else:
                    # Everything ends at once: the log keeps what is stored.
                    life.kill(given)
                    for log, offset in zip(life.log.partitions, store.offsets, strict=True):
                        del log[offset:]
                    store.name = f"life {len(store.name)}" + store.name
                    life.begin()
            await life.drain_all()
            life.check()
            assert life.doubled() == 0
        finally:
            life.end()

    run(play)


async def test_a_chunk_that_is_torn_is_the_only_one_that_is_sent_twice(lives: Lives) -> None:
    life = lives()
    for _ in range(5):
        await life.accept([0] * 10)
        await life.drain_all()
    await life.accept([0] * 10)
    life.log.torn = [4]
    await life.drain_all()
    life.check()
    assert life.doubled() == 4


async def test_a_kill_between_the_acknowledgement_and_its_note_sends_one_chunk_again(lives: Lives) -> None:
    life = lives()
    for _ in range(3):
        await life.accept([0, 1])
        await life.drain_all()
    await life.accept([0, 1, 2])
    before = (life.path / "position").read_bytes()
    await life.drain_all()
    life.kill()
    (life.path / "position").write_bytes(before)
    life.begin()
    await life.drain_all()
    life.check()
    assert life.doubled() == 3


async def test_segments_follow_each_other_and_go_once_the_log_has_them(lives: Lives, monkeypatch: Any) -> None:
    monkeypatch.setattr(folder_module, "SEGMENT_BYTES", 400)
    life = lives()
    for _ in range(12):
        await life.accept([0, 1, 2])
    assert len(life.folder.segments) >= 3
    life.kill(torn=30)
    life.begin()
    for _ in range(12):
        await life.accept([2, 1, 0])
    await life.drain_all()
    life.check()
    assert life.doubled() == 0
    assert [segment.path for segment in life.folder.segments] == [life.folder.active.path]  # type: ignore[union-attr]
    life.kill()
    life.begin()
    await life.drain_all()
    assert life.folder.segments == []
    # The numbers go on, so nothing that is new counts as drained.
    await life.accept([0])
    await life.drain_all()
    life.check()


async def test_a_segment_stays_until_its_records_are_stored(lives: Lives, monkeypatch: Any) -> None:
    monkeypatch.setattr(folder_module, "SEGMENT_BYTES", 150)
    store = ListEventStore(PARTITIONS)
    life = lives(store)
    for _ in range(10):
        await life.accept([0, 1])
    await life.drain_all()
    assert len(life.folder.segments) >= 3
    store_up_to(life, store, [10, 9, 0])
    await life.drain_all()
    assert len(life.folder.segments) == 1, "the one that is appended to, and has the last record of partition 1"


async def test_after_a_restart_on_the_same_log_segments_go_once_all_that_was_acknowledged_is_stored(
    lives: Lives,
) -> None:
    store = ListEventStore(PARTITIONS)
    life = lives(store)
    await life.accept([0, 1])
    await life.drain_all()
    life.kill()
    life.begin()
    await life.drain_all()
    assert life.doubled() == 0
    assert len(life.folder.segments) == 1
    store_up_to(life, store, [1, 1, 0])
    await life.drain_all()
    assert life.folder.segments == []


async def test_nothing_is_appended_while_the_log_is_filled(lives: Lives) -> None:
    store = ListEventStore(PARTITIONS, name="")
    life = lives(store)
    await life.accept([0, 1])
    await life.drain_all()
    assert life.log.partitions == [[], [], []]
    store.name = "1"
    await life.drain_all()
    life.check()


async def test_the_log_is_rolled_over_while_the_process_goes_on(lives: Lives) -> None:
    store = ListEventStore(PARTITIONS)
    life = lives(store)
    await life.accept([0, 0, 1, 2])
    await life.drain_all()
    store_up_to(life, store, [1, 1, 0])
    store.name = ""
    del life.log.partitions[0][1:], life.log.partitions[2][0:]
    await life.accept([0, 2])
    await life.drain_all()
    assert [len(log) for log in life.log.partitions] == [1, 1, 0]
    store.name = "2"
    await life.drain_all()
    life.check()
    assert life.doubled() == 0
