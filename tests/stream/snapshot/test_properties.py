"""What must hold of snapshots for any log, any rounds beside them, any crash, and whatever becomes of their records."""

import asyncio
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import stream.snapshot.capture
import stream.snapshot.loader
import stream.snapshot.writer
from ingest.events import Control, Erase, Event, Tick, UseModel
from stream.fold.clock import IDLE
from stream.fold.erasures import Erasures, visitor_digest
from stream.fold.mark import decode_mark
from stream.fold.partition import Partition
from stream.publish import ListRecordPublisher
from stream.snapshot.packed_session import pack
from stream.snapshot.store import ListSnapshotStore
from stream.snapshot.writer import SnapshotWriter
from stream.worker import Worker
from tests.stream.test_properties import MINUTE, a_log, an_event, counterexample, published_by, whole_run
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, CrashError, CrashingRecords, FakeClient, FakeLog, worker_on
from tests.support.log import log_of


class SlowStore(ListSnapshotStore):
    """A store at which a snapshot waits, so that rounds go on beside it; what it loses and tears is up to the test."""

    async def append(self, partition: int, records: Iterable[tuple[bytes, bytes]]) -> None:
        await super().append(partition, records)
        await asyncio.sleep(0)

    def compact(self) -> None:
        """Keep the newest record of each key, in its place."""
        for number, records in self.records.items():
            newest = {key: place for place, (key, _) in enumerate(records)}
            self.records[number] = [
                (key, value if newest[key] == place else None) for place, (key, value) in enumerate(records)
            ]

    def lose(self, which: int) -> None:
        for records in self.records.values():
            if records:
                records[which % len(records)] = (b"", None)

    def tear(self, which: int) -> None:
        for records in self.records.values():
            if records:
                key, value = records[which % len(records)]
                if value:
                    at = which % len(value)
                    records[which % len(records)] = (key, value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])


def state_of(partition: Partition) -> tuple[Any, ...]:
    """All that can change an answer of a partition: its place, and its sessions in their order, to the last bit."""
    sessions = [(name, clock.now, [pack(each) for each in clock.open.values()])
                for name, clock in partition.clocks.items()]  # fmt: skip
    found_again = [(each.day, each.hour, each.orders) for each in partition.sessions()]
    return partition.here(), sessions, found_again, partition.open_sessions


@st.composite
def a_crowded_log(draw: st.DrawFn) -> list[Event | Control]:
    """As `a_log`, where more sessions are open at a time, for longer, and somebody is erased."""
    now = NOON - 9 * 60 * MINUTE
    records: list[Event | Control] = []
    for number in range(1, draw(st.integers(4, 40))):
        now += draw(st.sampled_from([0, 0, 1, MINUTE, 9 * MINUTE, 39 * MINUTE, IDLE]))
        name = draw(st.sampled_from(["event"] * 12 + ["tick", "model", "erase"]))
        if name == "tick":
            records.append(Tick("live", now))
        elif name == "model":
            records.append(UseModel(draw(st.sampled_from(["m1", "m2"])), draw(st.sampled_from(["", "other"]))))
        elif name == "erase":
            records.append(Erase(visitor_digest("default", "v2"), 1))
        else:
            session = draw(st.sampled_from(["s1", "s2", "s3", "s4"]))
            made = draw(an_event(draw(st.integers(1, number)), received_at=now, session_id=session))
            lag = draw(st.sampled_from([0, 0, 0, 5 * MINUTE]))
            # A session of one visitor: of one that several share, see docs/adr/0009-erasures.md.
            visitor = "v2" if session == "s4" else "v1"
            values = {name: getattr(made, name) for name in made.__struct_fields__}
            records.append(Event(**values | {"occurred_at": now - lag, "visitor_id": visitor}))
    return records


logs = st.one_of(a_log(), a_crowded_log())
Moves = list[tuple[str, int]]
moves = st.lists(
    st.tuples(
        st.sampled_from(
            ["round", "round", "round", "commit", "commit", "snapshot", "snapshot", "snapshot", "crash", "restart",
             "let go", "lose", "tear", "compact", "other code", "empty"]
        ),
        st.integers(0, 999),
    ),
    max_size=40,
)  # fmt: skip


