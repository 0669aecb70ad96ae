"""A sink: where the writer puts blocks. The protocol, and the fake that keeps all in lists and dicts."""

from typing import Protocol

from storage.write.block import Block, TopicRole, newest, newest_views
from stream.scored import CLOSED_BIT, DeadLetter, Identity, ScoredSession, View, identity_of

REPLAY_NUMBER_MASK = CLOSED_BIT - 1


class Sink(Protocol):
    def write(self, block: Block) -> None:
        """Write a block; any block may come again and in any order.

        No row moves to an older version of the same log. Raises RowsRefusedError and DatabaseUnavailableError; a part
        of the block may then be written already (ClickHouse takes one insert per table); repeating it does no harm.
        """
        ...


class ListSink:
    """Keeps what both databases would keep; stands for either of them in tests."""

    def __init__(self) -> None:
        self.sessions: dict[Identity, tuple[str, ScoredSession]] = {}
        self.views: dict[tuple[Identity, str], tuple[str, int, View]] = {}
        self.timeline: dict[tuple[Identity, str, int, bool], ScoredSession] = {}
        self.events: dict[tuple[str, int, int], tuple[bytes | None, bytes]] = {}
        self.dead: dict[tuple[str, str, int, int], DeadLetter] = {}
        self.positions: dict[tuple[str, TopicRole, int], tuple[int, int]] = {}

    def write(self, block: Block) -> None:
        log = block.log
        for identity, update in newest(update for _, update in block.scored).items():
            known = self.sessions.get(identity)
            if known is None or known[0] != log or update.version >= known[1].version:
                self.sessions[identity] = (log, update)
        for place, (version, view) in newest_views(update for _, update in block.scored).items():
            kept = self.views.get(place)
            if kept is None or kept[0] != log or version >= kept[1]:
                self.views[place] = (log, version, view)
        for _, update in block.scored:
            moment = (identity_of(update), log, update.event.offset, bool(update.version & CLOSED_BIT))
            before = self.timeline.get(moment)
            if before is None or update.version >= before.version:
                self.timeline[moment] = update
        for record in block.events:
            self.events[log, record.partition, record.offset] = (record.key, record.raw)
        for _, letter in block.dead:
            self.dead[letter.log, letter.topic, letter.partition, letter.offset] = letter
        for position in block.positions:
            where = (log, position.role, position.partition)
            if where not in self.positions or position.next >= self.positions[where][0]:
                self.positions[where] = (position.next, position.timestamp)
