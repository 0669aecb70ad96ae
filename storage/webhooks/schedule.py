"""When a delivery that failed is tried again. Pure; times are ms UTC, pauses are seconds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: A pause is this share shorter or longer, by chance, so that what failed together does not come back together.
JITTER = 0.2
#: The longest that a receiver may ask for.
LONGEST_WAIT = 24 * 3600.0


def next_try(pauses: Sequence[float], attempts: int, now: int, chance: float, wait: float | None = None) -> int | None:
    """When to try again after so many attempts; None: give up.

    `chance` is a number from 0 to 1, `wait` what the receiver asked for, in seconds: no pause is shorter.
    """
    if attempts > len(pauses):
        return None
    pause = pauses[attempts - 1] * (1 + JITTER * (2 * chance - 1))
    return now + round(1000 * max(pause, wait or 0.0))


def requested_wait(header: str | None, now: int) -> float | None:
    """The seconds of a header Retry-After, a number or a date, at most LONGEST_WAIT; None where there is none."""
    if not header:
        return None
    if header.strip().isdigit():
        seconds = float(header.strip()[:9])
    else:
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now / 1000
    return min(max(seconds, 0.0), LONGEST_WAIT)


def spoken(ms: int) -> str:
    """A time for people; "" for 0."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms else "never"
