"""The writer over lists: nothing is lost, nothing is committed early, nothing stops it that should not."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.errors import CommitFailedError
from prometheus_client import CollectorRegistry

from deploy.settings.model import Settings, StorageSettings
from deploy.wiring.writer import WriterStatus
from ingest import events
from storage.database.errors import DatabaseUnavailableError, RowsRefusedError
from storage.metrics import WriterMetrics
from storage.write.block import Block
from storage.write.deliver import NamedSink
from storage.write.sink import ListSink
from storage.write.writer import MAX_REFUSED_IN_A_ROW, Writer, WriterError
from stream.fold.erasures import ErasureRecord, Erasures, visitor_digest
from stream.fold.erasures import encode as encode_erasure
from stream.scored import DEAD_BYTES, DeadLetter, decode_dead, encode, version_of
from tests.support.consumers import TOPICS, ListConsumer, ListProducer, Log
from tests.support.disk import fill_disk
from tests.support.events import NOON, event
from tests.support.monitoring import ALERTS
from tests.support.ports import free_port
from tests.support.promql import selectors_of
from tests.support.scored import scored

SCORED = ("scored-sessions", 0)
S1 = ("default", "s1", NOON)
GOOD, BAD = (b"default/s1", encode(scored(1))), (b"default/s1", b"{}")


class Desk:
    """One writer, its two databases and its Kafka, all in lists."""

    def __init__(self, log: Log, relational: ListSink | None = None, **consumer: object) -> None:
        self.stop = asyncio.Event()
        self.consumer = ListConsumer(log, self.stop, **consumer)  # type: ignore[arg-type]
        self.producer = ListProducer()
        self.relational, self.analytics = relational or ListSink(), ListSink()
        self.registry = CollectorRegistry()

    async def run(self, max_block: int = 1_000) -> None:
        await self.writer(max_block).run(self.stop)

    def writer(self, max_block: int = 1_000, **more: Any) -> Writer:
        return Writer(
            **more,
            log_id="log",
            topics=TOPICS,  # type: ignore[arg-type]
            consumer=self.consumer,
            producer=self.producer,
            databases=(
                NamedSink("the relational database", "storage.url", self.relational),
                NamedSink("ClickHouse", "storage.clickhouse_host", self.analytics),
            ),
            gather_seconds=0.01,
            max_block=max_block,
            metrics=WriterMetrics(self.registry),
        )

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"opecom_writer_{name}", labels)

    def committed(self) -> dict[tuple[str, int], int]:
        return {(partition.topic, partition.partition): offset for partition, offset in self.consumer.commits.items()}


class FailingSink(ListSink):
    """Raises what `fault` returns for a block, as often as it returns something."""

    def __init__(self, fault: Callable[[Block], Exception | None]) -> None:
        super().__init__()
        self._fault = fault

    def write(self, block: Block) -> None:
        error = self._fault(block)
        if error is not None:
            raise error
        super().write(block)


def updates(count: int) -> list[tuple[bytes | None, bytes]]:
    return [(b"default/s1", encode(scored(offset, session_id=f"s{offset}"))) for offset in range(count)]


async def test_every_topic_reaches_both_databases_and_is_committed() -> None:
    seen = event(1)
    letter = DeadLetter(log="log", partition=0, offset=3, reason="late", detail="", key=None, raw=b"x")
    desk = Desk(
        {
            SCORED: updates(5),
            ("scored-sessions", 1): [(b"default/other", encode(scored(0, session_id="other")))],
            ("events", 0): [(events.key_of("default", "s1"), events.encode(seen)), (None, b"\xff")],
            ("events-dead", 0): [(b"log:0:3", encode(letter))],
        }
    )
    await desk.run()
    for sink in (desk.relational, desk.analytics):
        assert len(sink.sessions) == 6
        assert list(sink.events) == [("log", 0, 0), ("log", 0, 1)]
        assert list(sink.dead.values()) == [letter]
    assert desk.committed() == {SCORED: 5, ("scored-sessions", 1): 1, ("events", 0): 2, ("events-dead", 0): 1}
    assert desk.relational.positions["log", "scored", 0] == (5, 4)
    assert desk.metric("records_total", topic="scored-sessions") == 6
    assert desk.metric("lag_records", topic="events") == 0
    assert desk.metric("block_records_sum") == 9
    for name in ("the relational database", "ClickHouse"):
        assert desk.metric("database_seconds_count", database=name) == desk.metric("block_records_count")
    assert (desk.metric("last_write_timestamp_seconds") or 0) > 0


async def test_what_is_erased_is_not_stored_from_the_control_on() -> None:
    """The client may fetch a control before the topic of erasures is read so far: the writer waits for it."""
    gone, other = event(1, visitor_id="gone"), event(2, visitor_id="v2", session_id="s2")
    late = DeadLetter(
        log="log", partition=0, offset=9, reason="late", detail="", key=b"default/s1", raw=events.encode(gone)
    )
    desk = Desk(
        {
            SCORED: [
                (b"default/s1", encode(scored(0, visitor_id="gone"))),
                (b"default/s2", encode(scored(1, session_id="s2"))),
            ],
            ("events", 0): [
                (None, events.encode(events.Erase(visitor_digest("default", "gone"), 1))),
                (b"default/s1", events.encode(gone)),
                (b"default/s2", events.encode(other)),
            ],
            ("events-dead", 0): [(b"log:0:9", encode(late))],
        }
    )  # fmt: skip
    erasures, waited = Erasures(), []

    async def reached(version: int) -> None:
        waited.append(version)
        if version:
            erasures.take(0, encode_erasure(ErasureRecord(visitor_digest("default", "gone"), NOON, settled=True)))

    await desk.writer(erasures=erasures, erasures_reached=reached).run(desk.stop)
    assert max(waited) == 1
    for sink in (desk.relational, desk.analytics):
        assert {update.session_id for _, update in sink.sessions.values()} == {"s2"}
        assert sink.dead == {}
        assert sink.events["log", 0, 1] == (None, events.encode(events.Tick("live", gone.received_at)))
        assert sink.events["log", 0, 2] == (b"default/s2", events.encode(other))
    assert desk.committed() == {SCORED: 2, ("events", 0): 3, ("events-dead", 0): 1}


async def test_an_event_is_stored_until_it_is_settled_in_which_sessions_its_visitor_was() -> None:
    gone = event(1, visitor_id="gone")
    erasures = Erasures()
    erasures.take(0, encode_erasure(ErasureRecord(visitor_digest("default", "gone"), NOON)))
    desk = Desk({("events", 0): [(b"default/s1", events.encode(gone))]})
    await desk.writer(erasures=erasures).run(desk.stop)
    assert desk.analytics.events["log", 0, 0] == (b"default/s1", events.encode(gone))


async def test_a_client_that_skips_records_is_sent_back() -> None:
    desk = Desk({SCORED: updates(30)}, skip=[(*SCORED, offset) for offset in (0, 1, 11, 17, 29)])
    await desk.run(max_block=7)
    assert len(desk.relational.sessions) == len(desk.analytics.sessions) == 30
    assert desk.committed() == {SCORED: 30}
    assert desk.metric("rereads_total") >= 2
    assert desk.metric("gaps_total") == 0


async def test_it_starts_where_the_group_has_committed() -> None:
    desk = Desk({SCORED: updates(10)}, committed={SCORED: 6})
    await desk.run()
    assert {update.session_id for _, update in desk.relational.sessions.values()} == {"s6", "s7", "s8", "s9"}


async def test_records_deleted_before_they_were_written_are_reported_and_passed() -> None:
    desk = Desk({SCORED: updates(5)}, committed={SCORED: 2}, begins={SCORED: 40})
    await desk.run()
    assert desk.committed() == {SCORED: 45}


async def test_a_database_that_is_away_pauses_the_writer_and_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    outages = 3
    seen_commits: list[dict[tuple[str, int], int]] = []

    def away(_: Block) -> Exception | None:
        nonlocal outages
        seen_commits.append(desk.committed())
        outages -= 1
        return DatabaseUnavailableError("connection refused") if outages >= 0 else None

    desk = Desk({SCORED: updates(9)}, FailingSink(away))
    await desk.run(max_block=5)
    assert seen_commits[:4] == [{}] * 4, "nothing is committed while a database is away"
    assert len(desk.relational.sessions) == 9
    assert desk.committed() == {SCORED: 9}
    lines = [message for message in caplog.messages if "storage.url" in message]
    assert len(lines) == 1, "one line, not one per attempt"
    assert desk.metric("database_away", database="the relational database") == 0
    assert desk.metric("retries_total", database="the relational database") == 3
    assert desk.metric("retries_total", database="ClickHouse") == 0


async def test_it_ends_at_once_where_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk({SCORED: []})

    async def never(**_: int) -> dict[Any, list[Any]]:
        desk.stop.set()
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(desk.consumer, "getmany", never)
    await desk.run()


async def test_stopping_while_a_database_is_away_commits_nothing() -> None:
    def away(_: Block) -> Exception | None:
        desk.stop.set()
        return DatabaseUnavailableError("connection refused")

    desk = Desk({SCORED: updates(9)}, FailingSink(away))
    await desk.run()
    assert desk.committed() == {}
    assert desk.metric("database_away", database="the relational database") == 1
    assert desk.metric("lag_records", topic="scored-sessions") == 9, "what is not written is behind"
    assert desk.metric("last_write_timestamp_seconds") == 0


async def test_an_unreadable_record_is_a_dead_letter_and_the_others_are_written() -> None:
    desk = Desk({SCORED: [GOOD, BAD, (b"default/s1", encode(scored(2)))]})
    await desk.run()
    [(topic, key, value)] = desk.producer.sent
    letter = decode_dead(value)
    assert (topic, key) == ("events-dead", b"log:scored-sessions:0:1")
    assert (letter.topic, letter.offset, letter.reason, letter.raw) == ("scored-sessions", 1, "failed", b"{}")
    assert "site" in letter.detail
    assert desk.relational.sessions[S1][1].version == version_of(2, False)
    assert desk.committed() == {SCORED: 3}
    assert desk.metric("refused_total") == 1


async def test_an_unreadable_record_as_large_as_a_message_becomes_a_smaller_dead_letter() -> None:
    desk = Desk({SCORED: [GOOD, (b"k" * 100_000, b"?" * 1_000_000)]})
    await desk.run()
    [(_, key, value)] = desk.producer.sent
    assert key == b"log:scored-sessions:0:1"
    assert len(value) < 900_000, "the producer's and the topic's limits are about a million"
    assert len(decode_dead(value).raw) == DEAD_BYTES
    assert desk.committed() == {SCORED: 2}


async def test_what_one_database_refuses_is_found_among_many_and_the_other_database_keeps_it() -> None:
    def refuses(block: Block) -> Exception | None:
        return RowsRefusedError("too long") if any(update.session_id == "s37" for _, update in block.scored) else None

    desk = Desk({SCORED: updates(100)}, FailingSink(refuses))
    await desk.run()
    assert [decode_dead(value).offset for _, _, value in desk.producer.sent] == [37]
    assert len(desk.relational.sessions) == 99
    assert len(desk.analytics.sessions) == 100
    assert desk.committed() == {SCORED: 100}


async def test_a_dead_letter_that_is_refused_does_not_beget_another() -> None:
    letter = DeadLetter(log="log", partition=0, offset=3, reason="late", detail="", key=None, raw=b"x")
    desk = Desk({("events-dead", 0): [(b"k", encode(letter))]}, FailingSink(lambda _: RowsRefusedError("no")))
    await desk.run()
    assert desk.producer.sent == []
    assert desk.committed() == {("events-dead", 0): 1}


async def test_an_unreadable_dead_letter_is_kept_as_one() -> None:
    desk = Desk({("events-dead", 0): [(b"k", b"\xff")]})
    await desk.run()
    [letter] = desk.analytics.dead.values()
    assert (letter.topic, letter.reason, letter.raw) == ("events-dead", "undecodable", b"\xff")


async def test_fifty_refused_in_a_row_stop_it_and_commit_nothing() -> None:
    desk = Desk({SCORED: [GOOD] + [BAD] * MAX_REFUSED_IN_A_ROW})
    with pytest.raises(WriterError, match="50 records in a row"):
        await desk.run()
    assert desk.committed() == {}
    assert desk.producer.sent == []


async def test_fifty_in_a_row_are_counted_across_blocks() -> None:
    desk = Desk({SCORED: [BAD] * MAX_REFUSED_IN_A_ROW})
    with pytest.raises(WriterError):
        await desk.run(max_block=20)
    assert desk.committed() == {SCORED: 40}


async def test_many_refused_with_good_ones_between_do_not_stop_it() -> None:
    desk = Desk({SCORED: ([BAD] * (MAX_REFUSED_IN_A_ROW - 1) + [GOOD]) * 3})
    await desk.run()
    assert desk.committed() == {SCORED: 3 * MAX_REFUSED_IN_A_ROW}
    assert len(desk.producer.sent) == 3 * (MAX_REFUSED_IN_A_ROW - 1)


async def test_a_rebalance_that_comes_before_the_commit_is_no_failure() -> None:
    desk = Desk({SCORED: updates(4)}, commit_error=CommitFailedError())
    await desk.run(max_block=2)
    assert len(desk.relational.sessions) == 4
    assert desk.committed() == {SCORED: 4}


@pytest.mark.parametrize("log", [{SCORED: updates(3)}, {}], ids=["partitions", "none left for it"])
async def test_it_is_ready_once_it_has_its_place_and_not_while_partitions_move(log: Log) -> None:
    desk = Desk(log)
    writer = desk.writer()
    assert not writer.ready
    await writer.run(desk.stop)
    assert writer.ready
    await desk.consumer.listener.on_partitions_revoked(desk.consumer.assignment())
    assert not writer.ready


@pytest.mark.parametrize(
    "away",
    [("the relational database",), ("ClickHouse",), ("the relational database", "ClickHouse")],
    ids=["the relational database", "ClickHouse", "both"],
)
async def test_databases_that_are_away_and_a_full_disk_stand_in_readyz(
    away: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = dict.fromkeys(away, 0)

    def failing(database: str) -> ListSink:
        def fault(_: Block) -> Exception | None:
            if database not in failures:
                return None
            failures[database] += 1
            if min(failures.values()) == 2:
                desk.stop.set()
            return DatabaseUnavailableError("refused")

        return FailingSink(fault)

    desk = Desk({SCORED: updates(1)}, failing("the relational database"))
    desk.analytics = failing("ClickHouse")
    # It would end the writer as soon as it has nothing more to hand out.
    desk.consumer._stop = asyncio.Event()
    standing, port = WriterStatus("writer", folder=tmp_path), free_port()
    standing.writer = desk.writer()
    await standing.writer.run(desk.stop)
    settings = {"the relational database": "storage.url", "ClickHouse": "storage.clickhouse_host"}
    reasons = [
        f"{name} does not take writes (refused); nothing is lost, trying again. {settings[name]} says where it is"
        for name in away
    ]
    assert standing.writer.degraded == "; ".join(reasons)
    reasons.append(fill_disk(monkeypatch, tmp_path))
    async with (
        standing.serving(Settings(storage=StorageSettings(metrics_port=port))),
        httpx.AsyncClient(timeout=90) as http,
    ):
        answer = await http.get(f"http://127.0.0.1:{port}/readyz")
    assert (answer.status_code, answer.text) == (503, f"degraded: {'; '.join(reasons)}\n")


async def test_lag_grows_while_a_database_is_away_and_the_alert_on_it_fires(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is fetched meanwhile: the writer asks Kafka where the topics end, so its alert has something to see."""
    monkeypatch.setattr("storage.write.writer.LAG_SECONDS", 0.01)
    seen: list[float | None] = []

    def away(_: Block) -> Exception | None:
        ends[0] += 40_000
        seen.append(desk.metric("lag_records", topic="scored-sessions"))
        if len(seen) == 4:
            desk.stop.set()
        assert writer.degraded.startswith("the relational database does not take writes") or len(seen) == 1
        return DatabaseUnavailableError("connection refused")

    ends, desk = [9], Desk({SCORED: updates(9)}, FailingSink(away))

    async def end_offsets(partitions: list[Any]) -> dict[Any, int]:
        return dict.fromkeys(partitions, ends[0])

    desk.consumer.end_offsets = end_offsets  # type: ignore[method-assign]
    # It would end the writer as soon as it has nothing more to hand out.
    desk.consumer._stop = asyncio.Event()
    writer = desk.writer()
    assert writer.degraded == ""
    await writer.run(desk.stop)
    counts = [count or 0 for count in seen]
    assert counts[0] == 9
    assert counts == sorted(counts)
    (rule,) = [rule for rule in ALERTS if rule["alert"] == "OpecomWriterLags"]
    least = float(re.search(r"sum\(opecom_writer_lag_records\) > (\d+)", rule["expr"])[1])  # type: ignore[index]
    assert all(each.in_samples(list(samples(desk.registry))) for each in selectors_of(rule["expr"]))
    now = desk.metric("lag_records", topic="scored-sessions") or 0
    assert now > least, "the first half of the rule"
    assert now >= counts[1], "the second half: it does not get less"


