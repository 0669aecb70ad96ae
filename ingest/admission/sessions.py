"""How many sessions may begin: a rate of their own for each key and each client address, and a bound for all.

Every open session takes memory in a worker until 40 minutes after its last event, whoever sent that. What is new is
what this process has not seen lately; each ingest process learns for itself. Time is passed in, in seconds.
"""

from collections.abc import Collection

from ingest.admission.limits import AddressBuckets, TokenBuckets
from ingest.errors import RequestRefusedError

#: Seconds for which tokens of new sessions are saved up, per key and per address: a minute's rush behind one address.
KEY_BURST_SECONDS, ADDRESS_BURST_SECONDS = 10.0, 60.0
#: A session is known for one to two spans after its last event, in seconds: about as long as a worker keeps it open.
SPAN = 20 * 60.0
#: Seconds until a client should try again where all sessions that are allowed are open.
FULL_SECONDS = 60


class SessionAdmission:
    """`per_key` and `per_address` sessions may begin in a second; at most `most_open` are known at once."""

    def __init__(self, per_key: float, per_address: float, most_open: int) -> None:
        self._per_key = TokenBuckets(per_key, burst_seconds=KEY_BURST_SECONDS)
        self._per_address = AddressBuckets(per_address, burst_seconds=ADDRESS_BURST_SECONDS)
        self._most_open = most_open
        #: Hashes of the sessions seen in this span, and in the one before and not since.
        self._current: set[int] = set()
        self._previous: set[int] = set()
        self._ends: float | None = None

    def __len__(self) -> int:
        """How many sessions are known."""
        return len(self._current) + len(self._previous)

    def admit(self, sessions: Collection[bytes], key: str, address: str | None, now: float) -> None:
        """Let these sessions send; raises RequestRefusedError(rate), and then none of them is known for it.

        `address` None: this machine itself, for which no rate per address holds.
        """
        self._move(now)
        new = {hashed for session in sessions if (hashed := hash(session)) not in self._current}
        again = new & self._previous
        if begun := len(new) - len(again):
            self._begin(begun, key, address, now)
        self._previous -= again
        self._current |= new

    def _begin(self, count: int, key: str, address: str | None, now: float) -> None:
        if len(self) + count > self._most_open:
            reason = f"{self._most_open:,} sessions are open (ingest.max_open_sessions)"
            raise RequestRefusedError("rate", reason, FULL_SECONDS)
        if address is not None and (wait := self._per_address.wait(address, count, now)):
            raise _too_many(wait, "ingest.address_sessions_per_second")
        if wait := self._per_key.take(key, count, now):
            raise _too_many(wait, "ingest.key_sessions_per_second")
        if address is not None:
            self._per_address.take(address, count, now)

    def _move(self, now: float) -> None:
        """Forget what was not seen for a whole span."""
        if self._ends is None or now >= self._ends + SPAN:
            self._current, self._previous, self._ends = set(), set(), now + SPAN
        elif now >= self._ends:
            self._current, self._previous, self._ends = set(), self._current, self._ends + SPAN


def _too_many(wait: int, setting: str) -> RequestRefusedError:
    return RequestRefusedError("rate", f"too many new sessions; wait {wait} s ({setting})", retry_after=wait)
