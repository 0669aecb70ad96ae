"""Days of a virtual year whose month, weekend and distance to a special day are those of a row, and hours on them."""

from collections import defaultdict
from datetime import UTC, datetime

import numpy as np

from deploy.simulate.errors import SimulationDataError
from deploy.simulate.rows import Row, views_of
from stream.fold.calendar import Calendar, Day

#: Its 8 February and 3 May, where the interest in 14 February and 9 May peaks, are Saturdays, as in the data.
YEAR = 2025
#: Sessions keep this far from the daily cut and from midnight, in ms.
MARGIN = 60_000
HOUR = 3_600_000
#: How long after the cut crowded sessions begin, in ms.
RUSH = 2 * HOUR


class Dates:
    """The days of the virtual year by what the features take from them, for one site's calendar.

    `crowded` puts the sessions of equal days on one day and where they can into RUSH, so that many are open at a time.
    """

    def __init__(self, calendar: Calendar, crowded: bool = False) -> None:
        self._calendar = calendar
        self._crowded = crowded
        #: The daily cuts (04:00, when a day of sessions begins) by the features of the day after them.
        self._cuts: dict[Day, list[int]] = defaultdict(list)
        first_noon = int(datetime(YEAR, 1, 1, 12, tzinfo=UTC).timestamp() * 1000)
        for number in range(365):
            cut = calendar.latest_cut(first_noon + number * 24 * HOUR)
            self._cuts[_rounded(calendar.day(cut))].append(cut)

    def start(self, row: Row, chance: np.random.Generator) -> int:
        """When the row's session begins, in ms UTC: on a fitting day, and so that it ends before the daily cut.

        Raises SimulationDataError where the year has no such day or the session is too long for it.
        """
        wanted = _rounded(Day(row.features.SpecialDay, row.features.Month, row.features.Weekend))
        cuts = self._cuts.get(wanted)
        if not cuts:
            raise SimulationDataError(
                f"row {row.number}: no day of {YEAR} in {wanted.month} with SpecialDay {wanted.special_day} and "
                f"Weekend {wanted.weekend}: sites.uci needs timezone UTC, no holidays, special_days 02-14 and 05-09"
            )
        lasts = sum(millis for _, millis in views_of(row.features))
        cut = cuts[0 if self._crowded else int(chance.integers(len(cuts)))]
        next_cut = self._calendar.latest_cut(cut + 25 * HOUR)
        # The local day ends 20 hours after the cut; what begins before midnight may end after it.
        earliest, latest = cut + MARGIN, min(cut + 20 * HOUR, next_cut - lasts) - MARGIN
        if latest < earliest:
            raise SimulationDataError(
                f"row {row.number}: lasts {lasts / 1000:.0f} s, too long for one day between two cuts"
            )
        if self._crowded:
            latest = min(latest, earliest + RUSH)
        return int(chance.integers(earliest, latest + 1))


def _rounded(day: Day) -> Day:
    return Day(round(day.special_day, 6), day.month, day.weekend)
