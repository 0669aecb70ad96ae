"""A model that cannot score is refused where the log names it, and the one before it goes on."""

import random

import pytest

from ingest.events import Control, Event, UseModel
from stream.fold.mark import Mark, decode_mark, encode_mark
from stream.metrics import WorkerMetrics
from stream.publish import ListRecordPublisher
from stream.scored import decode, decode_dead
from stream.step import ModelLoader
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, CrashError, CrashingRecords, FakeClient, FakeLog, worker_on
from tests.support.log import log_of
from tests.support.models import known


def scored_by_model(records: ListRecordPublisher) -> list[tuple[int, str]]:
    """Offset and model of every update."""
    scored = [decode(row.value) for row in records.topics.get(TOPICS.scored, [])]
    return [(each.event.offset, each.model_version) for each in scored]


def click(number: int) -> Event:
    return event(number, NOON + number * 1000)


async def run(
    log: FakeLog, models: ModelLoader, metrics: WorkerMetrics | None = None, size: int = 3
) -> ListRecordPublisher:
    """A worker from the last commit to the end of the log."""
    records = ListRecordPublisher()
    worker, client = worker_on(log, records, models=models, metrics=metrics), FakeClient(log)
    await worker.claim({0}, client)
    while not client.done(worker):
        await worker.round({0: client.fetch(0, size)}, client)
        await worker.commit(client)
    return records


@pytest.mark.parametrize("size", [1, 3, 10])
async def test_a_control_puts_a_model_in_force_at_its_offset(size: int) -> None:
    log = FakeLog({0: log_of([click(1), UseModel("m2"), click(2), UseModel("m1"), click(3)])})
    records = await run(log, known("m1", "m2"), size=size)
    assert scored_by_model(records) == [(0, "m1"), (2, "m2"), (4, "m1")]


@pytest.mark.parametrize("size", [1, 3, 10])
async def test_a_model_that_cannot_score_is_refused_and_nothing_is_left_unscored(
    size: int, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = WorkerMetrics()
    said: list[Event | Control] = [click(1), UseModel("m2"), click(2), UseModel("gone"), click(3), click(4)]
    records = await run(FakeLog({0: log_of(said)}), known("m1", "m2"), metrics, size)
    assert scored_by_model(records) == [(0, "m1"), (2, "m2"), (4, "m2"), (5, "m2")]
    [letter] = [decode_dead(row.value) for row in records.topics[TOPICS.dead]]
    assert (letter.offset, letter.reason, letter.detail) == (3, "failed", "model 'gone' is not there")
    assert metrics.registry.get_sample_value("opecom_worker_refused_models_total") == 1
    assert "the control at 3 is refused, m2 goes on: model 'gone' is not there" in caplog.text


async def test_a_refused_version_is_taken_when_it_is_promoted_again() -> None:
    log = FakeLog({0: log_of([click(1), UseModel("m2"), click(2)])})
    await run(log, known("m1"))
    log.partitions[0] += log_of([click(3), UseModel("m2"), click(4)], start=3)
    assert scored_by_model(await run(log, known("m1", "m2"))) == [(3, "m1"), (5, "m2")]


async def test_a_worker_that_starts_again_comes_to_the_same_end_although_the_model_is_there_now() -> None:
    log = FakeLog({0: log_of([click(1), UseModel("m2"), click(2)])})
    await run(log, known("m1"))
    mark = decode_mark(log.commits[0][1])
    assert mark is not None
    assert (mark.next, mark.refused) == (0, (1,))
    log.partitions[0] += log_of([click(3)], start=3)
    assert scored_by_model(await run(log, known("m1", "m2"))) == [(3, "m1")]


async def test_a_mark_forgets_what_was_refused_before_it() -> None:
    log = FakeLog({0: log_of([UseModel("gone"), UseModel("gone")])})
    await run(log, known("m1"), size=1)
    mark = decode_mark(log.commits[0][1])
    assert mark == Mark(2, {})


@pytest.mark.parametrize(
    ("before", "goes_on"),
    [pytest.param("m2", "m2", id="the one before"), pytest.param("m8", "m1", id="else the default")],
)
async def test_a_model_that_is_gone_when_a_partition_is_claimed_gives_way(before: str, goes_on: str) -> None:
    log = FakeLog({0: log_of([click(1), click(2)])})
    log.commits[0] = (1, encode_mark(Mark(0, {}, "m9", 0, before)))
    metrics = WorkerMetrics()
    assert scored_by_model(await run(log, known("m1", "m2"), metrics)) == [(1, goes_on)]
    assert metrics.registry.get_sample_value("opecom_worker_refused_models_total") == 1


async def test_crashes_leave_no_update_out_and_none_to_another_model() -> None:
    chance = random.Random(8)
    said: list[Event | Control] = []
    expected: dict[int, str] = {}
    model = "m1"
    for number in range(200):
        if chance.random() < 0.1:
            version = chance.choice(["m1", "m2", "m3", "gone", "lost"])
            model = version if version.startswith("m") else model
            said.append(UseModel(version))
        else:
            expected[len(said)] = model
            said.append(click(number + 1))
    log, models, records = FakeLog({0: log_of(said)}), known("m1", "m2", "m3"), ListRecordPublisher()
    for _ in range(25):
        crashing = CrashingRecords(records, survives=chance.randrange(1, 25))
        worker, client = worker_on(log, crashing, models=models), FakeClient(log)
        await worker.claim({0}, client)
        try:
            while not client.done(worker):
                await worker.round({0: client.fetch(0, chance.randrange(1, 9))}, client)
                if chance.random() < 0.7:
                    await worker.commit(client)
        except CrashError:
            continue
    assert dict(scored_by_model(records)) == expected
    assert len(set(scored_by_model(records))) == len(expected)
