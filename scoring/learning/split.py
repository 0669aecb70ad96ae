"""Splits rows by time: the oldest sessions to train, the next to validate, the newest to test; and what is too little.

By whole sessions: all rows of a session are on the side on which it opened.
"""

from dataclasses import dataclass

import numpy as np

from scoring.learning.errors import LearningError
from scoring.learning.rows import LearningRows

#: Shares of the sessions up to the end of each part but the last.
TRAIN_SHARE, VALIDATION_SHARE = 0.6, 0.8
#: Sessions that bought: below the first nothing is learned, below the second the model in force is recalibrated only.
FEWEST_PURCHASES, FEWEST_FOR_ALL = 30, 300
#: The gate wants a whole day of sessions that are new to a candidate: the newest part has one also where 20 % of the
#: sessions opened in less, as long as this share of them is older.
DAY_MS, DAY_SHARE = 86_400_000, 0.7


@dataclass(frozen=True)
class TimeSplit:
    train: LearningRows
    validation: LearningRows
    test: LearningRows


def split_by_time(rows: LearningRows) -> TimeSplit:
    """Raises LearningError where there are too few purchases, or a part would have none."""
    check_enough(rows)
    _, first = np.unique(rows.session, return_index=True)
    opened = np.sort(rows.opened_at[first])
    # Sessions that opened in the same millisecond are on the same side.
    places = [min(int(len(opened) * share), len(opened) - 1) for share in (TRAIN_SHARE, VALIDATION_SHARE)]
    a_day = int(np.searchsorted(opened, opened[-1] - DAY_MS, "right")) - 1
    if a_day >= len(opened) * DAY_SHARE:
        places[1] = min(places[1], a_day)
    begins = [opened[place] for place in places]
    side = np.searchsorted(np.array(begins), rows.opened_at, "right")
    parts = [rows.take(side == each) for each in range(3)]
    for name, part in zip(("oldest 60 %", "20 % before the newest", "newest 20 %"), parts, strict=True):
        if len(part) == 0 or part.purchases() == 0 or part.purchases() == part.sessions():
            raise LearningError(
                f"of the {part.sessions():,} sessions that are the {name}, {part.purchases():,} bought: each part of "
                "the window needs sessions that buy and sessions that do not; take more days (--days)"
            )
    return TimeSplit(*parts)


def check_enough(rows: LearningRows) -> None:
    """Raise LearningError for rows of which nothing can be learned."""
    sessions, purchases = rows.sessions(), rows.purchases()
    if not sessions:
        raise LearningError("no closed session is in the window: take more days (--days), or see `opecom doctor`")
    if not purchases:
        raise LearningError(
            f"none of the {sessions:,} sessions bought: purchases count when your server signs them "
            "(docs/sites-and-keys.md) or with sites.NAME.count_unverified_purchases"
        )
    if purchases == sessions:
        raise LearningError(f"each of the {sessions:,} sessions bought: there is nothing to tell apart")
    if purchases < FEWEST_PURCHASES:
        raise LearningError(
            f"{purchases} of {sessions:,} sessions bought, and learning takes {FEWEST_PURCHASES}: take more days "
            "(--days)"
        )
