"""How far apart the days of a site are when nothing happens: what tells an alarm from chance. Pure.

No rule of thumb: the sessions of quiet days are drawn again, as many as a day has, and compared with all of them. Days
differ by more than chance (a weekend, a campaign); how much farther than by chance each quiet day is from the others is
measured for each column, and each draw is moved as far as one of these days is. Of all columns the farthest counts, so
that many columns do not make many alarms (Westfall and Young 1993).
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
        apart = bins.distances(by_day, self.counts - by_day)
        drawn = _with_days(drawn, apart, sessions / sizes, bins.freedom(self.counts), chance)
        # New values in a share s of the sessions are s ln(2) / 2 nats away.
        least = max(FEW_SESSIONS / sessions, FEW_SHARE) * np.log(2) / 2
        self._usual = np.maximum(np.quantile(drawn, USUAL, axis=0), least)
        #: The strength of the farthest column of each draw, float64[draws].
        self.farthest = np.asarray((drawn / self._usual).max(1))

    def strengths(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far a day's counts are from the quiet days, in usual distances of each column: float64[columns]."""
        return np.asarray(self.bins.distances(counts, self.counts) / self._usual)


def without_outliers(apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of days, float64[days, ...], of which none is more than twice as far as the third of four weeks' days.

    One or two bad days would hide for weeks what goes wrong then. Of two weeks it is the second, of fewer the first.
    """
    rank = 1 + len(apart) // 14
    return np.asarray(np.minimum(apart, 2 * np.sort(apart, axis=0)[-rank]))


def _with_days(
    drawn: NDArray[np.float64],
    apart: NDArray[np.float64],
    by_size: NDArray[np.float64],
    freedom: NDArray[np.float64],
    chance: np.random.Generator,
) -> NDArray[np.float64]:
    """The distances of draws, float64[draws, columns], as they are where days differ as these do.

    apart: float64[days, columns], of each quiet day from the others; by_size: the sessions of a draw by those of the
    day; freedom: degrees of freedom of each column.
    """
    mean = drawn.mean(0)
    # The divergence of a sample from its source falls with its size.
    beyond = without_outliers(np.maximum(apart - mean * by_size[:, None], 0.0))
    by_chance = np.maximum(drawn - mean, 0.0).mean(0) * by_size.mean()
    beyond *= np.clip(1 - by_chance / np.maximum(beyond.mean(0), 1e-15), 0.0, 1.0)
    moved = beyond[chance.integers(0, len(apart), len(drawn))]
    # How much days differ is known by these few only, as in Student's t.
    freely = max(len(apart) - 1, 1)
    moved *= (freely / chance.chisquare(freely, len(drawn)))[:, None]
    # A divergence is about the square of a length: add two that have any direction to each other.
    cosines = chance.choice((-1.0, 1.0), drawn.shape) / np.sqrt(freedom)
    return np.asarray(drawn + moved + 2 * np.sqrt(drawn * moved) * cosines)
