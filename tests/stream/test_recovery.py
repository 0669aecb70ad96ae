"""Where a partition was, found again: also when the log is not what it was."""

import asyncio
import logging
from collections.abc import Iterable

import msgspec
import pytest

import stream.recovery
from stream.fold.mark import MARK_BYTES, Mark, decode_mark, encode_mark
from stream.fold.pages import PageRow, PagesMarker
from stream.fold.sites import SiteRow
from stream.metrics import WorkerMetrics
from stream.publish import KeyedRecord, ListRecordPublisher
from stream.recovery import LogCutError
from stream.scored import decode
from stream.worker import Worker
from tests.support.events import NOON, event
from tests.support.fakes import TOPICS, FakeClient, FakeLog, FakeReading, worker_on
from tests.support.followed import LazyPages
from tests.support.log import LogRecord, log_of


def a_log(first: int = 0, count: int = 6) -> list[LogRecord]:
    """Views of one session, one second apart; `first` records are gone from the log's start."""
    return log_of([event(number + 1, NOON + number * 1000) for number in range(count)])[first:]


async def claimed(log: FakeLog) -> tuple[Worker, FakeClient, ListRecordPublisher]:
    records = ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    await worker.claim({0}, client)
    return worker, client, records


async def test_a_first_start_begins_at_the_logs_start() -> None:
    worker, client, _ = await claimed(FakeLog({0: a_log(first=2)}))
    assert (worker.partitions[0].next, client.position_of[0]) == (2, 2)


async def test_a_restart_folds_from_the_mark_and_reports_nothing_again() -> None:
    log = FakeLog({0: a_log()})
    log.commits[0] = (4, encode_mark(Mark(0, {})))
    worker, client, records = await claimed(log)
    assert records.topics == {}
    assert worker.partitions[0].sessions()[0].events == 4
    await worker.round({0: client.fetch(0, 10)}, client)
    told = [decode(row.value).counts.events for row in records.topics[TOPICS.scored]]
    assert told == [5, 6]


@pytest.mark.parametrize("metadata", ["", "{", '{"other": 1}'], ids=["none", "broken", "of somebody else"])
async def test_without_a_mark_it_folds_from_the_logs_start(metadata: str) -> None:
    log = FakeLog({0: a_log()})
    log.commits[0] = (4, metadata)
    worker, _, _ = await claimed(log)
    assert worker.partitions[0].next == 4
    assert worker.partitions[0].sessions()[0].events == 4


async def test_events_that_retention_took_are_reported_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    log = FakeLog({0: a_log(first=3)})
    log.commits[0] = (1, encode_mark(Mark(0, {"live": NOON}, "m1", 7)))
    with caplog.at_level(logging.ERROR):
        worker, _, _ = await claimed(log)
    assert (worker.partitions[0].next, worker.partitions[0].models.common, worker.partitions[0].pages_version) == (
        3,
        "m1",
        7,
    )
    assert "events from 1 to 3 are gone from the log" in caplog.text


async def test_a_mark_that_retention_took_is_reported_and_the_fold_begins_at_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = FakeLog({0: a_log(first=3)})
    log.commits[0] = (5, encode_mark(Mark(1, {"live": NOON}, "m1", 7)))
    with caplog.at_level(logging.ERROR):
        worker, _, _ = await claimed(log)
    partition = worker.partitions[0]
    assert (partition.next, partition.models.common, partition.pages_version) == (5, "m1", 7)
    assert "open sessions began at 1, the log begins at 3" in caplog.text


@pytest.mark.parametrize(
    ("first", "committed", "mark"),
    [
        pytest.param(0, 4, 0, id="open sessions begin after the control"),
        pytest.param(0, 4, 4, id="no session is open"),
        pytest.param(3, 1, 1, id="retention took what was committed"),
    ],
)
async def test_page_statistics_that_the_mark_has_in_force_are_read_before_the_fold(
    first: int, committed: int, mark: int
) -> None:
    pages = LazyPages(PageRow("b", "default", "/p/1", 0.1, 0.2, 7.5), SiteRow("b", "default", 0.2), PagesMarker("b", 2))
    log, records = FakeLog({0: a_log(first)}), ListRecordPublisher()
    log.commits[0] = (committed, encode_mark(Mark(mark, {"live": NOON}, "", 3)))
    worker, client = worker_on(log, records, pages.statistics, wait_for_versions=pages.reached), FakeClient(log)
    await worker.claim({0}, client)
    await worker.round({0: client.fetch(0, 10)}, client)
    assert {decode(row.value).features.PageValues for row in records.topics[TOPICS.scored]} == {7.5}
    assert pages.statistics.profile("default", 3).expected_conversion == 0.2


