"""What the writer hands to a sink at once: records of the three topics, decoded and sorted by topic. Pure.

Nothing here knows a database; `newest` and `newest_views` say which of a block's updates a row needs.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from ingest import events
from ingest.events import Control, Event
from stream import scored
from stream.scored import DeadLetter, Identity, ScoredSession, View, identity_of

#: What a topic is for, whatever its name.
TopicRole = Literal["events", "scored", "dead"]
#: What dead letters, metrics and log lines call a topic, whatever its name in the settings.
CANONICAL_TOPICS: dict[TopicRole, str] = {"events": "events", "scored": "scored-sessions", "dead": "events-dead"}


class TopicRecord(Struct, frozen=True, gc=False):
    """A record of a topic. `content` is None if it cannot be decoded, or was an erased event with an invalid id
    (erased.py); `detail` then says why.
    """

    role: TopicRole
    partition: int
    offset: int
    #: Kafka's timestamp, ms UTC.
    timestamp: int
    key: bytes | None
    raw: bytes
    content: Event | Control | ScoredSession | DeadLetter | None
    detail: str = ""


class WrittenPosition(Struct, frozen=True):
    """How far a partition has been read: the next offset, and the timestamp of the record before it.

    Stored so that continuity.py can refuse a topic that was created again; committed offsets say where to go on.
    """

    role: TopicRole
    partition: int
    next: int
    timestamp: int


class Block(Struct, frozen=True):
    """Records of one log, by their topic. `events` and `dead` hold every record that may be kept; `scored` only those
    that can be decoded. In `dead`, what cannot be decoded stands in a dead letter of its own.
    """

    log: str
    scored: tuple[tuple[TopicRecord, ScoredSession], ...] = ()
    events: tuple[TopicRecord, ...] = ()
    dead: tuple[tuple[TopicRecord, DeadLetter], ...] = ()
    positions: tuple[WrittenPosition, ...] = ()

    def __len__(self) -> int:
        return len(self.scored) + len(self.events) + len(self.dead)

    def halves(self) -> tuple["Block", "Block"]:
        """Two smaller blocks with the same records and no positions; for a block of two records or more."""
        kinds = [kind for kind in ("scored", "events", "dead") if getattr(self, kind)]
        if len(kinds) > 1:
            first = kinds[0]
            return (
                Block(self.log, **{first: getattr(self, first)}),
                Block(self.log, **{kind: getattr(self, kind) for kind in kinds[1:]}),
            )
        rows = getattr(self, kinds[0])
        middle = len(rows) // 2
        return Block(self.log, **{kinds[0]: rows[:middle]}), Block(self.log, **{kinds[0]: rows[middle:]})

    def records(self) -> Iterator[TopicRecord]:
        yield from (record for record, _ in self.scored)
        yield from self.events
        yield from (record for record, _ in self.dead)


def read(
    role: TopicRole, *, partition: int, offset: int, timestamp: int, key: bytes | None, value: bytes | None
) -> TopicRecord:
    """Read one record of a topic; never raises: what cannot be read has no content and says why."""
    raw = value or b""
    content: Event | Control | ScoredSession | DeadLetter
    try:
        if role == "events":
            content = events.decode(key, value)
        elif role == "scored":
            content = scored.decode(raw)
        else:
            content = scored.decode_dead(raw)
    except (msgspec.DecodeError, events.UndecodableError) as error:
        return TopicRecord(role, partition, offset, timestamp, key, raw, None, str(error))
    return TopicRecord(role, partition, offset, timestamp, key, raw, content)


def block_of(
    log: str,
    records: Iterable[TopicRecord],
    redact_record: Callable[[TopicRecord], TopicRecord | None] = lambda record: record,
) -> tuple[Block, list[TopicRecord]]:
    """A block of these records after `redact_record`, and the scored ones that cannot be decoded.

    A dead letter that cannot be decoded is kept as one, with reason `undecodable`: nothing is ever thrown away.
    """
    updates, entries, dead, refused = [], [], [], []
    last: dict[tuple[TopicRole, int], TopicRecord] = {}
    for read_record in records:
        last[read_record.role, read_record.partition] = read_record
        record = redact_record(read_record)
        if record is None:
            continue
        content = record.content
        if record.role == "events":
            entries.append(record)
        elif isinstance(content, ScoredSession):
            updates.append((record, content))
        elif isinstance(content, DeadLetter):
            dead.append((record, content))
        elif record.role == "scored":
            refused.append(record)
        else:
            dead.append((record, dead_letter(log, record, record.detail)))
    positions = tuple(
        WrittenPosition(role, partition, record.offset + 1, record.timestamp)
        for (role, partition), record in last.items()
    )
    return Block(log, tuple(updates), tuple(entries), tuple(dead), positions), refused


def dead_letter(log: str, record: TopicRecord, detail: str) -> DeadLetter:
    """The dead letter of a record that no database takes."""
    return DeadLetter(
        log=log,
        topic=CANONICAL_TOPICS[record.role],
        partition=record.partition,
        offset=record.offset,
        reason="failed" if record.role != "dead" else "undecodable",
        detail=detail,
        key=record.key,
        raw=record.raw,
    )


def newest(updates: Iterable[ScoredSession]) -> dict[Identity, ScoredSession]:
    """The newest update of each session."""
    rows: dict[Identity, ScoredSession] = {}
    for update in updates:
        identity = identity_of(update)
        known = rows.get(identity)
        if known is None or update.version >= known.version:
            rows[identity] = update
    return rows


def newest_views(updates: Iterable[ScoredSession]) -> dict[tuple[Identity, str], tuple[int, View]]:
    """The newest state of each page view, with the version of the update that brought it."""
    rows: dict[tuple[Identity, str], tuple[int, View]] = {}
    for update in updates:
        identity = identity_of(update)
        version = update.version
        for view in update.views:
            place = (identity, view.event_id)
            known = rows.get(place)
            if known is None or version >= known[0]:
                rows[place] = (version, view)
    return rows
