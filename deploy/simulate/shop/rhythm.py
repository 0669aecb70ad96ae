"""When the sessions of the generated shop begin: by the day of the week and the hour, none across a daily cut. Pure."""

from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from deploy.simulate.shop.parameters import HOURS, WEEK
from stream.fold.calendar import Calendar

#: The first day, a Monday far from any special day; its noon is on that day in every zone but the furthest.
FIRST_NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)
HOUR = 3_600_000
DAY = 24 * HOUR
#: Sessions end so long before the daily cut, in ms.
MARGIN = 60_000


def first_cut(calendar: Calendar) -> int:
    """When the first day begins, ms UTC."""
    return calendar.latest_cut(FIRST_NOON)


def starts(sessions: int, days: int, seed: int, calendar: Calendar) -> list[int]:
    """The times at which so many sessions begin within so many days, in order; ms UTC."""
    weights = np.outer([WEEK[day % 7] for day in range(days)], HOURS).ravel()
    shares = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    hours = np.interp(_uniform(sessions, seed), shares, np.arange(len(shares)))
    return [first_cut(calendar) + int(hour * HOUR) for hour in np.sort(hours)]


def before_cut(start: int, lasts: int, calendar: Calendar) -> int:
    """The start of a session that is over before the daily cut: its own, or an earlier one of that day."""
    cut = calendar.latest_cut(start)
    return max(cut, min(start, calendar.latest_cut(cut + 25 * HOUR) - lasts - MARGIN))


def _uniform(sessions: int, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng([seed, 1]).random(sessions)
