"""What the databases say of a log whose broker is gone: where each partition goes on, and from where it is needed.

ClickHouse has the `events` log without a hole. Where power failed, what was not on the disk yet may be missing in its
midst: those offsets get controls that change nothing, and what stood there comes again from the spool. It comes at
another offset, so what ClickHouse has of offsets behind its log is dropped; relational rows are replaced by newer ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine, select

from deploy.errors import SetupError
from deploy.local.log_folder import Checkpoint, PartitionCheckpoint
from deploy.local.refill import NOTHING
from ingest.events import key_of
from ingest.partition import partition_of
from storage.database.tables import log_positions, sessions
from storage.webhooks.tables import positions as webhook_positions
from storage.write.block import Block, read
from storage.write.clickhouse_sink import AnalyticsSink, change, run_query
from stream.fold.mark import decode_mark
from stream.kafka.source import Bounds
from stream.scored import OFFSET_SHIFT

#: Offsets of `scored-sessions` and of the dead letters that are left out: a subscriber may have read further than the
#: databases, and its position must not mean a record that comes later.
UNSEEN = 1 << 20


class LostLogError(SetupError):
    """The databases do not have what the log needs to go on: another one begins."""


class PartitionImage(Struct, frozen=True):
    """What a partition of a new broker gets.

    Of `events` the stored records from `first` to before `next`, then controls that change nothing up to `end`, which
    is behind whatever any database names. `scored` and `dead` are where those topics go on. The worker begins at
    `mark`, and publishes from `published` on.
    """

    partition: int
    first: int
    next: int
    end: int
    scored: int
    dead: int
    published: int
    mark: str
    key: bytes
    value: bytes

    def checkpoint(self) -> PartitionCheckpoint:
        """The partition as it stands in the databases."""
        return PartitionCheckpoint(self.next, self.scored, self.dead, self.published, self.mark, self.key, self.value)


def log_image(engine: Engine, client: Any, log: str, partitions: int, known: Checkpoint) -> list[PartitionImage]:
    """The image of each partition, with ClickHouse's log made whole.

    Raises LostLogError and DatabaseUnavailableError.
    """
    checkpoints = [known.get(number, PartitionCheckpoint()) for number in range(partitions)]
    bounds = [_bounds(client, log, number, each) for number, each in enumerate(checkpoints)]
    reached = _reached(engine, log, [bound.end for bound in bounds])
    read_up_to = _positions(engine, log)
    return [
        _partition_image(client, log, number, each, bound, reached.get(number, 0), read_up_to)
        for number, (each, bound) in enumerate(zip(checkpoints, bounds, strict=True))
    ]


def _bounds(client: Any, log: str, number: int, known: PartitionCheckpoint) -> Bounds:
    """What ClickHouse has of the partition; raises LostLogError where it once had more."""
    ((first, end, count),) = run_query(client, _EXTENT, {"log": log, "partition": number}).result_rows
    bounds = Bounds(int(first), int(end)) if count else Bounds(0, 0)
    if bounds.end < max(known.events, known.published):
        raise LostLogError(
            f"ClickHouse has partition {number} of the log {log} up to {bounds.end}, and had it up to {known.events}"
        )
    return bounds


def _partition_image(
    client: Any,
    log: str,
    number: int,
    known: PartitionCheckpoint,
    bounds: Bounds,
    reached: int,
    read_up_to: Mapping[tuple[str, int], int],
) -> PartitionImage:
    given = {"log": log, "partition": number}
    missing = _missing(client, given, max(known.events, bounds.start), bounds.end)
    if missing:
        _fill(client, log, number, missing)
    stored = [int(end) for end in run_query(client, _ENDS, given).result_rows[0]]
    if max(stored) > bounds.end:
        change(client, _TABLES, _DROPS, {**given, "end": bounds.end})
    mark = decode_mark(known.mark) if known.published else None
    first = bounds.start if mark is None else max(bounds.start, min(mark.next, known.published - 1))
    return PartitionImage(
        number,
        first,
        bounds.end,
        max(bounds.end, reached, *stored),
        max(known.scored, read_up_to.get(("scored", number), 0)) + UNSEEN,
        max(known.dead, read_up_to.get(("dead", number), 0)) + UNSEEN,
        0 if mark is None else known.published,
        "" if mark is None else known.mark,
        *_tail(client, given, min(missing, default=bounds.end)),
    )


def _missing(client: Any, given: dict[str, Any], first: int, end: int) -> list[int]:
    """Offsets that ClickHouse lacks from `first`, before which nothing can be missing, to before `end`."""
    rows = run_query(client, _OFFSETS, {**given, "first": first}).result_rows
    have = {int(offset) for (offset,) in rows}
    return [offset for offset in range(first, end) if offset not in have]


def _fill(client: Any, log: str, number: int, missing: list[int]) -> None:
    records = [
        read("events", partition=number, offset=offset, timestamp=0, key=None, value=NOTHING) for offset in missing
    ]
    AnalyticsSink(client).write(Block(log, events=tuple(records)))


def _tail(client: Any, given: dict[str, Any], end: int) -> tuple[bytes, bytes]:
    """Key and value of the last record before `end` that came from ingest; empty where there is none."""
    rows = run_query(client, _LAST, {**given, "end": end}, query_formats={"String": "bytes"}).result_rows
    return (bytes(rows[0][0]), bytes(rows[0][1])) if rows else (b"", b"")


def stored_tail(client: Any, log: str, partition: int) -> tuple[bytes, bytes]:
    """Key and value of the partition's last stored record that came from ingest; empty where there is none."""
    return _tail(client, {"log": log, "partition": partition}, 1 << 62)


