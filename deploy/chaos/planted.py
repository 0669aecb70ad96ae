"""Bugs to plant, so that the checker shows that it finds them; each is a patch which the launcher applies to a part.

The classical ones of stream processing: each was somebody's bug before.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from deploy.chaos.points import hurry_snapshots, replace


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """`apply` patches the process of a part. `kind` is the fault that shows the bug, "" where traffic alone does;
    `faults` is how many of it there are."""

    apply: Callable[[], None]
    kind: str = ""
    faults: int = 1


_PUBLISH = "stream.kafka.publish:KafkaRecordPublisher.publish"
#: Seconds that a step which comes too early is ahead of what it should have waited for.
AHEAD = 0.2
#: Records after which a worker writes a snapshot where the bug is one of snapshots, and seconds between two.
HURRIED = (20, 1.0)


def _commit_before_send() -> None:
    seen: dict[str, Any] = {}

    def with_client(original: Any) -> Any:
        async def run_round(worker: Any, batches: Any, client: Any) -> None:
            seen["worker"], seen["client"] = worker, client
            await original(worker, batches, client)

        return run_round

    def committed_first(original: Any) -> Any:
        async def publish(publisher: Any, topic: str, records: Any) -> None:
            if seen:
                await seen["worker"].commit(seen["client"])
                await asyncio.sleep(AHEAD)
            await original(publisher, topic, records)

        return publish

    replace("stream.worker:Worker.round", with_client)
    replace(_PUBLISH, committed_first)


def _recovery_from_commit() -> None:
    import msgspec

    from stream.fold.mark import decode_mark
    from stream.recovery import RecoveredPartition

    def change(original: Any) -> Any:
        async def recover(log_reader: Any, number: int, committed: Any, kept: Any, make: Any, *others: Any) -> Any:
            mark = None if committed is None else decode_mark(committed[1])
            if kept is not None or committed is None or mark is None:
                return await original(log_reader, number, committed, kept, make, *others)
            return RecoveredPartition(make(msgspec.structs.replace(mark, next=committed[0])), None)

        return recover

    replace("stream.worker:recover", change)


def _position_trusted() -> None:
    def change(original: Any) -> Any:
        def fold(partitions: Any, batches: Any, *others: Any) -> Any:
            for number, records in batches.items():
                if records and records[0].offset > partitions[number].next:
                    partitions[number].skip_to(records[0].offset)
            return original(partitions, batches, *others)

        return fold

    async def check_positions(worker: Any, client: Any) -> None:
        return None

    replace("stream.worker:fold", change)
    replace("stream.worker:Worker.check_positions", lambda _: check_positions)


def _no_deduplication() -> None:
    replace("stream.fold.partition:has_event", lambda _: lambda *_given: False)


def _arrival_order() -> None:
    replace("stream.fold.partition:believed_time", lambda _: lambda _occurred_at, received_at: received_at)


def _closing_lost() -> None:
    def change(original: Any) -> Any:
        def emit(partition: Any, key: Any, session: Any, cause: Any, *others: Any) -> None:
            if cause.id is not None:
                original(partition, key, session, cause, *others)

        return emit

    replace("stream.fold.partition:Partition._emit", change)


def _dead_letters_dropped() -> None:
    def change(original: Any) -> Any:
        async def publish(publisher: Any, topic: str, records: Any) -> None:
            if not topic.startswith("dead"):
                await original(publisher, topic, records)

        return publish

    replace(_PUBLISH, change)


def _accepted_before_log() -> None:
    def change(original: Any) -> Any:
        running: set[asyncio.Task[None]] = set()

        async def send(publisher: Any, records: Any, given: dict[str, Any]) -> None:
            try:
                await original(publisher, records, **given)
            except Exception:  # the bug: nobody hears of it
                return

        async def publish(publisher: Any, records: Any, **given: Any) -> None:
            task = asyncio.create_task(send(publisher, records, given))
            running.add(task)
            task.add_done_callback(running.discard)

        return publish

    replace("ingest.kafka:KafkaPublisher.publish", change)


def _older_version_wins() -> None:
    def change(original: Any) -> Any:
        def execute(connection: Any, statement: str, *others: Any, **named: Any) -> Any:
            other = statement.replace("VALUE(version) >= version", "VALUE(version) <= version")
            return original(connection, other, *others, **named)

        return execute

    replace("sqlalchemy:Connection.exec_driver_sql", change)


def _writer_commits_first() -> None:
    def change(original: Any) -> Any:
        async def write(writer: Any, batches: Any, *others: Any) -> Any:
            await writer._commit(batches)
            await asyncio.sleep(AHEAD)
            return await original(writer, batches, *others)

        return write

    replace("storage.write.writer:Writer._write", change)


def _one_attempt() -> None:
    from storage.database.errors import DatabaseUnavailableError

    def change(original: Any) -> Any:
        def deliver(sink: Any, block: Any) -> Any:
            try:
                return original(sink, block)
            except DatabaseUnavailableError:
                return []

        return deliver

    replace("storage.write.writer:deliver", change)


def _hole_passed() -> None:
    from stream.kafka.positions import Accept

    def accept(positions: Any, partition: Any, first: int, last: int) -> Accept:
        positions.start(partition, last + 1)
        return Accept()

    replace("stream.kafka.positions:ReadPositions.accept", lambda _: accept)


def _one_too_far() -> None:
    def change(original: Any) -> Any:
        async def commit(group: Any, offsets: Any, lost: str) -> None:
            await original(group, {place: offset + 1 for place, offset in offsets.items()}, lost)

        return commit

    replace("stream.kafka.group:GroupConsumer.commit", change)


def _snapshot_past_its_place() -> None:
    hurry_snapshots(*HURRIED)
    loaded: set[int] = set()

    def remember(original: Any) -> Any:
        async def load(*given: Any) -> Any:
            partition = await original(*given)
            if partition is not None:
                loaded.add(id(partition))
            return partition

        return load

    def change(original: Any) -> Any:
        async def fold_to(log_reader: Any, partition: Any, end: int, *others: Any) -> None:
            if id(partition) in loaded:
                partition.skip_to(end)
            else:
                await original(log_reader, partition, end, *others)

        return fold_to

    replace("stream.recovery:load", remember)
    replace("stream.recovery:_fold_to", change)


def _changes_left_out() -> None:
    hurry_snapshots(*HURRIED)

    def change(original: Any) -> Any:
        def changed(partition: Any, since: Any) -> Any:
            return (
                session for session in original(partition, since) if since is None or session.first_offset >= since.next
            )

        return changed

    replace("stream.snapshot.capture:_changed", change)


def _snapshot_without_models() -> None:
    import msgspec

    hurry_snapshots(*HURRIED)

    def change(original: Any) -> Any:
        def begin(head: Any, mark: Any) -> Any:
            return msgspec.structs.replace(original(head, mark), model="", before="", sites={})

        return begin

    replace("stream.snapshot.loader:_begin", change)


def _newest_definition() -> None:
    def change(original: Any) -> Any:
        def plan(experiments: Any, site: str, opened: int, version: int, *others: Any) -> Any:
            return original(experiments, site, experiments.version, experiments.version, *others)

        return plan

    replace("stream.experiments.history:Experiments.plan", change)


#: In the order in which `--planted N` takes the first N.
PLANTED: dict[str, PlantedBug] = {
    "de-duplication off": PlantedBug(_no_deduplication),
    "recovery from the committed offset": PlantedBug(_recovery_from_commit, "kill -9 of worker"),
    "writer commits before it writes": PlantedBug(_writer_commits_first, "kill -9 of writer", 4),
    "offset committed before the send": PlantedBug(_commit_before_send, "kill -9 of worker", 2),
    "accepted before the log has it": PlantedBug(_accepted_before_log, "kill -9 of Kafka"),
    "client's position trusted": PlantedBug(_position_trusted, "worker's client loses a fetch"),
    "hole in the log passed in silence": PlantedBug(_hole_passed, "writer's client loses a fetch"),
    "gives a database one attempt": PlantedBug(_one_attempt, "ClickHouse away"),
    "older version wins": PlantedBug(_older_version_wins),
    "committed one record too far": PlantedBug(_one_too_far, "kill -9 of writer", 2),
    "closings not published": PlantedBug(_closing_lost),
    "dead letters not published": PlantedBug(_dead_letters_dropped, "poison records"),
    "events in order of arrival": PlantedBug(_arrival_order),
    "snapshot believed past its place": PlantedBug(_snapshot_past_its_place, "kill -9 of worker"),
    "changed sessions left out of a snapshot": PlantedBug(_changes_left_out, "kill -9 of worker"),
    "snapshot without the models in force": PlantedBug(_snapshot_without_models, "model promoted", 2),
    "arm of the newest definition": PlantedBug(_newest_definition, "experiment changed", 4),
}