def samples(registry: CollectorRegistry) -> Iterator[tuple[str, dict[str, str]]]:
    for family in registry.collect():
        for sample in family.samples:
            yield sample.name, sample.labels


@pytest.mark.parametrize(
    ("behind", "blocks"),
    [pytest.param(100, [6, 4], id="keeps up"), pytest.param(6, [10], id="is behind")],
)
async def test_a_writer_that_is_behind_gathers_for_longer(
    behind: int, blocks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("storage.write.writer.time.monotonic", lambda: now)
    desk = Desk({SCORED: updates(10)})
    fetch = desk.consumer.getmany

    async def slow(timeout_ms: int, max_records: int) -> Any:
        nonlocal now
        # A fetch brings two records and takes over half of the gathering time.
        now += 0.006
        return await fetch(timeout_ms, 2)

    monkeypatch.setattr(desk.consumer, "getmany", slow)
    writer = desk.writer(max_block=100)
    monkeypatch.setattr(writer, "_is_behind", lambda: behind < 100)
    written: list[int] = []
    observe = desk.relational.write

    def write(block: Block) -> None:
        written.append(len(block))
        observe(block)

    monkeypatch.setattr(desk.relational, "write", write)
    await writer.run(desk.stop)
    assert written == blocks
    assert len(desk.relational.sessions) == 10


@pytest.mark.parametrize(("records", "behind"), [(100, True), (99, False)])
async def test_a_writer_is_behind_by_a_block_that_the_topics_hold(records: int, behind: bool) -> None:
    desk = Desk({SCORED: updates(records + 2)})
    writer = desk.writer(max_block=100)
    await writer._group.join()
    while not await writer._group.fetch(1, 2):
        pass
    assert writer._is_behind() is behind
