"""Late events folded as if they had come in time: `opecom replay --include-late`. Pure.

Live, an event that arrives too late changes nothing, because its session may have closed. A replay knows the whole log:
it looks for the late events first, and folds each where its clock reaches the time at which it occurred.
"""

from bisect import insort
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ingest.events import Control, Event, Tick, UndecodableError, clock_of, decode, encode
from stream.fold.calendar import Calendars
from stream.fold.erasures import Erasures
from stream.fold.log_time import clamp_to_append_time
from stream.fold.partition import LogRecord, Partition, believed_time, is_passed, lateness
from stream.fold.result import FoldResult


class LateEvent(NamedTuple):
    """A late event, in the order of the time at which it occurred."""

    occurred_at: int
    offset: int
    record: LogRecord


class LateEvents:
    """The late events of one partition: found by `look`, which sees the log once, then folded in their places."""

    def __init__(
        self, calendars: Calendars, erasures: Erasures | None = None, clocks: Mapping[str, int] | None = None
    ) -> None:
        self._calendars = calendars
        self._erasures = erasures or Erasures()
        self._now: dict[str, int] = dict(clocks or {})
        self._waiting: dict[str, list[LateEvent]] = {}
        self.offsets: set[int] = set()

    def look(self, record: LogRecord) -> None:
        """See one record of the log, in order; a late event is kept until `fold` reaches its time."""
        content = _decoded(record)
        if isinstance(content, Tick):
            self._now[content.clock] = max(self._now.get(content.clock, 0), content.to)
        if not isinstance(content, Event):
            return
        clock = clock_of(content)
        now = self._now[clock] = max(self._now.get(clock, 0), content.received_at)
        if is_passed(content, now) or self._erasures.is_erased(content.site, content.session_id, content.visitor_id):
            return
        if content.type == "intervention":
            # A report is in no session, so that it cannot be late for one.
            return
        occurred_at = believed_time(content.occurred_at, content.received_at)
        if lateness(occurred_at, content.received_at, self._calendars.of(content.site).latest_cut(now)):
            insort(self._waiting.setdefault(clock, []), LateEvent(occurred_at, record.offset, record))
            self.offsets.add(record.offset)

    def again(self) -> "LateEvents":
        """The same late events for another fold: folding takes them."""
        copy = LateEvents(self._calendars, self._erasures)
        copy._waiting = {clock: list(waiting) for clock, waiting in self._waiting.items()}
        copy.offsets = self.offsets
        return copy

    def fold(self, partition: Partition, record: LogRecord, result: FoldResult | None) -> None:
        """Fold the record at `next`, and before it the late events whose time its clock passes."""
        if record.offset in self.offsets:
            partition.skip_to(record.offset + 1)
            return
        content = _decoded(record)
        if isinstance(content, Event | Tick):
            clock, to = (
                (content.clock, content.to) if isinstance(content, Tick) else (clock_of(content), content.received_at)
            )
            waiting = self._waiting.get(clock, [])
            while waiting and waiting[0].occurred_at <= to:
                _fold_in_time(partition, waiting.pop(0), result)
        partition.skip_to(record.offset)
        partition.fold(record, result)


class _Rescheduled(msgspec.Struct, frozen=True):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def _fold_in_time(partition: Partition, late: LateEvent, result: FoldResult | None) -> None:
    """Fold a late event as received when it occurred, which makes it one that came in time."""
    event = _decoded(late.record)
    assert isinstance(event, Event)  # noqa: S101 - looked at before
    on_time = msgspec.structs.replace(event, received_at=late.occurred_at, occurred_at=late.occurred_at)
    partition.fold(_Rescheduled(late.offset, late.record.timestamp, late.record.key, encode(on_time)), result)


def _decoded(record: LogRecord) -> Event | Control | None:
    try:
        return clamp_to_append_time(decode(record.key, record.value), record.timestamp)
    except UndecodableError:
        return None
