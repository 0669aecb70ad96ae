"""Named points between dangerous steps, at which an order ends the process; wrapped from outside while a part runs."""

import functools
import importlib
import inspect
import itertools
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class FailPoint:
    """Before or after a call of `target`, MODULE:NAME, in the processes of `part`."""

    part: str
    target: str
    when: Literal["before", "after"]


_WORKER = "stream.worker:Worker"
_ROUNDS = "stream.kafka.consumer:RoundsConsumer"
_SCORED = "stream.kafka.publish:KafkaRecordPublisher"
_INGEST = "ingest.kafka:KafkaPublisher"
_WRITER = "storage.write.writer:Writer"
_RELATIONAL = "storage.write.relational_sink:RelationalSink"
_SNAPSHOTS = "stream.snapshot.writer:SnapshotWriter"
_CLICKHOUSE = "storage.write.clickhouse_sink:AnalyticsSink"
#: By name: what has happened by then.
POINTS = {
    "ingest: read, nothing sent": FailPoint("ingest", f"{_INGEST}.publish", "before"),
    "ingest: one partition acknowledged": FailPoint("ingest", f"{_INGEST}._send_some", "after"),
    "ingest: all acknowledged, not answered": FailPoint("ingest", f"{_INGEST}.publish", "after"),
    "worker: folded, nothing published": FailPoint("worker", f"{_SCORED}.publish", "before"),
    "worker: one partition published": FailPoint("worker", f"{_SCORED}._send", "after"),
    "worker: published, not committed": FailPoint("worker", f"{_SCORED}.publish", "after"),
    "worker: about to commit": FailPoint("worker", f"{_ROUNDS}.commit_offsets", "before"),
    "worker: committed": FailPoint("worker", f"{_ROUNDS}.commit_offsets", "after"),
    "worker: recovering, between two fetches": FailPoint(
        "worker", "stream.kafka.log_reader:KafkaPartitionReader.fetch", "after"
    ),
    "worker: recovered, not claimed": FailPoint("worker", f"{_ROUNDS}.seek", "before"),
    "worker: recovering, snapshot read": FailPoint("worker", "stream.recovery:load", "after"),
    "worker: snapshot begun, nothing published": FailPoint("worker", f"{_SNAPSHOTS}._append", "before"),
    "worker: a part of a snapshot published": FailPoint("worker", f"{_SNAPSHOTS}._append", "after"),
    "worker: snapshot published, not committed": FailPoint("worker", f"{_SNAPSHOTS}.write", "after"),
    "writer: read, nothing written": FailPoint("writer", f"{_WRITER}._read", "after"),
    "writer: transaction open": FailPoint("writer", "sqlalchemy:Connection.exec_driver_sql", "after"),
    "writer: MariaDB has the block": FailPoint("writer", f"{_RELATIONAL}.write", "after"),
    "writer: one table of ClickHouse has it": FailPoint("writer", f"{_CLICKHOUSE}._insert", "after"),
    "writer: ClickHouse has the block": FailPoint("writer", f"{_CLICKHOUSE}.write", "after"),
    "writer: both have it, not committed": FailPoint("writer", f"{_WRITER}._commit", "before"),
    "writer: committed": FailPoint("writer", f"{_WRITER}._commit", "after"),
    "api: experiment's record written, not announced": FailPoint("api", "deploy.log.controls:add_definition", "after"),
    "api: experiment announced to some partitions": FailPoint("api", "deploy.log.controls:encode", "before"),
    "api: promotion announced, not remembered": FailPoint("api", "deploy.promote:remember", "before"),
    "api: promotion remembered, not current": FailPoint("api", "deploy.promote:make_current", "before"),
}


def resolve(target: str) -> tuple[Any, str]:
    """The object that holds MODULE:NAME.NAME, and the last name."""
    module, _, path = target.partition(":")
    holder: Any = importlib.import_module(module)
    *holders, name = path.split(".")
    for each in holders:
        holder = getattr(holder, each)
    return holder, name


def replace(target: str, change: Callable[[Any], Any]) -> None:
    """Put `change(original)` in the place of MODULE:NAME; raises AttributeError where the program has no such name."""
    holder, name = resolve(target)
    setattr(holder, name, change(getattr(holder, name)))


def arm(name: str, passage: int) -> None:
    """End this process by SIGKILL at the `passage`-th time that it comes to the point."""
    point = POINTS[name]
    count = itertools.count(1)
    if point.target.startswith(_SNAPSHOTS):
        hurry_snapshots(1, 0.0)

    def pass_by() -> None:
        if next(count) == passage:
            os.kill(os.getpid(), signal.SIGKILL)

    replace(point.target, lambda original: _wrapped(original, pass_by, point.when == "before"))


def _wrapped(original: Any, pass_by: Callable[[], None], before: bool) -> Any:
    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def waiting(*given: Any, **named: Any) -> Any:
            if before:
                pass_by()
            answer = await original(*given, **named)
            if not before:
                pass_by()
            return answer

        return waiting

    @functools.wraps(original)
    def direct(*given: Any, **named: Any) -> Any:
        if before:
            pass_by()
        answer = original(*given, **named)
        if not before:
            pass_by()
        return answer

    return direct


def hurry_snapshots(records: int, seconds: float) -> None:
    """Let a worker write a snapshot of a partition when its recovery would fold so many records; not sooner than so
    many seconds after the one before. Otherwise a run meets few."""
    tried: dict[int, float] = {}

    def change(_: Any) -> Any:
        def is_due(writer: Any, number: int, partition: Any, partitions: int) -> bool:
            place = writer.newest(number)
            begin = max(partition.recovery_mark().next, 0 if place is None else place.next)
            if partition.next - begin < records or time.monotonic() < tried.get(number, 0.0) + seconds:
                return False
            tried[number] = time.monotonic()
            return True

        return is_due

    replace(f"{_SNAPSHOTS}.is_due", change)


def stop_ticks() -> None:
    """Let a worker append no more ticks, so that the log comes to its end."""

    async def append_none(worker: Any, number: int, tick: Any) -> None:
        return None

    replace(f"{_WORKER}._append_tick", lambda _: append_none)


def drop_next_fetch(part: str) -> None:
    """Lose what the Kafka client of this part, a worker or a writer, fetches next.

    Its position stays behind that, as aiokafka's does where a rebalance meets a fetch.
    """
    left = iter((True,))

    def worker(original: Any) -> Any:
        async def fetch(*given: Any, **named: Any) -> Any:
            fetched, revoked = await original(*given, **named)
            return ({}, revoked) if fetched and next(left, False) else (fetched, revoked)

        return fetch

    def group(original: Any) -> Any:
        async def fetch(*given: Any, **named: Any) -> Any:
            fetched = await original(*given, **named)
            return {} if fetched and next(left, False) else fetched

        return fetch

    if part == "worker":
        replace(f"{_ROUNDS}._wait_next_records", worker)
    else:
        replace("aiokafka:AIOKafkaConsumer.getmany", group)
