"""Which sessions have been silent for long enough that a condition must be looked at. Pure; driven by the log's clock.

A heap with one entry for each session that a condition of time concerns, so that other sessions cost nothing. An entry
is put right when it is due, not with each event of its session.
"""

from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from stream.fold.session import Session


class _Entry(NamedTuple):
    due: int
    #: Decides between equals, so that sessions are never compared.
    number: int
    session: Session
    #: Where the clock stood when the session was last kept open, as the entry was made.
    last_seen: int


class SilenceTimers:
    """The timers of one partition. `silences_of` has the silences of a session in ms, the shortest first; none where no
    condition concerns it any more. `is_open` says whether a session is open.
    """

    __slots__ = ("_entries", "_is_open", "_made", "_silences_of")

    def __init__(self, silences_of: Callable[[Session], Sequence[int]], is_open: Callable[[Session], bool]) -> None:
        self._silences_of = silences_of
        self._is_open = is_open
        self._entries: list[_Entry] = []
        self._made = 0

    def __len__(self) -> int:
        return len(self._entries)

    def start(self, session: Session, now: int) -> None:
        """Wait for the next silence of a session, where it has one and none is waited for; `now` in ms by its clock."""
        if session.has_timer:
            return
        idle = now - session.last_seen
        ahead = next((silence for silence in self._silences_of(session) if silence > idle), None)
        if ahead is not None:
            self._push(session, session.last_seen + ahead)

    def due(self, now: int, but: bytes) -> Iterator[Session]:
        """The sessions that a silence has come to, each once; not the one of the key `but`, whose turn is next time."""
        kept: list[_Entry] = []
        while self._entries and self._entries[0].due <= now:
            entry = heappop(self._entries)
            session = entry.session
            if session.key == but:
                kept.append(entry)
                continue
            session.has_timer = False
            silences = self._silences_of(session) if self._is_open(session) else ()
            if not silences:
                continue
            if entry.last_seen != session.last_seen and session.last_seen + silences[0] > now:
                self._push(session, session.last_seen + silences[0])
                continue
            yield session
            self.start(session, now)
        for entry in kept:
            heappush(self._entries, entry)

    def next_due(self) -> int | None:
        """When the next silence comes, in ms by the clock; None: there is none to wait for."""
        while self._entries:
            entry = self._entries[0]
            session = entry.session
            silences = self._silences_of(session) if self._is_open(session) else ()
            if silences and entry.last_seen == session.last_seen:
                return entry.due
            heappop(self._entries)
            session.has_timer = False
            if silences:
                self._push(session, session.last_seen + silences[0])
        return None

    def _push(self, session: Session, due: int) -> None:
        session.has_timer = True
        self._made += 1
        heappush(self._entries, _Entry(due, self._made, session, session.last_seen))
