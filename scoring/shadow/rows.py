"""The rows of a comparison: two probabilities for each update of closed sessions, in bounded memory. Pure.

Where there are more than MOST_ROWS, sessions are kept by the digest of their identity: which ones does not depend on
the order in which they came, nor on what happened in them.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.shadow.report import SessionMover

MOST_ROWS = 1_000_000
#: Sessions of the largest moves that are named.
MOVERS = 10
_DIGESTS = 1 << 64


class ShadowRow(NamedTuple):
    """One update: its number among the session's events, the probabilities, its subgroups, whether the session had
    bought by then, and the version that gave `live`."""

    event: int
    live: float
    candidate: float
    groups: tuple[str, ...]
    had_bought: bool
    version: str = ""


class RowColumns(NamedTuple):
    """The rows in columns; `session` counts from 0, `group` is an index of `groups`."""

    session: NDArray[np.int64]
    event: NDArray[np.int64]
    live: NDArray[np.float64]
    candidate: NDArray[np.float64]
    bought: NDArray[np.bool_]
    group: NDArray[np.int64]
    groups: list[tuple[str, ...]]


class ShadowRows:
    """Takes sessions as they close. `versions` counts the updates of each version in force, `span` is when the first
    session opened and the last one; both of all sessions, kept or not."""

    def __init__(self, most: int = MOST_ROWS) -> None:
        self._most = most
        self._limit = _DIGESTS
        self._sessions = array("Q")
        self._bought = array("b")
        self._session, self._event, self._group = array("I"), array("H"), array("I")
        self._live, self._candidate, self._had_bought = array("d"), array("d"), array("b")
        self._groups: dict[tuple[str, ...], int] = {}
        self._movers: list[tuple[float, str, str, int, SessionMover]] = []
        self._taken_back: set[int] = set()
        self.versions: Counter[str] = Counter()
        self.span: tuple[int, int] | None = None

    def add(self, identity: tuple[str, str, int], bought: bool, rows: Sequence[ShadowRow]) -> None:
        """Take a closed session; one without updates before its purchase counts for nothing."""
        if not rows or (bought and rows[0].had_bought):
            return
        self._move(identity, bought, rows)
        self.versions.update(row.version for row in rows)
        first, last = self.span or (identity[2], identity[2])
        self.span = min(first, identity[2]), max(last, identity[2])
        digest = _digest(identity)
        if digest >= self._limit:
            return
        place = len(self._sessions)
        self._sessions.append(digest)
        self._bought.append(bought)
        for row in rows:
            self._session.append(place)
            self._event.append(min(row.event, 65_535))
            self._live.append(row.live)
            self._candidate.append(row.candidate)
            self._group.append(self._groups.setdefault(row.groups, len(self._groups)))
            self._had_bought.append(row.had_bought)
        while len(self._session) > self._most and len(self._sessions) > 1:
            self._limit //= 2
            self._drop()

    def take_back(self, identity: tuple[str, str, int]) -> None:
        """A session of before did not buy: its orders count in other sessions."""
        self._taken_back.add(_digest(identity))

    @property
    def kept(self) -> float:
        """The share of the sessions that the rows have."""
        return self._limit / _DIGESTS

    def columns(self) -> RowColumns:
        """The rows; those after the purchase of a session that bought are left out."""
        bought = np.array(self._bought, np.bool_)
        if self._taken_back:
            bought &= ~np.isin(np.array(self._sessions, np.uint64), np.array(sorted(self._taken_back), np.uint64))
        session = np.array(self._session, np.int64)
        of_row = bought[session] if len(bought) else np.zeros(0, np.bool_)
        chosen = ~(of_row & np.array(self._had_bought, np.bool_))
        return RowColumns(
            session[chosen],
            np.array(self._event, np.int64)[chosen],
            np.array(self._live, np.float64)[chosen],
            np.array(self._candidate, np.float64)[chosen],
            of_row[chosen],
            np.array(self._group, np.int64)[chosen],
            list(self._groups),
        )

    def movers(self) -> list[SessionMover]:
        """The sessions that moved most, the largest move first."""
        found = [each[-1] for each in sorted(self._movers, key=lambda each: each[:4], reverse=True)]
        return [
            SessionMover(
                each.moved,
                each.site,
                each.session_id,
                each.opened_at,
                each.event,
                each.before,
                each.after,
                each.bought and _digest((each.site, each.session_id, each.opened_at)) not in self._taken_back,
            )
            for each in found
        ]

    def _move(self, identity: tuple[str, str, int], bought: bool, rows: Sequence[ShadowRow]) -> None:
        before = [row for row in rows if not (bought and row.had_bought)]
        row = max(before, key=lambda each: abs(each.candidate - each.live))
        moved = row.candidate - row.live
        mover = SessionMover(moved, *identity, row.event, row.live, row.candidate, bought)
        # Digits beyond the sixth change with the batch, so equal moves go by name.
        entry = (round(abs(moved), 6), *identity, mover)
        if not entry[0]:
            return
        if len(self._movers) < MOVERS:
            heappush(self._movers, entry)
        elif entry[:4] > self._movers[0][:4]:
            heappushpop(self._movers, entry)

    def _drop(self) -> None:
        """Keep the sessions whose digest is below the limit."""
        kept = np.array(self._sessions, np.uint64) < np.uint64(self._limit)
        places = np.cumsum(kept) - 1
        session = np.array(self._session, np.int64)
        chosen = kept[session]
        self._sessions = _masked(self._sessions, kept)
        self._bought = _masked(self._bought, kept)
        self._session = array("I", places[session[chosen]].astype(np.uint32).tobytes())
        for name in ("_event", "_group", "_live", "_candidate", "_had_bought"):
            setattr(self, name, _masked(getattr(self, name), chosen))


def _masked(values: array, chosen: NDArray[np.bool_]) -> array:  # type: ignore[type-arg]
    return array(values.typecode, np.array(values)[chosen].tobytes())


def _digest(identity: tuple[str, str, int]) -> int:
    return int.from_bytes(blake2b(repr(identity).encode(), digest_size=8).digest())
