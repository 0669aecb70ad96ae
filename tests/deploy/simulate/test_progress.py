"""Waiting for the database: until everything is closed, and no longer than something moves."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.exc import OperationalError

from deploy.simulate.live import LiveBoard, LiveIntent
from deploy.simulate.progress import PATIENCE, StoredCounts, StuckError, arrived, models_of, until_closed
from storage.database.tables import metadata, sessions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def counts(*steps: StoredCounts | Exception) -> Callable[[], StoredCounts]:
    """Each step once, the last one for ever."""

    def successive_counts() -> Iterator[StoredCounts | Exception]:
        yield from steps
        while True:
            yield steps[-1]

    coming = successive_counts()

    def count() -> StoredCounts:
        step = next(coming)
        if isinstance(step, Exception):
            raise step
        return step

    return count


def sent(done: bool = True) -> asyncio.Event:
    event = asyncio.Event()
    if done:
        event.set()
    return event


async def test_waits_until_all_are_closed_and_reports_every_count() -> None:
    clock, heard = Clock(), []
    steps = StoredCounts(0, 1, 3), StoredCounts(1, 2, 7), StoredCounts(2, 2, 9)
    await until_closed(counts(*steps), 2, sent(), heard.append, clock.sleep, clock)
    assert heard == list(steps)


async def test_session_that_is_still_open_is_waited_for() -> None:
    clock, heard = Clock(), []
    await until_closed(
        counts(StoredCounts(2, 3, 9), StoredCounts(3, 3, 9)), 2, sent(), heard.append, clock.sleep, clock
    )
    assert len(heard) == 2


async def test_gives_up_when_nothing_moves() -> None:
    clock = Clock()
    with pytest.raises(StuckError, match="1 of 2 sessions are closed"):
        await until_closed(counts(StoredCounts(1, 2, 7)), 2, sent(), lambda _: None, clock.sleep, clock)
    assert PATIENCE < clock.now < PATIENCE + 2


async def test_names_the_database_that_cannot_be_read() -> None:
    clock, away = Clock(), OperationalError("SELECT 1", {}, Exception("no such host"))
    with pytest.raises(StuckError, match=r"no such host.*storage.url"):
        await until_closed(counts(away), 2, sent(), lambda _: None, clock.sleep, clock)


async def test_does_not_give_up_while_events_are_still_being_sent() -> None:
    clock, sending = Clock(), sent(done=False)

    def count() -> StoredCounts:
        if clock.now > 500:
            sending.set()
        return StoredCounts(2, 2, 9) if clock.now > 505 else StoredCounts(0, 0, 0)

    await until_closed(count, 2, sending, lambda _: None, clock.sleep, clock)
    assert clock.now > 500


def test_counts_the_rows_of_one_site() -> None:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for number, (site, status) in enumerate([("uci~a", "closed"), ("uci~a", "open"), ("uci~b", "closed")]):
            row = {column.name: _some(column.type.python_type) for column in sessions.columns}
            row |= {"site": site, "session_id": f"s{number}", "status": status, "event_count": 5, "model_version": site}
            connection.execute(insert(sessions).values(row))
    assert arrived(engine, "uci~a") == StoredCounts(1, 2, 10)
    assert arrived(engine, "uci~none") == StoredCounts(0, 0, 0)
    assert models_of(engine, "uci~a") == ["uci~a"]
    engine.dispose()


def _some(kind: type) -> object:
    from datetime import datetime

    return datetime(2025, 1, 1) if kind is datetime else kind()


def test_board_keeps_the_highest_score_of_each_session() -> None:
    board = LiveBoard(2)
    board.add([LiveIntent("a", 0.5, "high", []), LiveIntent("b", 0.1, "low", [])])
    board.add([LiveIntent("a", 0.3, "building", []), LiveIntent("c", 0.9, "high", [])])
    assert [(intent.session_id, intent.probability) for intent in board.top()] == [("c", 0.9), ("a", 0.5)]