class Plan:
    """A log, a worker with snapshots, and the moves that befall them."""

    def __init__(self, records: list[Event | Control]) -> None:
        self.log = FakeLog({0: log_of(records)})
        self.client, self.told, self.store = FakeClient(self.log), ListRecordPublisher(), SlowStore()
        self.erasures = Erasures([each.digest for each in records if isinstance(each, Erase)])
        self.versions, self.code = count(), "0"
        self.writing: list[asyncio.Task[None]] = []

    def start(self, snapshots: SnapshotWriter | None = None) -> Worker:
        return worker_on(self.log, self.told, erasures=self.erasures, snapshots=snapshots)

    async def started(self) -> Worker:
        """A worker that is where the last one was, checked against one that knows no snapshots."""
        worker, plain = self.start(SnapshotWriter(self.store)), self.start()
        await worker.claim({0}, self.client)
        await plain.claim({0}, self.client)
        assert state_of(worker.partitions[0]) == state_of(plain.partitions[0])
        return worker

    async def run(self, plan: Moves) -> None:
        worker = await self.started()
        for move, size in [*plan, *[("round", 4), ("commit", 0)] * 40]:
            if move == "commit":
                await worker.commit(self.client)
                await worker.check_positions(self.client)
            elif move == "snapshot":
                self.writing.append(asyncio.create_task(_ignoring(worker, size)))
            elif move == "let go":
                for _ in range(size % 7):
                    await asyncio.sleep(0)
            elif move == "restart":
                worker = await self.started()
            elif move in ("lose", "tear"):
                getattr(self.store, move)(size)
            elif move == "compact":
                self.store.compact()
            elif move == "empty":
                self.store.records.clear()
            elif move == "other code":
                self.code = str(next(self.versions))
            else:
                try:
                    worker._records = CrashingRecords(self.told, size % 9) if move == "crash" else self.told
                    await worker.round({0: self.client.fetch(0, size % 9 + 1)}, self.client)
                except CrashError:
                    worker = await self.started()
            await asyncio.sleep(0)
        assert self.client.done(worker)
        await asyncio.gather(*self.writing, return_exceptions=True)


async def _ignoring(worker: Worker, size: int) -> None:
    """A snapshot of a worker, which may be one that a crash has left behind; two at a time take turns."""
    partition = worker.partitions[0]
    if partition.listener is None:
        await worker.snapshot(0)


def same_records(records: list[Event | Control], plan: Moves) -> None:
    run = Plan(records)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream.snapshot.writer, "SLICE_SESSIONS", 1)
        patch.setattr(stream.snapshot.writer, "CHANGED_BYTES", 600)
        patch.setattr(stream.snapshot.capture, "code_version", lambda: run.code)
        patch.setattr(stream.snapshot.loader, "code_version", lambda: run.code)
        asyncio.run(run.run(plan))
    whole = asyncio.run(whole_run(FakeLog({0: log_of(records)}), _with(run.erasures)))
    told = published_by(run.told)
    for topic in (TOPICS.scored, TOPICS.dead):
        assert told.get(topic, []) == whole.get(topic, [])


def _with(erasures: Erasures) -> Callable[[FakeLog, ListRecordPublisher], Worker]:
    return lambda log, records: worker_on(log, records, erasures=erasures)


@settings(max_examples=150)
@given(logs, moves)
def test_with_snapshots_lost_torn_or_of_other_code_the_records_are_the_same(
    records: list[Event | Control], plan: Moves
) -> None:
    same_records(records, plan)


@pytest.mark.long
@settings(max_examples=5_000)
@given(logs, moves)
def test_with_snapshots_the_records_are_the_same_at_length(records: list[Event | Control], plan: Moves) -> None:
    same_records(records, plan)


def test_where_a_torn_record_is_taken_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.snapshot.chain.zlib.crc32", lambda _: 0)
    assert counterexample(same_records, logs, moves)


def test_where_what_changed_is_left_out_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = stream.snapshot.capture._changed
    monkeypatch.setattr(
        stream.snapshot.capture, "_changed", lambda partition, since: iter(()) if since else changed(partition, since)
    )
    assert counterexample(same_records, logs, moves)


def test_where_sessions_come_back_in_another_order_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    resume = Partition.resume
    monkeypatch.setattr(
        Partition, "resume", lambda partition, sessions, marks: resume(partition, reversed(list(sessions)), marks)
    )
    assert counterexample(same_records, logs, moves)


def test_where_marks_are_not_kept_that_property_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    resume = Partition.resume
    monkeypatch.setattr(Partition, "resume", lambda partition, sessions, _: resume(partition, sessions, ()))
    assert counterexample(same_records, logs, moves)


def test_a_snapshot_is_really_used() -> None:
    async def go() -> tuple[int, int]:
        run = Plan([event(number, NOON + number * 1000) for number in range(1, 7)])
        worker = await run.started()
        await worker.round({0: run.client.fetch(0, 4)}, run.client)
        await worker.snapshot(0)
        await worker.commit(run.client)
        run.log.partitions[0] = run.log.partitions[0][4:]
        again = run.start(SnapshotWriter(run.store))
        await again.claim({0}, run.client)
        mark = decode_mark(run.log.commits[0][1])
        assert mark is not None
        assert mark.snapshot is not None
        return again.partitions[0].sessions()[0].events, mark.snapshot.next

    assert asyncio.run(go()) == (4, 4)