def _reached(engine: Engine, log: str, ends: Sequence[int]) -> dict[int, int]:
    """By partition the offset after the last one that a row or a webhook names, where that is not before `ends`."""
    found: dict[int, int] = {}
    s, w = sessions.c, webhook_positions.c
    ahead = select(s.site, s.session_id, s.version).where(s.log == log, s.version >= min(ends) << OFFSET_SHIFT)
    with engine.connect() as connection:
        for site, session_id, version in connection.execute(ahead):
            number = partition_of(key_of(site, session_id), len(ends))
            found[number] = max(found.get(number, 0), (version >> OFFSET_SHIFT) + 1)
        for number, reported in connection.execute(select(w.kafka_partition, w.told_offset).where(w.log == log)):
            found[number] = max(found.get(number, 0), reported + 1)
    return found


def _positions(engine: Engine, log: str) -> dict[tuple[str, int], int]:
    """How far the topics were read into the relational database, by what they are for and by partition."""
    p, w = log_positions.c, webhook_positions.c
    with engine.connect() as connection:
        found = {
            (str(role), int(number)): int(end)
            for role, number, end in connection.execute(
                select(p.topic, p.kafka_partition, p.next_offset).where(p.log == log)
            )
        }
        for number, end in connection.execute(select(w.kafka_partition, w.next_offset).where(w.log == log)):
            found["scored", number] = max(found.get(("scored", number), 0), end)
    return found


_PLACE = "WHERE log = {log:String} AND partition = {partition:UInt32}"
_EXTENT = f"SELECT min(offset), max(offset) + 1, count() FROM events {_PLACE}"  # noqa: S608  our names
_OFFSETS = f"SELECT DISTINCT offset FROM events {_PLACE} AND offset >= {{first:UInt64}}"  # noqa: S608
# Only records of ingest have a key; that of an event which is being erased is empty before it is null.
_LAST = (
    f"SELECT key, raw FROM events {_PLACE} AND offset < {{end:UInt64}} "  # noqa: S608
    "AND kind != 'control' AND notEmpty(ifNull(key, '')) ORDER BY offset DESC LIMIT 1"
)
_ENDS = (
    f"SELECT (SELECT if(count() = 0, 0, max(offset) + 1) FROM scored_sessions {_PLACE} AND backfill = 0), "  # noqa: S608
    f"(SELECT if(count() = 0, 0, max(offset) + 1) FROM dead_letters {_PLACE} AND topic = 'events')"
)
_TABLES = ("scored_sessions", "dead_letters")
_DROPS = [
    f"ALTER TABLE scored_sessions DELETE {_PLACE} AND backfill = 0 AND offset >= {{end:UInt64}}",
    f"ALTER TABLE dead_letters DELETE {_PLACE} AND topic = 'events' AND offset >= {{end:UInt64}}",
]
