"""Which interventions of a session a stream has yet to hand over to its page, and when.

What became of one (delivered, held, capped) the part `webhooks` writes into the database, a moment after it fired:
that is asked for until it is there. Knows no HTTP and no event loop.
"""

import logging
from collections.abc import Callable, Collection, Mapping

import msgspec
from msgspec import Struct

from storage.database.errors import DatabaseUnavailableError
from storage.interventions.firings import KeptFiring
from storage.query.intents import Intent, fired_in

log = logging.getLogger(__name__)

#: A page that opens so long after an intervention has fired, in ms, still gets it; by the log's clock and ours.
HANDOVER_MS = 120_000
#: Seconds between two looks at what became of it: the first, then longer and longer.
FIRST_LOOK, LONGEST_LOOK = 0.2, 5.0

#: Site, session id, opened_at -> what is known of the session's interventions, by name.
ReadFirings = Callable[[str, str, int], Mapping[str, KeptFiring]]


class PageMessage(Struct, frozen=True):
    """What a page gets of an intervention. `payload` is the shop's own object, null where it has none; `opened_at` goes
    back with what the page reports. Times in ms UTC.
    """

    intervention: str
    opened_at: int
    fired_at: int
    payload: msgspec.Raw


class PageMessages:
    """Those of one stream. `note` takes every intent, `take` gives what is ready."""

    def __init__(self, read: ReadFirings) -> None:
        self._read = read
        self._pause = FIRST_LOOK
        #: (opened_at, name) -> site, session id, fired_at of those that wait, and of those that are done with.
        self._waiting: dict[tuple[int, str], tuple[str, str, int]] = {}
        self._known: set[tuple[int, str]] = set()

    @property
    def pause(self) -> float | None:
        """In how many seconds to look again; None where nothing waits."""
        return self._pause if self._waiting else None

    def note(self, intent: Intent) -> None:
        """Wait for the interventions of an intent that this stream has not seen."""
        for each in fired_in(intent):
            key = (intent.opened_at, each.name)
            if each.action == "page" and not each.held and key not in self._known:
                self._known.add(key)
                self._waiting[key] = (intent.site, intent.session_id, each.fired_at)
                self._pause = FIRST_LOOK

    def take(self, now: int, stopped: Collection[str] = ()) -> list[PageMessage]:
        """What may go to the page now (ms UTC), each once, in the order of firing; blocks on the database. Nothing of
        interventions whose names are `stopped`."""
        found = []
        self._pause = min(2 * self._pause, LONGEST_LOOK)
        for opened_at in {opened_at for opened_at, _ in self._waiting}:
            for key in [key for key in self._waiting if key[0] == opened_at]:
                if now - self._waiting[key][2] > HANDOVER_MS or key[1] in stopped:
                    del self._waiting[key]
            found += self._ready(opened_at)
        return sorted(found, key=lambda each: each.fired_at)

    def _ready(self, opened_at: int) -> list[PageMessage]:
        waiting = {name: of for (opened, name), of in self._waiting.items() if opened == opened_at}
        if not waiting:
            return []
        site, session_id, _ = next(iter(waiting.values()))
        try:
            known = self._read(site, session_id, opened_at)
        except DatabaseUnavailableError as error:
            log.warning("interventions of pages wait, the database does not answer: %s", error)
            return []
        found = []
        for name, (_, _, fired_at) in waiting.items():
            if name not in known:
                continue
            del self._waiting[opened_at, name]
            outcome, payload = known[name]
            if outcome == "delivered":
                found.append(PageMessage(name, opened_at, fired_at, msgspec.Raw((payload or "null").encode())))
        return found
