"""How far apart the days of a site are when nothing happens: what tells an alarm from chance. Pure.

No rule of thumb: the sessions of quiet days are drawn again, as many as a day has, and compared with all of them. Days
differ by more than chance (a weekend, a campaign); by how much more is measured for each column, and its distances are
taken as so many times farther. Of all columns the farthest counts, so that many columns do not make many alarms
(Westfall and Young 1993).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.drift.bins import SampleBins, SessionSample

#: Draws of a day, and their seed.
DRAWS, SEED = 1_000, 2026
#: The part of a column's draws that its distances are measured by.
USUAL = 0.95
#: A distance that so few sessions make is no news: this many, and this share of them.
FEW_SESSIONS, FEW_SHARE = 5, 0.005


class QuietDays:
    """The days that a day of so many `sessions` is compared with."""

    def __init__(self, days: Sequence[SessionSample], sessions: int, draws: int = DRAWS, seed: int = SEED) -> None:
        self.bins = bins = SampleBins(days)
        codes = [bins.codes(day) for day in days]
        by_day = np.array([bins.counts(each) for each in codes])
        #: Of all days.
        self.counts = by_day.sum(0)
        pooled, chance = np.concatenate(codes), np.random.default_rng(seed)
        again = (pooled[chance.integers(0, len(pooled), sessions)] for _ in range(draws))
        drawn = bins.distances(np.array([bins.counts(each) for each in again]), self.counts)
        sizes = np.array([len(day) for day in days])
        apart = np.array([bins.distances(each, self.counts - each) for each in by_day]) * sizes[:, None]
        # The divergence of a sample from its source falls with its size, so days count by theirs.
        drawn *= np.maximum(apart.mean(0) / np.maximum(drawn.mean(0) * sessions, 1e-12), 1.0)
        # New values in a share s of the sessions are s ln(2) / 2 nats away.
        least = max(FEW_SESSIONS / sessions, FEW_SHARE) * np.log(2) / 2
        self._usual = np.maximum(np.quantile(drawn, USUAL, axis=0), least)
        #: The strength of the farthest column of each draw, float64[draws].
        self.farthest = np.asarray((drawn / self._usual).max(1))

    def strengths(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far a day's counts are from the quiet days, in usual distances of each column: float64[columns]."""
        return np.asarray(self.bins.distances(counts, self.counts) / self._usual)
