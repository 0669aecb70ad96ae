"""Log lines about a service that goes away and comes back: one when it goes, one a minute, one when it is back."""

import logging
from collections.abc import Callable
from time import monotonic

#: `extra` of a log record which says that Kafka was not reached: stream/kafka/client_log.py makes one outage of many.
KAFKA_AWAY = {"outage": "kafka-away"}
#: Seconds between two lines about a service that stays away.
EVERY = 60.0


def reason_of(error: BaseException) -> str:
    """What an exception says; its class where it says nothing, as a TimeoutError does."""
    return str(error) or type(error).__name__


class OutageLog:
    """The outages of one service; `back` is the line for its return. Times are those of `clock`, in seconds.

    An outage that begins within a minute of the last line is silent, its end too, until it has a line of its own: a
    service that flaps costs two lines a minute.
    """

    def __init__(self, log: logging.Logger, back: str, clock: Callable[[], float] = monotonic) -> None:
        self._log = log
        self._back = back
        self._clock = clock
        self._since: float | None = None
        self._line_at: float | None = None
        self._has_line = False
        #: Why the service is away, "" while it is not.
        self.reason = ""

    @property
    def away(self) -> bool:
        return self._since is not None

    @property
    def seconds(self) -> float:
        """How long the service has been away, 0 while it is not."""
        return 0.0 if self._since is None else self._clock() - self._since

    def failed(self, line: str) -> bool:
        """Take note of a failed attempt; whether it was worth a line."""
        now = self._clock()
        since = self._since = now if self._since is None else self._since
        self.reason = line
        if self._line_at is not None and now - self._line_at < EVERY:
            return False
        self._line_at, self._has_line = now, True
        if now > since:
            line = f"{line} (for {now - since:.0f} s now)"
        self._log.warning("%s", line, extra={"outage": "line"})
        return True

    def answered(self) -> None:
        """Take note that the service answers."""
        if self._has_line:
            self._log.warning("%s, after %.0f s", self._back, self.seconds, extra={"outage": "line"})
        self._since, self._has_line, self.reason = None, False, ""
