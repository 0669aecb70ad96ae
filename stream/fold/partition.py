"""One partition's state, a pure function of the log up to `next`: its clocks, its open sessions, what is in force.

`fold` takes one record after the other and says what came of it. It reads no wall clock and does no I/O, so live
scoring, recovery and replay fold the same way.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

import msgspec

from ingest.events import (
    FUTURE_TOLERANCE_MS,
    LIVE_CLOCK,
    Control,
    Erase,
    Event,
    Tick,
    UndecodableError,
    UseExperiments,
    UseModel,
    UsePages,
    clock_of,
    decode,
)
from scoring.site_profile import SiteProfile
from stream.experiments.history import Experiments
from stream.fold.calendar import Calendar, Calendars
from stream.fold.clock import IDLE, SessionClock
from stream.fold.erasures import Erasures
from stream.fold.event_ids import event_id_bytes
from stream.fold.experiments_in_force import ExperimentsInForce
from stream.fold.log_time import clamp_to_append_time
from stream.fold.mark import CLOCKS_BYTES, Mark, clock_bytes
from stream.fold.models_in_force import ModelsInForce
from stream.fold.pages import PageStatistics
from stream.fold.result import FoldResult, Outcome
from stream.fold.session import Session, apply, counts_as_revenue, has_event
from stream.fold.silence_timers import SilenceTimers
from stream.fold.update import UnscoredUpdate, cause_of, update_of
from stream.scored import Cause, DeadLetter, DeadReason, version_of

#: An event that arrives later than this after it occurred is late; in ms.
LATE = 10 * 60 * 1000
#: Events that a session counts; those beyond are `overflow`.
SESSION_EVENTS = 2_000
#: Marks kept for recovery; more are thinned out, so that recovery begins a little earlier.
MARKS = 512
#: Refused controls that a mark names, the newest; and what is said of one whose reason went with its process.
MOST_REFUSED = 32
REFUSED_EARLIER = "the model could not be used when this was folded first"


class LogRecord(Protocol):
    """A record of the `events` topic, as aiokafka hands it over; timestamp in ms, 0 or less where unknown."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class ChangeListener(Protocol):
    """Who must know of a session before it changes, as a snapshot that is being taken must."""

    def before_change(self, session: Session) -> None: ...