async def test_a_topic_made_anew_under_its_old_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.recovery, "PATIENCE", 0.0)
    log = FakeLog({0: a_log(count=2)})
    log.commits[0] = (9, encode_mark(Mark(0, {})))
    with pytest.raises(LogCutError, match=r"committed up to 9, but the log ends at 2.*OPECOM_WORKER__GROUP"):
        await claimed(log)


async def test_a_silent_kafka_is_not_taken_for_a_topic_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.recovery, "PATIENCE", 0.0)
    log = FakeLog({0: a_log(count=9)})
    log.commits[0] = (9, encode_mark(Mark(0, {})))
    log.read = lambda *_: FakeReading([])  # type: ignore[method-assign]
    with pytest.raises(LogCutError, match="Kafka gave no records of partition 0 after 0"):
        await claimed(log)


async def test_a_hole_in_the_log_is_passed_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    records = a_log()
    log = FakeLog({0: [*records[:2], *records[4:]]})
    log.commits[0] = (6, encode_mark(Mark(0, {})))
    worker, _, _ = await claimed(log)
    assert worker.partitions[0].next == 6
    assert worker.partitions[0].sessions()[0].events == 4
    assert "events from 2 to 4 are gone from the log" in caplog.text


async def test_a_partition_that_never_had_a_record_has_nothing_to_fold() -> None:
    log = FakeLog({0: []})
    log.commits[0] = (0, "")
    worker, _, _ = await claimed(log)
    assert worker.partitions[0].next == 0


async def test_a_partition_that_comes_back_goes_on_from_what_is_known_of_it() -> None:
    log = FakeLog({0: a_log()})
    worker, client, _ = await claimed(log)
    await worker.round({0: client.fetch(0, 3)}, client)
    known = worker.partitions[0]
    log.commits[0] = (5, encode_mark(Mark(4, {})))
    await worker.claim({0}, client)
    assert worker.partitions[0] is known
    assert known.next == 5
    assert known.sessions()[0].events == 5
    await worker.claim(set(), client)
    assert worker.partitions == {}


def test_a_mark_survives_its_metadata() -> None:
    mark = Mark(12, {"live": NOON, "uci~a": 5}, "m1", 7, sites={"shop": "m2"})
    assert decode_mark(encode_mark(mark)) == mark


def test_a_mark_of_before_sites_had_models_is_read() -> None:
    assert decode_mark('{"next":12,"clocks":{"live":5},"model":"m1","pages":7,"before":"m0","refused":[3]}') == Mark(
        12, {"live": 5}, "m1", 7, "m0", (3,)
    )
    assert decode_mark("z:no mark") is None


def test_a_mark_of_many_clocks_models_and_refusals_is_packed() -> None:
    clocks = {f"shop~{number:08x}": NOON + number for number in range(95)} | {"live": NOON}
    sites = {f"shop-{number}": f"logistic-shop-{number}-2026-11-29-{number:08x}" for number in range(38)}
    mark = Mark(2**40, clocks, "m" * 64, 2**40, "n" * 64, tuple(range(2**40, 2**40 + 32)), sites)
    text = encode_mark(mark)
    assert len(text) <= MARK_BYTES < len(msgspec.json.encode(mark))
    assert decode_mark(text) == mark


def test_a_mark_fits_into_kafkas_metadata_whatever_was_imported() -> None:
    clocks = {"live": NOON} | {f"{'x' * 60}~{n:08x}": NOON for n in range(300)}
    text = encode_mark(Mark(2**40, clocks, "m" * 64, 2**40))
    assert len(text) <= 4_096
    kept = decode_mark(text)
    assert kept is not None
    assert kept.clocks["live"] == NOON
    assert list(clocks)[-1] in kept.clocks


