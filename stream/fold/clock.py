"""A clock of the log and the sessions that it closes."""

from collections import OrderedDict

from stream.fold.session import Session

#: A session closes when the clock has passed its last event by this: the tracker's 30 minutes and 10 of grace; in ms.
IDLE = 40 * 60 * 1000


class SessionClock:
    """A clock of the log, the greatest received_at of its sites, and the sessions that it will close, the least recent
    first.
    """

    __slots__ = ("due", "now", "open")

    def __init__(self, now: int) -> None:
        self.now = now
        self.open: OrderedDict[bytes, Session] = OrderedDict()
        #: No session is due before this.
        self.due = 0
