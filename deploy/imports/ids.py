"""Ids of imported events: the same for the same row however often it is imported, and in order within a millisecond.

48 bits of when it occurred, 20 bits of its rank among the session's events of that millisecond, 54 bits of its digest,
in the form of a UUIDv8 (RFC 9562, 5.8).
"""

from deploy.imports.prepare import PreparedEvent
from stream.fold.partition import LATE

_MOST_RANK = 2**20 - 1
_DIGEST_BITS = 54
#: Milliseconds of sessions that are remembered before those are forgotten that no later row can be of.
_REMEMBERED = 100_000


class EventIds:
    """Gives ids to events that come sorted; knows a row that was there before."""

    def __init__(self) -> None:
        self._seen: dict[tuple[bytes, int], set[bytes]] = {}
        self._partition = -1
        self._most = _REMEMBERED

    def is_duplicate(self, event: PreparedEvent) -> bool:
        """Whether the same row came before; else its rank is taken."""
        self._forget(event)
        seen = self._seen.setdefault((event.session, event.occurred_at), set())
        if event.digest in seen:
            return True
        seen.add(event.digest)
        return False

    def id_of(self, event: PreparedEvent) -> str:
        """The id of an event that is no duplicate."""
        rank = min(len(self._seen[(event.session, event.occurred_at)]) - 1, _MOST_RANK)
        digest = int.from_bytes(event.digest) >> (128 - _DIGEST_BITS)
        low = (rank & 0xFF) << _DIGEST_BITS | digest
        return _uuid(event.occurred_at << 80 | 8 << 76 | (rank >> 8) << 64 | 2 << 62 | low)

    def _forget(self, event: PreparedEvent) -> None:
        if event.partition != self._partition:
            self._partition = event.partition
            self._seen = {}
        if len(self._seen) >= self._most:
            oldest = event.received_at - LATE
            self._seen = {key: seen for key, seen in self._seen.items() if key[1] >= oldest}
            self._most = max(_REMEMBERED, 2 * len(self._seen))


def _uuid(number: int) -> str:
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
