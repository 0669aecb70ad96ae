"""An erasure from its first step to its last: in what order, what it waits for, and killed between any two steps."""

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from ingest.events import Erase
from storage.admin.erase import Eraser, LogAwayError
from storage.admin.forget import Deleted, Visitor, VisitorDatabases
from storage.admin.journal import ErasureJournal
from storage.database.errors import DatabaseUnavailableError
from storage.database.tables import erasures
from storage.replay.errors import BusyError
from storage.replay.journal import Journal
from storage.write.block import block_of, read
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.erased import redact
from storage.write.relational_sink import RelationalSink
from stream.fold.erasure_keys import NO_KEY
from stream.fold.erasures import ErasureRecord, session_digest, visitor_digest
from stream.fold.erasures import encode as encode_erasure
from stream.fold.mark import Mark
from stream.fold.partition import Partition
from stream.scored import encode
from stream.step import fold, score
from tests.storage.admin.test_forget import everything
from tests.support.replays import LOG, Shop, placed
from tests.support.visits import GONE, visits
from tests.support.waiting import until

VISITOR = Visitor("default", GONE)


class DeathError(BaseException):
    """The process dies here; nothing may catch it."""


class Killer:
    """Counts the steps that an erasure takes through it, and kills the process before one of them."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.before = -1

    def step(self, name: str) -> None:
        self.steps.append(name)
        if len(self.steps) - 1 == self.before:
            raise DeathError

    def watch(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def watched(*given: Any, **named: Any) -> Any:
            self.step(name)
            return real(*given, **named)

        monkeypatch.setattr(owner, name, watched)


class Desk:
    """A shop with the log and the workers that an erasure asks: what they had in hand is written when it waits."""

    def __init__(self, shop: Shop, killer: Killer | None = None) -> None:
        self.shop = shop
        self.killer = killer or Killer()
        self.announced: list[str] = []
        self.settled = False
        self.remarks: list[str] = []
        self.busy = 0
        self.eraser = Eraser(
            ErasureJournal(shop.engine),
            VisitorDatabases(shop.engine, shop.client),
            self.announce,
            self.passed,
            self.held,
            0.001,
        )

    async def announce(self, digests: Sequence[str], settled: bool) -> Mapping[int, int]:
        self.killer.step("topic")
        erased = self.shop.erasures
        for digest in digests:
            erased.take(erased.version, encode_erasure(ErasureRecord(digest, 0, settled)))
        self.killer.step("controls")
        self.settled = settled
        self.announced += digests
        for part in self.shop.said:
            part += [Erase(digest, erased.version) for digest in digests]
        return {number: len(part) - 1 for number, part in enumerate(self.shop.said)}

    async def passed(self, offsets: Mapping[int, int]) -> str:
        self.killer.step("passed")
        if self.remarks:
            return self.remarks.pop(0)
        if not self.settled:
            in_flight(self.shop)
        return ""

    @contextlib.contextmanager
    def held(self) -> Generator[None, None, None]:
        if self.busy:
            self.busy -= 1
            raise BusyError
        with Journal(self.shop.engine, LOG).held():
            yield


def in_flight(shop: Shop) -> None:
    """Everything that workers told before they knew, written by a writer that knows: re-read, or late."""
    for number, records in enumerate(shop.source.partitions):
        ignorant = Partition(LOG, number, shop.calendars, shop.statistics, Mark(0, {}))
        folded, _ = fold({number: ignorant}, {number: records})
        told = [update for ready in score(folded.updates, shop.models) for update in ready]
        rows = [
            read("scored", partition=number, offset=n, timestamp=0, key=u.key, value=encode(u.record))
            for n, u in enumerate(told)
        ]
        rows += [
            read("events", partition=number, offset=r.offset, timestamp=0, key=r.key, value=r.value) for r in records
        ]
        block, _ = block_of(LOG, rows, lambda record: redact(record, shop.erasures))
        RelationalSink(shop.engine).write(block)
        AnalyticsSink(shop.client).write(block)


@pytest.fixture
def shop(databases: tuple[Any, Any]) -> Shop:
    shop = Shop(*databases, placed(visits()))
    shop.live()
    return shop


def nothing_is_left(shop: Shop) -> None:
    left = everything(shop)
    for secret in (GONE, "'s4'", "'s6'", "open1"):
        assert secret not in left, secret
    with shop.engine.connect() as connection:
        rows = connection.execute(select(erasures.c.visitor_id, erasures.c.state)).fetchall()
    assert {tuple(row) for row in rows} == {("", "done")}


async def test_the_steps_and_what_is_reported_of_them(shop: Shop) -> None:
    desk = Desk(shop)
    assert await desk.eraser.state(VISITOR) is None
    done = await desk.eraser.start(VISITOR, 30)
    assert (done.state, done.visitor_id, done.waiting_for) == ("done", GONE, "")
    assert done.deleted == Deleted(sessions=8, page_views=29, updates=36, dead_letters=4, events=33)
    gone = [visitor_digest("default", GONE), session_digest("default", "s4"), session_digest("default", "s6")]
    assert desk.announced == [gone[0], *gone]
    assert desk.killer.steps == ["topic", "controls", "passed"] * 2
    nothing_is_left(shop)
    assert ErasureJournal(shop.engine).digests() == [(digest, NO_KEY) for digest in gone]
    again = await desk.eraser.start(VISITOR, 30)
    assert (again.state, again.deleted) == ("done", Deleted())
    nothing_is_left(shop)


async def test_a_caller_who_does_not_wait_learns_that_it_goes_on(shop: Shop) -> None:
    desk = Desk(shop)
    desk.remarks = ["workers are 3 records behind"] * 2
    running = await desk.eraser.start(VISITOR, 0)
    assert (running.state, running.done_at) == ("running", None)
    joined = await desk.eraser.start(VISITOR, 30)
    assert joined.state == "done"
    assert desk.announced.count(visitor_digest("default", GONE)) == 2


async def test_what_is_away_is_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, failures = Desk(shop), [LogAwayError("Kafka is away"), DatabaseUnavailableError("a database is away")]
    real, said = desk.eraser._announce, []

    async def fails_first(digests: Sequence[str], settled: bool) -> Mapping[int, int]:
        state = await desk.eraser.state(VISITOR)
        assert state is not None
        said.append(state.waiting_for)
        if failures:
            raise failures.pop(0)
        return await real(digests, settled)

    monkeypatch.setattr(desk.eraser, "_announce", fails_first)
    assert (await desk.eraser.start(VISITOR, 30)).state == "done"
    assert said[:3] == ["", "Kafka is away", "a database is away"]
    nothing_is_left(shop)


async def test_a_replay_that_runs_may_have_written_meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, real, times = Desk(shop), VisitorDatabases.forget, []
    desk.busy = 3

    def and_then_the_replay_writes(self: VisitorDatabases, *given: Any) -> Deleted:
        deleted = real(self, *given)
        times.append(deleted)
        if len(times) == 1:
            stale, shop.erasures.digests = shop.erasures.digests, set()
            in_flight(shop)
            shop.erasures.digests = stale
        return deleted

    monkeypatch.setattr(VisitorDatabases, "forget", and_then_the_replay_writes)
    assert (await desk.eraser.start(VISITOR, 30)).state == "done"
    assert len(times) == 2
    assert times[1].sessions == times[0].sessions == 8
    nothing_is_left(shop)


STEPS = ("begin", "share", "end")


def watched(killer: Killer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STEPS:
        killer.watch(monkeypatch, ErasureJournal, name)
    for name in ("shared", "_delete_rows", "_change"):
        killer.watch(monkeypatch, VisitorDatabases, name)
    killer.watch(monkeypatch, __import__("storage.admin.forget", fromlist=["change"]), "change")


async def test_killed_before_any_step_it_goes_on_at_the_next_start(
    databases: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Killer()
    watched(counting, monkeypatch)
    shop = fresh(databases)
    await Desk(shop, counting).eraser.erase(VISITOR)
    steps = list(counting.steps)
    assert steps[:4] == ["begin", "topic", "controls", "passed"]
    assert steps[-1] == "end"
    assert steps.count("change") == 5
    # The last of each, and every change of a table.
    places = {name: place for place, name in enumerate(steps)}.values()
    for place in sorted({*places, *(n for n, name in enumerate(steps) if name == "change")} - {0}):
        shop = fresh(databases)
        counting.steps, counting.before = [], place
        with pytest.raises(DeathError):
            await Desk(shop, counting).eraser.erase(VISITOR)
        counting.before = -1
        assert ErasureJournal(shop.engine).unfinished() == [VISITOR], steps[place]
        # The worker and the writer of the next start read from the beginning again.
        in_flight(shop)
        started = Desk(shop, counting)
        started.eraser.resume()
        journal = ErasureJournal(shop.engine)
        await until(lambda journal=journal: not journal.unfinished())  # type: ignore[misc]
        await started.eraser.stop()
        nothing_is_left(shop)


def fresh(databases: tuple[Any, Any]) -> Shop:
    Shop(*databases, []).lose()
    shop = Shop(*databases, placed(visits()))
    shop.live()
    return shop
