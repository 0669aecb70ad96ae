"""The log folded again: the same step over stored records, for what is finished at a cut. Pure.

A *cut* is the offset of the last record that a replay folds of a partition. Sessions that are closed there are
published under the replay's number, whole; sessions that are open there belong to the live workers.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from ingest.events import base_site
from stream.errors import StreamError
from stream.fold.late import LateEvents
from stream.fold.partition import LogRecord, Partition
from stream.fold.result import EmitPolicy, FoldResult
from stream.fold.session import Session
from stream.scored import DeadLetter, version_of
from stream.step import FAILURES_IN_A_ROW, ModelLoader, ScoredUpdate, fold, score

#: How long before the window folding begins, in ms: whatever is open then ends at a daily cut before the window does
#: begin, also on a day of 25 hours, and so the sessions of the window are whole.
EARLIER = 26 * 3_600_000
#: An end that no session reaches; ms UTC.
NEVER = 1 << 53
#: What a version has room for: the greatest number of a replay, and the one after it, of a replay that writes nothing.
MOST_REPLAYS = (1 << 11) - 2
UNWRITTEN = MOST_REPLAYS + 1


class FoldError(StreamError):
    """The fold cannot go on; the message says why."""


class Window(Struct, frozen=True):
    """The sessions to publish: opened from `since` to before `until` (ms UTC, by received_at), of one site or all.

    A site stands for its runs as well: `uci` for `uci~k3f9`.
    """

    since: int = 0
    until: int = NEVER
    site: str = ""

    def holds(self, site: str, opened_at: int) -> bool:
        return self.since <= opened_at < self.until and self.site in ("", site, base_site(site))


class Backfill:
    """The policy of a replay: what is closed at the cut under its number, what is open there not at all.

    `cut` is the last offset that the replay folds, `number` the number of the replay, which rows call `backfill`.

    `open_at_cut` are the first offsets of the sessions that are open at the cut; those of them in `restored` are
    published as the live workers published them, for databases that lost them.
    """

    def __init__(
        self,
        window: Window,
        number: int,
        cut: int,
        open_at_cut: frozenset[int] = frozenset(),
        restored: frozenset[int] = frozenset(),
    ) -> None:
        self._window = window
        self._number = number
        self._cut = cut
        self._open = open_at_cut
        self._restored = restored

    def version(self, session: Session, offset: int, closed: bool) -> int | None:
        if not self._window.holds(session.site, session.opened_at):
            return None
        if session.first_offset in self._open:
            return version_of(offset, closed) if session.first_offset in self._restored else None
        return version_of(self._cut if closed else offset, closed, self._number)


class ReplayBatch(Struct, frozen=True):
    """What a batch brought: scored updates, dead letters, and how many records ended in which way."""

    updates: Sequence[ScoredUpdate]
    dead: Sequence[DeadLetter]
    counts: Mapping[str, int]


class PartitionReplay:
    """One partition, folded from its `next` up to the cut; records before `emit_from` are folded silently."""

    def __init__(
        self,
        partition: Partition,
        cut: int,
        policy: EmitPolicy,
        models: ModelLoader,
        emit_from: int = 0,
        late: LateEvents | None = None,
    ) -> None:
        self.partition = partition
        self.cut = cut
        self._policy = policy
        self._models = models
        self._emit_from = emit_from
        self._late = late
        self._failure_run = 0

    def take(self, records: Sequence[LogRecord]) -> ReplayBatch:
        """Fold and score the next records; raises FoldError where they do not follow or the fold itself is at fault."""
        wanted = between(records, self.partition.next, self.cut + 1)
        follow(self.partition, between(wanted, 0, self._emit_from), self._late)
        folded = self._fold(between(wanted, self._emit_from, self.cut + 1))
        scored = [update for ready in score(folded.updates, self._models) for update in ready]
        return ReplayBatch(scored, folded.dead, folded.counts)

    def _fold(self, records: Sequence[LogRecord]) -> FoldResult:
        partition = self.partition
        if self._late is not None:
            result = FoldResult(self._failure_run, self._policy, decides=True)
            for record in records:
                _require_next(partition, record)
                self._late.fold(partition, record, result)
        else:
            result, seek = fold(
                {partition.number: partition},
                {partition.number: records},
                self._failure_run,
                self._policy,
                decides=True,
            )
            if seek:
                _require_next(partition, next(record for record in records if record.offset > partition.next))
        self._failure_run = result.failure_run
        require_folding(partition, result)
        return result


def require_folding(partition: Partition, result: FoldResult) -> None:
    """Raise FoldError where so many events in a row failed that the fold itself is at fault."""
    if result.longest_failure_run >= FAILURES_IN_A_ROW:
        raise FoldError(
            f"{FAILURES_IN_A_ROW} events in a row of partition {partition.number} could not be folded, the last at "
            f"{result.dead[-1].offset} ({result.dead[-1].detail}): nothing is replaced; this is a fault of the program"
        )


def follow(partition: Partition, records: Sequence[LogRecord], late: LateEvents | None = None) -> None:
    """Fold records silently; raises FoldError where they do not follow."""
    for record in records:
        _require_next(partition, record)
        if late is None:
            partition.fold(record, None)
        else:
            late.fold(partition, record, None)


def between(records: Sequence[LogRecord], first: int, end: int) -> Sequence[LogRecord]:
    """Those of consecutive records that lie from offset `first` to before `end`."""
    at = records[0].offset if records else 0
    return records[max(0, first - at) : max(0, end - at)]


def _require_next(partition: Partition, record: LogRecord) -> None:
    if record.offset != partition.next:
        raise FoldError(
            f"records {partition.next} to {record.offset - 1} of partition {partition.number} are missing: retention "
            "deleted them meanwhile, or the writer has not stored them yet; take the other --source, or a later --from"
        )
