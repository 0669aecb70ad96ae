"""The worker's round: what it produces in which order, and when it stops."""

import pytest

from ingest.events import Event, Tick, decode
from scoring.model import ConstantModel
from stream.fold.clock import IDLE
from stream.fold.session import apply
from stream.publish import ListRecordPublisher
from stream.scored import DEAD_BYTES, decode_dead
from stream.scored import decode as decode_scored
from stream.step import FAILURES_IN_A_ROW
from stream.worker import IMPORT_END, WorkerError
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, CrashError, CrashingRecords, FakeClient, FakeLog, worker_on
from tests.support.log import LogRecord, log_of


async def test_a_round_puts_label_band_and_reasons_to_every_update() -> None:
    log, records = FakeLog({0: log_of([event(1), event(2, NOON + 5)])}), ListRecordPublisher()
    model = ConstantModel(0.6, (0.3, -0.2, 0.0, 0.0, 0.1, *[0.0] * 12))
    worker, client = worker_on(log, records, models=lambda _: model), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    told = [decode_scored(row.value) for row in records.topics[TOPICS.scored]]
    assert [(each.probability, each.label, each.band, each.model_version) for each in told] == [
        (0.6, "YES", "high", "constant")
    ] * 2
    assert [(reason.feature, round(reason.contribution, 6)) for reason in told[1].reasons] == [
        ("Administrative", 0.3), ("Administrative_Duration", -0.2), ("ProductRelated", 0.1),
    ]  # fmt: skip
    assert [reason.text for reason in told[1].reasons] == [
        "cart and checkout pages, 0, raises it by 30 points",
        "time on cart and checkout pages, 0 s, lowers it by 20 points",
        "product pages, 2, raises it by 10 points",
    ]
    assert [row.key for row in records.topics[TOPICS.scored]] == [b"default/s1"] * 2


async def test_dead_letters_are_reported_before_scores() -> None:
    nonsense = LogRecord(0, -1, b"default/s1", b"?")
    log = FakeLog({0: [nonsense, *log_of([event(1)], start=1)]})
    records = CrashingRecords(ListRecordPublisher(), survives=1)
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    with pytest.raises(CrashError):
        await worker.round({0: client.fetch(0, 10)}, client)
    assert records.topics.keys() == {TOPICS.dead}


async def test_a_huge_record_is_cut_in_its_dead_letter_and_states_so() -> None:
    log, records = FakeLog({0: [LogRecord(0, -1, b"default/s1", b"x" * (DEAD_BYTES + 5))]}), ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    [row] = records.topics[TOPICS.dead]
    letter = decode_dead(row.value)
    assert row.key == b"log:events:0:0"
    assert len(letter.raw) == DEAD_BYTES
    assert f"first {DEAD_BYTES} of {DEAD_BYTES + 5} bytes" in letter.detail


async def test_fifty_failures_in_a_row_stop_the_worker_after_they_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("broken")

    monkeypatch.setattr("stream.fold.partition.apply", broken)
    log, records = FakeLog({0: log_of(event(n + 1, NOON + n) for n in range(FAILURES_IN_A_ROW))}), ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, FAILURES_IN_A_ROW - 1)}, client)
    with pytest.raises(WorkerError, match="50 events in a row could not be folded"):
        await worker.round({0: client.fetch(0, 10)}, client)
    assert {decode_dead(row.value).detail for row in records.topics[TOPICS.dead]} == {"ArithmeticError: broken"}
    assert log.commits[0][0] == FAILURES_IN_A_ROW


async def test_fifty_failures_count_also_within_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: object, said: Event, *_: object) -> tuple[int, ...]:
        if said.type != "custom":
            raise ArithmeticError("broken")
        return apply(session, said, *_)  # type: ignore[arg-type]

    monkeypatch.setattr("stream.fold.partition.apply", broken)
    events = [event(n + 1, NOON + n) for n in range(FAILURES_IN_A_ROW)]
    log = FakeLog({0: log_of([*events, event(99, NOON + 99, type="custom")])})
    worker, client = worker_on(log, ListRecordPublisher()), FakeClient(log)
    await worker.claim({0}, client)
    with pytest.raises(WorkerError, match="50 events in a row"):
        await worker.round({0: client.fetch(0, 100)}, client)


async def test_a_partition_whose_sessions_are_overdue_is_ticked_once() -> None:
    events = {0: event(1, NOON + 60_000), 1: event(2, session_id="s2")}
    log, records = FakeLog({number: log_of([each]) for number, each in events.items()}), ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0, 1}, client)
    await worker.round({0: client.fetch(0, 10), 1: client.fetch(1, 10)}, client)
    await worker.tick(NOON + IDLE - 1)
    assert TOPICS.events not in records.topics
    for _ in range(2):
        await worker.tick(NOON + IDLE)
    ticks = [(row.partition, decode(row.key, row.value)) for row in records.topics[TOPICS.events]]
    assert ticks == [(1, Tick("live", NOON + IDLE))]


async def test_a_replay_that_was_given_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    log = FakeLog({0: log_of([event(1, site="uci~a", clock="replayed")])})
    records = ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    await worker.tick(NOON)
    await worker.tick(NOON)
    assert TOPICS.events not in records.topics
    monkeypatch.setattr("stream.worker.IMPORT_ABANDONED", -1.0)
    await worker.tick(NOON)
    assert [decode(row.key, row.value) for row in records.topics[TOPICS.events]] == [Tick("uci~a", NOON + IMPORT_END)]


async def test_a_replay_that_ended_is_not_remembered() -> None:
    log = FakeLog({0: log_of([event(1, site="uci~a", clock="replayed"), Tick("uci~a", NOON + IMPORT_END)])})
    worker, client = worker_on(log, ListRecordPublisher()), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 1)}, client)
    await worker.tick(NOON)
    assert list(worker._import_clocks) == [(0, "uci~a")]
    await worker.round({0: client.fetch(0, 1)}, client)
    await worker.tick(NOON)
    assert worker._import_clocks == {}


async def test_a_hole_in_the_log_is_reported_and_passed_when_it_is_really_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = log_of([event(n + 1, NOON + n) for n in range(6)])
    log, records = FakeLog({0: whole}), ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 2)}, client)
    log.partitions[0] = [*whole[:2], *whole[4:]]
    for _ in range(3):
        await worker.round({0: client.fetch(0, 9)}, client)
    assert "partition 0: events from 2 to 4 are gone from the log" in caplog.text
    assert [decode_scored(row.value).event.offset for row in records.topics[TOPICS.scored]] == [0, 1, 4, 5]


async def test_a_commit_states_nothing_of_a_partition_that_did_not_move() -> None:
    log = FakeLog({0: log_of([event(1)]), 1: []})
    worker, client = worker_on(log, ListRecordPublisher()), FakeClient(log)
    await worker.claim({0, 1}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    await worker.commit(client)
    assert log.commits[0][0] == 1
    log.commits.clear()
    await worker.commit(client)
    assert log.commits == {}


async def test_closings_of_thousands_of_sessions_are_scored_in_slices() -> None:
    rows: list[int] = []

    class Counting(ConstantModel):
        def score(self, given):  # type: ignore[no-untyped-def]
            rows.append(len(given))
            return super().score(given)

    events = [event(n + 1, NOON, session_id=f"s{n}") for n in range(5_000)]
    log = FakeLog({0: log_of([*events, Tick("live", NOON + IDLE)])})
    records, model = ListRecordPublisher(), Counting()
    worker, client = worker_on(log, records, models=lambda _: model), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10_000)}, client)
    assert len(records.topics[TOPICS.scored]) == 10_000
    assert max(rows) <= 2_048
