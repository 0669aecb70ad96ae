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
        by_day = [bins.counts(each) for each in codes]
        #: Of all days.
        self.counts = np.asarray(np.sum(by_day, axis=0))
        pooled, chance = np.concatenate(codes), np.random.default_rng(seed)
        drawn = np.array(
            [
                bins.distances(bins.counts(pooled[chance.integers(0, len(pooled), sessions)]), self.counts)
                for _ in range(draws)
            ]
        )
        apart = np.array(
            [bins.distances(each, self.counts - each) * len(day) for each, day in zip(by_day, days, strict=True)]
        )
        # The divergence of a sample from its source falls with its size, so days count by theirs.
        drawn *= np.maximum(apart.mean(0) / np.maximum(drawn.mean(0) * sessions, 1e-12), 1.0)
        # New values in a share s of the sessions are s ln(2) / 2 nats away.
        least = max(FEW_SESSIONS / sessions, FEW_SHARE) * np.log(2) / 2
        self._usual = np.maximum(np.quantile(drawn, USUAL, axis=0), least)
        self._farthest = np.sort((drawn / self._usual).max(1))

    def strengths(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far a day's counts are from the quiet days, in usual distances of each column: float64[columns]."""
        return np.asarray(self.bins.distances(counts, self.counts) / self._usual)

    def limit(self, share: float) -> float:
        """The strength that the farthest column of a quiet day passes with this probability."""
        return float(np.quantile(self._farthest, 1 - share))
