"""Pages of dead letters with what became of them, from both databases. Blocking."""

import base64
from collections.abc import Callable, Sequence
from typing import Literal

from storage.dead_letters.answers import DeadLetterList, DeadLetterSummary, ResentLetter, WholeDeadLetter
from storage.dead_letters.draft import draft, event_of, hint, readable
from storage.dead_letters.ledger import ResentLedger
from storage.dead_letters.place import LetterPlace, WrongPlaceError
from storage.dead_letters.reads import DeadLetterReads, LetterFilter, LetterRow, StoredLetter

#: open: not sent again yet. sent: sent again, or being sent.
LetterState = Literal["all", "open", "sent"]
#: Letters that are looked at for one page of those that are open, or were sent, in pieces of so many.
MOST_LOOKED, PIECE = 10_000, 500


class DeadLetterListing:
    """The letters as the list and the page of one show them; raises DatabaseUnavailableError."""

    def __init__(self, reads: DeadLetterReads, ledger: ResentLedger, now: Callable[[], int]) -> None:
        self._reads = reads
        self._ledger = ledger
        self._now = now

    def page(self, chosen: LetterFilter, state: LetterState, cursor: str, limit: int) -> DeadLetterList:
        """Raises WrongPlaceError for a cursor of another kind. A page may hold fewer than `limit` letters and have a
        next one: where most letters were sent again, those that are open are looked for in turns."""
        after = _parsed(cursor) if cursor else None
        reasons = self._reads.counts(chosen)
        page = self._sent if state == "sent" else self._of_log
        letters, following = page(chosen, state, after, limit)
        return DeadLetterList(sum(reasons.values()), reasons, following, letters)

    def one(self, place: LetterPlace) -> tuple[StoredLetter, ResentLetter | None] | None:
        """A letter, and what became of it."""
        stored = self._reads.one(place)
        return None if stored is None else (stored, self._ledger.of([place]).get(place))

    def whole(self, stored: StoredLetter, resent: ResentLetter | None) -> WholeDeadLetter:
        """The answer for one letter."""
        row, key, raw = stored
        text, is_text = readable(raw)
        event = event_of(key, raw) if row.place.topic == "events" else None
        made = draft(event, raw) if row.place.topic == "events" else None
        return WholeDeadLetter(
            summary=_summary(row, resent),
            key=readable(key or b"")[0],
            text=text,
            is_text=is_text,
            base64=base64.b64encode(raw).decode(),
            draft=made,
            hint=hint(row.reason, row.place.topic, event, self._now()),
        )

    def _of_log(
        self, chosen: LetterFilter, state: LetterState, after: tuple[int, LetterPlace] | None, limit: int
    ) -> tuple[list[DeadLetterSummary], str]:
        found: list[DeadLetterSummary] = []
        looked = 0
        while True:
            size = limit - len(found) if state == "all" else PIECE
            rows = self._reads.page(chosen, after, size)
            resent = self._ledger.of([row.place for row in rows])
            for row in rows:
                looked += 1
                after = (row.at, row.place)
                if state == "all" or row.place not in resent:
                    found.append(_summary(row, resent.get(row.place)))
                if len(found) == limit:
                    return found, row.cursor
            if len(rows) < size:
                return found, ""
            if looked >= MOST_LOOKED:
                return found, rows[-1].cursor

    def _sent(
        self, chosen: LetterFilter, _: LetterState, after: tuple[int, LetterPlace] | None, limit: int
    ) -> tuple[list[DeadLetterSummary], str]:
        found: list[DeadLetterSummary] = []
        looked = 0
        while True:
            sent = self._ledger.newest(after, PIECE)
            rows = self._rows([LetterPlace.parse(each.letter) for each in sent], chosen)
            for each in sent:
                looked += 1
                after = (each.claimed_at, LetterPlace.parse(each.letter))
                if (row := rows.get(after[1])) is not None:
                    found.append(_summary(row, each))
                if len(found) == limit:
                    return found, f"{each.claimed_at}:{each.letter}"
            if len(sent) < PIECE:
                return found, ""
            if looked >= MOST_LOOKED:
                return found, f"{sent[-1].claimed_at}:{sent[-1].letter}"

    def _rows(self, places: Sequence[LetterPlace], chosen: LetterFilter) -> dict[LetterPlace, LetterRow]:
        return {row.place: row for row in self._reads.some(places, chosen)}


def _summary(row: LetterRow, resent: ResentLetter | None) -> DeadLetterSummary:
    return DeadLetterSummary(
        letter=str(row.place),
        log=row.place.log,
        topic=row.place.topic,
        partition=row.place.partition,
        offset=row.place.offset,
        reason=row.reason,
        detail=row.detail,
        site=row.site,
        dead_at=row.at or None,
        bytes=row.bytes,
        resent=resent,
    )


def _parsed(cursor: str) -> tuple[int, LetterPlace]:
    at, _, place = cursor.partition(":")
    if not (at.isascii() and at.isdigit() and len(at) < 16):
        raise WrongPlaceError(f"{cursor[:100]!r} is no cursor of a list")
    return int(at), LetterPlace.parse(place)
