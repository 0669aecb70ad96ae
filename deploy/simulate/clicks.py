"""A session of the e-shop clicks as events, one page view a click, at times of day that are invented here. Pure.

The file has days and no times of day. Those that are invented follow from the session's number and the click's place
alone, in whole numbers that docs/operations.md states, so that whoever checks can compute them without this module.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time

from deploy.simulate.clicks_file import ClickSession
from deploy.simulate.visit import event, event_id_tails
from ingest.events import Code, Context, Event, Page

#: When sessions are, in ms after midnight UTC: after the daily cut and before midnight, so that none has two days.
OPENS, CLOSES = 8 * 3_600_000, (23 * 60 + 59) * 60_000
#: The shortest time between two clicks, and what the longest has more, in ms.
SHORTEST, SPREAD = 3_000, 480_000


class ClickVisit:
    """One session of the file, ready to be sent as events."""

    __slots__ = ("lasts", "number", "session", "session_id", "site", "start")

    def __init__(self, site: str, session: ClickSession) -> None:
        self.site = site
        self.session = session
        self.number = session.number
        self.session_id = f"session-{session.number:05}"
        self.lasts = sum(pauses(session))
        # The file's reader takes no session that is longer than its day.
        self.start = _midnight(session) + OPENS + _share(session.number) * (CLOSES - OPENS - self.lasts) // 1_000_000

    @property
    def event_count(self) -> int:
        """How many events `events` gives."""
        return len(self.session.paths)

    def events(self) -> Iterator[Event]:
        """A page view for each click, in the file's order."""
        country = self.session.country
        context = Context(region=Code(country, str(country)))
        at, before = self.start, None
        for tail, path, pause in zip(
            event_id_tails(self), self.session.paths, [0, *pauses(self.session)], strict=False
        ):
            at += pause
            yield event(self, tail, at, context, "page_view", page=Page(path, "ProductRelated", before))
            before = path


def pauses(session: ClickSession) -> Sequence[int]:
    """The time before each click but the first, in ms: most are short, some are minutes."""
    steps = [(379 * session.number + 617 * place) % 1_000 for place in range(2, len(session.paths) + 1)]
    return [SHORTEST + SPREAD * step * step // 1_000_000 for step in steps]


def _share(number: int) -> int:
    """Where in its day a session begins, in millionths: the golden ratio spreads what follows one another evenly."""
    return number * 618_034 % 1_000_000


def _midnight(session: ClickSession) -> int:
    return int(datetime.combine(session.day, time(), UTC).timestamp()) * 1_000
