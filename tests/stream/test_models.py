"""A model that cannot score is refused where the log names it, and the one before it goes on."""

import random

import pytest

from ingest.events import Control, Event, UndecodableError, UseModel, encode
from ingest.events import decode as decode_record
from stream.fold.mark import Mark, decode_mark, encode_mark
from stream.fold.models_in_force import ModelsInForce
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


async def test_a_sites_own_model_stands_before_the_common_one_until_it_is_taken_back() -> None:
    said: list[Event | Control] = [UseModel("m2", "a")]
    for number, control in enumerate((UseModel("m3"), UseModel("gone", "a"), UseModel("", "a"), UseModel("", "a"))):
        said += [event(10 * number + each, NOON, site=site, session_id=site) for each, site in enumerate(("a", "b"), 1)]
        said.append(control)
    said.append(event(99, NOON, site="a", session_id="a"))
    metrics = WorkerMetrics()
    records = await run(FakeLog({0: log_of(said)}), known("m1", "m2", "m3"), metrics, size=20)
    assert [model for _, model in scored_by_model(records)] == ["m2", "m1", "m2", "m3", "m2", "m3", "m3", "m3", "m3"]
    assert metrics.registry.get_sample_value("opecom_worker_refused_models_total") == 1


async def test_a_sites_model_that_is_gone_when_a_partition_is_claimed_gives_way_to_the_common_one() -> None:
    log = FakeLog({0: log_of([event(1, NOON, site="a"), event(2, NOON, site="b")])})
    log.commits[0] = (0, encode_mark(Mark(0, {}, "m2", sites={"a": "m9", "b": "m3"})))
    assert scored_by_model(await run(log, known("m1", "m2", "m3"))) == [(0, "m2"), (1, "m3")]


def test_more_sites_with_models_of_their_own_than_a_mark_holds_are_refused() -> None:
    models = ModelsInForce()
    taken = [not models.apply(UseModel(f"logistic-{site}-2026-11-29-5f0c2a91", f"s{site}")) for site in range(100)]
    count = taken.index(False)
    assert count > 40
    assert not any(taken[count:])
    assert "opecom models rollback --site" in models.apply(UseModel("m" * 40, "another"))
    assert models.apply(UseModel("m2", "s0")) == ""
    assert models.apply(UseModel("", "s1")) == ""
    assert models.apply(UseModel("m" * 40, "another")) == ""
    assert models.copy().sites == models.sites


@pytest.mark.parametrize(
    "value", [b'{"control":"model","version":""}', b'{"control":"model","version":"m1","site":"A"}']
)
def test_a_control_without_a_version_or_with_an_impossible_site_is_undecodable(value: bytes) -> None:
    with pytest.raises(UndecodableError):
        decode_record(None, value)


def test_a_control_of_before_sites_had_models_is_read_and_written_as_it_was() -> None:
    value = b'{"control":"model","version":"m1"}'
    assert decode_record(None, value) == UseModel("m1")
    assert encode(UseModel("m1")) == value


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


SITES = ("a", "b", "b~history")


def expected_model(site: str, common: str, own: dict[str, str]) -> str:
    return own.get(site.split("~", maxsplit=1)[0], common)


async def test_crashes_leave_no_update_out_and_none_to_another_model() -> None:
    chance = random.Random(8)
    said: list[Event | Control] = []
    expected: dict[int, str] = {}
    common, own = "m1", dict[str, str]()
    for number in range(300):
        if chance.random() < 0.15:
            version = chance.choice(["m1", "m2", "m3", "gone", "lost"])
            site = chance.choice(["", "a", "b"])
            control = UseModel("" if site and chance.random() < 0.3 else version, site)
            said.append(control)
            if not site:
                common = version if version.startswith("m") else common
            elif not control.version:
                own.pop(site, None)
            elif version.startswith("m"):
                own[site] = version
        else:
            each = event(number + 1, NOON + number * 1000, site=chance.choice(SITES), session_id=f"s{number % 7}")
            expected[len(said)] = expected_model(each.site, common, own)
            said.append(each)
    assert set(expected.values()) == {"m1", "m2", "m3"}
    log, models, records = FakeLog({0: log_of(said)}), known("m1", "m2", "m3"), ListRecordPublisher()
    for _ in range(50):
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