class Partition:
    """The state of one partition of `log`; `next` is the offset that it will fold next."""

    def __init__(
        self,
        log: str,
        number: int,
        calendars: Calendars,
        statistics: PageStatistics,
        start: Mark,
        erasures: Erasures | None = None,
        experiments: Experiments | None = None,
    ) -> None:
        self.log = log
        self.number = number
        self.next = start.next
        self.models = ModelsInForce(start.model, start.before, start.sites)
        #: Why controls were refused, by their offset; what is no longer known is given as REFUSED_EARLIER.
        self.refused = dict.fromkeys(start.refused, REFUSED_EARLIER)
        self.pages_version = start.pages_version
        self.experiments = ExperimentsInForce(experiments or Experiments(), start.experiments_version, start.left_out)
        self.clocks = {name: SessionClock(now) for name, now in start.clocks.items()}
        self._calendars = calendars
        self._statistics = statistics
        self._erasures = erasures or Erasures()
        #: Of the version in force, by site.
        self._profiles: dict[str, SiteProfile] = {}
        #: First offsets of the open sessions, in order.
        self._first_offsets: dict[int, None] = {}
        self._marks: deque[Mark] = deque([start])
        self._timers = SilenceTimers(self.experiments.silences, self._is_open)
        #: Told of a session before it changes; not of one that opens or closes.
        self.listener: ChangeListener | None = None

    def fold(self, record: LogRecord, result: FoldResult | None) -> None:
        """Fold the record at `next`; with `result` None silently, as recovery does. `next` moves in any case."""
        self.next = record.offset + 1
        outcome: Outcome
        detail = ""
        try:
            content = clamp_to_append_time(decode(record.key, record.value), record.timestamp)
        except UndecodableError as error:
            outcome, detail = "undecodable", str(error)
        else:
            if isinstance(content, Event):
                outcome, detail = self._fold_unless_erased(record, content, result)
            else:
                outcome, detail = self._apply_control(record, content, result)
        if result is not None:
            result.counts[outcome] = result.counts.get(outcome, 0) + 1
            if outcome in ("undecodable", "late", "overflow", "failed"):
                result.dead.append(self._dead(record, outcome, detail))

    def advance_clock(self, record: LogRecord, result: FoldResult) -> None:
        """Pass the record at `next`, moving its clock alone: for sites whose sessions the caller does not need."""
        self.next = record.offset + 1
        try:
            content = clamp_to_append_time(decode(record.key, record.value), record.timestamp)
            if isinstance(content, Event):
                event_id_bytes(content.event_id)
                self._advance(clock_of(content), content.received_at, record.offset, result)
        except ValueError:
            return

    def skip_to(self, offset: int) -> None:
        """Go on at `offset`: the records before it are no longer in the log."""
        self.next = offset

    def mark(self) -> None:
        """Remember this place as one from which a fold may begin."""
        if self._marks[-1].next == self.next:
            return
        self._marks.append(self.here())
        if len(self._marks) > MARKS:
            self._marks = deque(mark for index, mark in enumerate(self._marks) if index % 2 == 0)

    def recovery_mark(self) -> Mark:
        """The latest mark that is not after the first event of any open session."""
        oldest = next(iter(self._first_offsets), self.next)
        while len(self._marks) > 1 and self._marks[1].next <= oldest:
            self._marks.popleft()
        mark = self._marks[0]
        if not self.refused:
            return mark
        self.refused = {offset: why for offset, why in self.refused.items() if offset >= mark.next}
        # What is refused and not folded yet is looked at again when it is.
        folded = [offset for offset in self.refused if offset < self.next]
        return msgspec.structs.replace(mark, refused=tuple(folded[-MOST_REFUSED:]))

    def due_tick(self, wall: int) -> Tick | None:
        """The tick that this partition's log needs when, by wall time in ms, live sessions should have closed, or a
        silence has come that an intervention waits for.
        """
        live = self.clocks.get(LIVE_CLOCK)
        if live is None or not live.open:
            return None
        due = next(iter(live.open.values())).last_seen + IDLE
        silence = self.next_silence
        return Tick(LIVE_CLOCK, wall) if wall >= due or (silence is not None and wall >= silence) else None

    @property
    def next_silence(self) -> int | None:
        """When, by the live clock in ms, a silence comes that an intervention waits for; None: there is none."""
        return self._timers.next_due() if len(self._timers) else None

    def advance_to(self, to: int, result: FoldResult) -> None:
        """Move the live clock to `to`, in ms, as a tick before the next record does."""
        self._advance(LIVE_CLOCK, to, self.next, result)

    def import_clocks(self) -> dict[str, int]:
        """The times of the clocks of imported sites that have open sessions, by site."""
        return {name: clock.now for name, clock in self.clocks.items() if name != LIVE_CLOCK and clock.open}

    @property
    def open_sessions(self) -> int:
        return len(self._first_offsets)

    def sessions(self) -> list[Session]:
        """The open sessions of all clocks."""
        return [session for clock in self.clocks.values() for session in clock.open.values()]

    def is_erased(self, session: Session) -> bool:
        """Whether the session's visitor is to be forgotten, if need be before the control that says so is reached."""
        erasures = self._erasures
        return bool(erasures.digests) and erasures.is_erased(session.site, session.session_id, session.visitor_id)

    def calendar_of(self, site: str) -> Calendar:
        return self._calendars.of(site)

    def marks(self, most: int) -> tuple[Mark, ...]:
        """At most so many of the marks that it remembers, the first among them."""
        return tuple(self._marks)[:: len(self._marks) // most + 1]

    def resume(self, sessions: Iterable[tuple[str, Session]], marks: Iterable[Mark]) -> None:
        """Take over open sessions, each with the name of its clock, in the order in which those were last kept open;
        `marks` are of before this place, in their order. Of a partition that has folded nothing.
        """
        first_offsets = []
        for clock, session in sessions:
            self.clocks[clock].open[session.key] = session
            first_offsets.append(session.first_offset)
        self._first_offsets = dict.fromkeys(sorted(first_offsets))
        self._marks = deque(mark for mark in marks if mark.next < self.next)
        self._marks.append(self.here())
        live = self.clocks.get(LIVE_CLOCK)
        if live is not None and self.experiments.uses_silence:
            for session in live.open.values():
                self._timers.start(session, live.now)

    def here(self) -> Mark:
        """This place as a mark."""
        clocks = {name: clock.now for name, clock in self.clocks.items()}
        models, experiments = self.models, self.experiments
        return Mark(
            self.next,
            clocks,
            models.common,
            self.pages_version,
            models.before,
            sites=dict(models.sites),
            experiments_version=experiments.version,
            left_out=tuple(sorted(experiments.left_out)),
        )

    def _apply_control(self, record: LogRecord, control: Control, result: FoldResult | None) -> tuple[Outcome, str]:
        if isinstance(control, Tick):
            self._advance(control.clock, control.to, record.offset, result)
        elif isinstance(control, UseModel):
            if refusal := self.refused.get(record.offset) or self.models.apply(control):
                return "failed", refusal
        elif isinstance(control, UsePages):
            self.pages_version = max(self.pages_version, control.version)
            self._profiles.clear()
        elif isinstance(control, UseExperiments):
            refusal = self.refused.get(record.offset, "")
            self.experiments.apply(control.version, bool(refusal))
            if refusal:
                return "failed", refusal
        elif isinstance(control, Erase):
            self._forget(control.digest)
        return "control", ""

    def _fold_unless_erased(self, record: LogRecord, event: Event, result: FoldResult | None) -> tuple[Outcome, str]:
        """Fold an event unless its id is invalid or its visitor is erased."""
        try:
            id_bytes = event_id_bytes(event.event_id)
        except ValueError as error:
            return "undecodable", str(error)
        erasures = self._erasures
        if erasures.digests and erasures.is_erased(event.site, event.session_id, event.visitor_id):
            # It counts as never sent, but moves the clock: other sessions close when they would have.
            self._advance(clock_of(event), event.received_at, record.offset, result)
            return "erased", ""
        if event.type == "intervention":
            # About a session and no part of it: the writer keeps it (storage/interventions/reports.py).
            self._advance(clock_of(event), event.received_at, record.offset, result)
            return "report", ""
        return self._fold_event(record, event, id_bytes, result)

    def _fold_event(
        self, record: LogRecord, event: Event, id_bytes: bytes, result: FoldResult | None
    ) -> tuple[Outcome, str]:
        """Fold one event.

        1 Advance the clock, and close the sessions that it has passed. 2 Skip an imported event that its clock has
        passed: it was sent before. 3 Skip an event that the session has counted; it keeps the session open. 4 Set a
        late event aside: it opens no session and keeps none open. 5 Close a session that began before the daily cut.
        6 Set aside an event beyond SESSION_EVENTS; it keeps the session open. 7 Apply the event to the session.

        Steps 3 and 6 keep the session open so that a fold which begins in the middle of a session closes it at the
        same time as a fold of the whole log.
        """
        received_at, offset = event.received_at, record.offset
        key = record.key or b""
        clock = self._advance(clock_of(event), received_at, offset, result, key)
        if is_passed(event, clock.now):
            return "duplicate", ""
        session = clock.open.get(key)
        if session is not None and has_event(session, id_bytes, counts_as_revenue(event)):
            self._touch(clock, key, session)
            return "duplicate", ""
        calendar = self._calendars.of(event.site)
        occurred_at = believed_time(event.occurred_at, received_at)
        cut = calendar.latest_cut(clock.now)
        late = lateness(occurred_at, received_at, cut)
        if late:
            self._fire_timers(clock, offset, result)
            return "late", late
        if session is not None and session.opened_at < cut:
            self._close(clock, key, session, offset, result)
            session = None
        if session is None:
            session = Session(event.site, key, clock.now, offset, calendar)
            if event.clock == "live":
                # Nobody acts on history.
                session.experiments_version = self.experiments.version
            return self._take(clock, key, session, record, event, id_bytes, occurred_at, result)
        self._touch(clock, key, session)
        if session.events >= SESSION_EVENTS:
            return "overflow", f"the session has {SESSION_EVENTS} events"
        return self._take(clock, key, session, record, event, id_bytes, occurred_at, result)

    def _take(
        self,
        clock: SessionClock,
        key: bytes,
        session: Session,
        record: LogRecord,
        event: Event,
        id_bytes: bytes,
        occurred_at: int,
        result: FoldResult | None,
    ) -> tuple[Outcome, str]:
        """Step 7 of the fold: a session whose first event fails is never opened."""
        page = None
        if event.type == "page_view" and event.page is not None:
            page = self._statistics.page(event.site, event.page.path, event.page.type, self.pages_version)
        try:
            changed = apply(session, event, id_bytes, occurred_at, page)
        except Exception as error:
            if result is not None:
                result.failed()
            return "failed", f"{type(error).__name__}: {error}"
        if session.first_offset == record.offset:
            clock.open[key] = session
            self._first_offsets[record.offset] = None
            if self.experiments.uses_silence:
                self._timers.start(session, clock.now)
        if result is not None:
            result.failure_run = 0
            cause = cause_of(record.offset, event)
            self._emit(key, session, cause, occurred_at, changed, result)
        return "scored", ""

    def _advance(self, name: str, to: int, offset: int, result: FoldResult | None, but: bytes = b"") -> SessionClock:
        """Move a clock to `to`, never back, and close the sessions that it has passed; then those that have been silent
        for so long that an intervention looks at them have an update, but not the one of the key `but`, which has an
        event.
        """
        clock = self.clocks.get(name)
        if clock is None:
            clock = self.clocks[name] = SessionClock(to)
            self._bound_clocks(offset, result)
        clock.now = max(clock.now, to)
        if clock.now >= clock.due:
            sessions = clock.open
            while sessions:
                key, session = next(iter(sessions.items()))
                clock.due = session.last_seen + IDLE
                if clock.now < clock.due:
                    break
                self._close(clock, key, session, offset, result)
            else:
                clock.due = clock.now + IDLE
        if name == LIVE_CLOCK and len(self._timers):
            self._fire_timers(clock, offset, result, but)
        return clock

    def _fire_timers(self, clock: SessionClock, offset: int, result: FoldResult | None, but: bytes = b"") -> None:
        if len(self._timers) and clock is self.clocks.get(LIVE_CLOCK):
            for session in self._timers.due(clock.now, but):
                if result is not None:
                    idle = clock.now - session.last_seen
                    self._emit(session.key, session, Cause(offset), clock.now, (), result, idle)

    def _is_open(self, session: Session) -> bool:
        live = self.clocks.get(LIVE_CLOCK)
        return live is not None and live.open.get(session.key) is session

    def _bound_clocks(self, offset: int, result: FoldResult | None) -> None:
        """Close and forget the imported sites that began first, until a mark has room for the clocks of the others.

        So a fold that begins at a mark knows the clocks that a fold of the whole log knows.
        """
        size = sum(map(clock_bytes, self.clocks))
        for name in [name for name in self.clocks if name != LIVE_CLOCK]:
            if size <= CLOCKS_BYTES:
                break
            size -= clock_bytes(name)
            clock = self.clocks.pop(name)
            for key, session in list(clock.open.items()):
                self._close(clock, key, session, offset, result)

    def _touch(self, clock: SessionClock, key: bytes, session: Session) -> None:
        if self.listener is not None:
            self.listener.before_change(session)
        session.last_seen = clock.now
        clock.open.move_to_end(key)
        if not session.has_timer and self.experiments.uses_silence:
            self._timers.start(session, clock.now)

    def _forget(self, digest: str) -> None:
        """Drop the open sessions that the digest stands for, as if they had never been."""
        for clock in self.clocks.values():
            for key, session in list(clock.open.items()):
                if digest in self._erasures.digests_of(session.site, session.session_id, session.visitor_id):
                    del clock.open[key]
                    del self._first_offsets[session.first_offset]

    def _close(self, clock: SessionClock, key: bytes, session: Session, offset: int, result: FoldResult | None) -> None:
        del clock.open[key]
        del self._first_offsets[session.first_offset]
        if result is not None:
            self._emit(key, session, Cause(offset), clock.now, (), result)

    def _emit(
        self,
        key: bytes,
        session: Session,
        cause: Cause,
        occurred_at: int,
        changed: Sequence[int],
        result: FoldResult,
        idle_ms: int = 0,
    ) -> None:
        if self.is_erased(session):
            # `erasures` may already name a visitor whose control this partition has not reached.
            return
        if idle_ms and result.policy is not None and not result.decides:
            return
        closed = cause.id is None and not idle_ms
        published: Literal["always", "if_fired", "never"] = "if_fired" if idle_ms else "always"
        if result.policy is None:
            version = version_of(cause.offset, closed)
        else:
            emitted = result.policy.version(session, cause.offset, closed)
            if emitted is None:
                if closed or not (result.decides and self.experiments.has_interventions(session)):
                    return
                emitted, published = version_of(cause.offset, closed), "never"
            version = emitted
            if closed:
                changed = range(len(session.views))
        enrolment = self.experiments.enrolment(session)
        if idle_ms and not enrolment.interventions:
            return
        update = update_of(
            session, version, cause, occurred_at, changed if result.has_views else (), self.pages_version, idle_ms
        )
        profile = self._profiles.get(session.site) or self._profile_of(session.site)
        model = enrolment.model or self.models.of(session.site)
        deciding = session if self.experiments.has_interventions(session) else None
        result.updates.append(UnscoredUpdate(self.number, key, model, update, profile, enrolment, deciding, published))

    def _profile_of(self, site: str) -> SiteProfile:
        """The profile of the version in force, kept until another one is."""
        profile = self._profiles[site] = self._statistics.profile(site, self.pages_version)
        return profile

    def _dead(self, record: LogRecord, reason: DeadReason, detail: str) -> DeadLetter:
        return DeadLetter(
            log=self.log,
            partition=self.number,
            offset=record.offset,
            reason=reason,
            detail=detail[:500],
            key=record.key,
            raw=record.value or b"",
        )


def controls(records: Iterable[LogRecord]) -> Iterator[tuple[int, Control]]:
    """The controls among these records, with their offsets; what cannot be decoded is left out."""
    for record in records:
        if record.key is None:
            try:
                content = decode(None, record.value)
            except UndecodableError:
                continue
            if not isinstance(content, Event):
                yield record.offset, content


def is_passed(event: Event, now: int) -> bool:
    """Whether an imported site's clock is past this event: it is sent again, for history comes in order."""
    return event.received_at < now and event.clock == "replayed"  # of an import: see ClockKind


def believed_time(occurred_at: int, received_at: int) -> int:
    """When an event occurred, in ms UTC: a clock that is far ahead is not believed."""
    return occurred_at if occurred_at <= received_at + FUTURE_TOLERANCE_MS else received_at


def lateness(occurred_at: int, received_at: int, cut: int) -> str:
    """Why an event is late; empty when it is not."""
    if received_at - occurred_at > LATE:
        return f"arrived {(received_at - occurred_at) / 60_000:.1f} minutes after it occurred"
    return "occurred before the last cut of the day" if occurred_at < cut else ""