async def test_a_recovery_yields_to_probes_and_states_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stream.recovery.YIELD_SECONDS < 1, "a probe is answered within a second"
    monkeypatch.setattr(stream.recovery, "YIELD_SECONDS", 0.0)
    log = FakeLog({0: a_log(count=1_000)})
    log.commits[0] = (1_000, encode_mark(Mark(0, {})))
    metrics = WorkerMetrics()
    worker = worker_on(log, ListRecordPublisher(), metrics=metrics)
    claiming = asyncio.create_task(worker.claim({0}, FakeClient(log)))
    lines, left = [], []
    while not claiming.done():
        await asyncio.sleep(0)
        lines.append(worker.recovery)
        left.append(metrics.registry.get_sample_value("opecom_worker_recovery_left_records"))
    await claiming
    assert "recovering partition 0: 64 of 1,000 records folded" in lines
    assert "recovering partition 0: 960 of 1,000 records folded" in lines
    assert sum(line.startswith("recovering") for line in lines) > 10, "the loop was never held for long"
    by_line = dict(zip(lines, left, strict=True))
    assert by_line["recovering partition 0: 64 of 1,000 records folded"] == 936
    assert by_line["recovering partition 0: 960 of 1,000 records folded"] == 40
    assert (worker.recovery, left[-1]) == ("", 0)
    assert worker.partitions[0].next == 1_000


async def test_partitions_with_less_to_fold_go_on_while_another_one_is_recovered() -> None:
    log = FakeLog({0: a_log(count=2_000), 1: a_log(count=4), 2: a_log(count=4)})
    log.commits = {0: (2_000, encode_mark(Mark(0, {}))), 1: (2, encode_mark(Mark(0, {})))}
    records = ListRecordPublisher()
    worker, client = worker_on(log, records), FakeClient(log)
    claiming = asyncio.create_task(worker.claim({0, 1, 2}, client))
    while set(worker.partitions) != {1, 2}:
        assert not claiming.done()
        await asyncio.sleep(0)
    await worker.round({1: client.fetch(1, 10), 2: client.fetch(2, 10)}, client)
    assert [decode(row.value).counts.events for row in records.topics[TOPICS.scored]] == [3, 4, 1, 2, 3, 4]
    assert not claiming.done()
    await claiming
    assert set(worker.partitions) == {0, 1, 2}
    assert worker.recovery == ""


async def test_maintenance_goes_on_while_a_claim_adds_partitions() -> None:
    log = FakeLog({0: a_log(), 1: a_log()})
    worker, client, _ = await claimed(log)
    recovered = worker.partitions[0]

    class ClaimingClient(FakeClient):
        async def position(self, partition: int) -> int | None:
            worker.partitions[1] = recovered
            return await super().position(partition)

    class ClaimingRecords(ListRecordPublisher):
        async def publish(self, topic: str, records: Iterable[KeyedRecord]) -> None:
            worker.partitions[2] = recovered
            await super().publish(topic, records)

    await worker.round({0: client.fetch(0, 10)}, client)
    worker._records = ClaimingRecords()
    await worker.run_maintenance(ClaimingClient(log), NOON + 24 * 3_600_000)
    assert set(worker.partitions) == {0, 1, 2}


async def test_a_recovery_that_is_cancelled_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.recovery, "YIELD_SECONDS", 0.0)
    log = FakeLog({0: a_log(count=1_000)})
    log.commits[0] = (1_000, encode_mark(Mark(0, {})))
    worker, client = worker_on(log, ListRecordPublisher()), FakeClient(log)
    claiming = asyncio.create_task(worker.claim({0}, client))
    while "640 of" not in worker.recovery:  # noqa: ASYNC110  it says so in the loop's turns
        await asyncio.sleep(0)
    claiming.cancel()
    await asyncio.wait({claiming})
    assert worker.partitions == {}
    begun = []
    read = log.read
    log.read = lambda number, offset: begun.append(offset) or read(number, offset)  # type: ignore[method-assign]
    await worker.claim({0}, client)
    assert begun[0] >= 640
    assert worker.partitions[0].sessions()[0].events == 1_000
