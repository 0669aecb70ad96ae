"""Histograms of sessions: what is compared, feature by feature, at the same number of events. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

#: Bins of a column; where it has no more different values, each has one of its own.
BINS = 10
#: So has a value that this share of the sessions has.
FREQUENT = 0.05
#: How bins are labelled that are not values.
UNKNOWN, OTHER = "unknown", "other"


class SessionSample(NamedTuple):
    """Sessions of one day. values: float32[sessions, columns], NaN being unknown; present: bool[sessions, columns],
    false where the session never had so many events. A session is one row, however many updates it has.
    """

    values: NDArray[np.float32]
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.values)


class ColumnBins(Struct, frozen=True):
    """The bins of one column: one for each of `values`, then those between `points`, the last one for unknown ones.

    Without `points` all other values have one bin.
    """

    values: tuple[float, ...]
    points: tuple[float, ...]

    @property
    def size(self) -> int:
        return len(self.values) + len(self.points) + 2

    def codes(self, given: NDArray[np.float32]) -> NDArray[np.intp]:
        """The bin of each value."""
        codes = len(self.values) + np.searchsorted(np.array(self.points, np.float32), given, "right")
        if self.values:
            values = np.array(self.values, np.float32)
            places = np.minimum(np.searchsorted(values, given), len(values) - 1)
            codes = np.where(values[places] == given, places, codes)
        return np.where(np.isnan(given), self.size - 1, codes)

    def labels(self) -> list[str]:
        """What people call the bins."""
        values, points = [f"{each:.6g}" for each in self.values], [f"{each:.4g}" for each in self.points]
        if not points:
            return [*values, OTHER, UNKNOWN]
        between = [f"{low} to {high}" for low, high in pairwise(points)]
        return [*values, f"under {points[0]}", *between, f"from {points[-1]}", UNKNOWN]


class SampleBins:
    """The bins of all columns, made from the sessions that a day is compared with."""

    def __init__(self, samples: Sequence[SessionSample]) -> None:
        self.columns = [
            _bins(np.concatenate([sample.values[sample.present[:, column], column] for sample in samples]))
            for column in range(samples[0].values.shape[1])
        ]
        self._sizes = [column.size for column in self.columns]
        #: Where the bins of each column begin among those of all.
        self.starts = np.cumsum([0, *self._sizes])[:-1]
        self.size = sum(self._sizes)

    def codes(self, sample: SessionSample) -> NDArray[np.int32]:
        """The bin of each value among those of all columns, int32[sessions, columns]; `size`: it is not present."""
        codes = np.empty(sample.values.shape, np.int32)
        for column, (start, bins) in enumerate(zip(self.starts, self.columns, strict=True)):
            codes[:, column] = start + bins.codes(sample.values[:, column])
        codes[~sample.present] = self.size
        return codes

    def counts(self, codes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Sessions of each bin of all columns, float64[size]."""
        return np.bincount(codes.ravel(), minlength=self.size + 1)[: self.size].astype(np.float64)

    def distances(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Jensen-Shannon divergence of each column's two histograms (Lin 1991), in nats; 0 where one is empty.

        one: float64[..., size], several at once; the answer is float64[..., columns].
        """
        p, q = self._shares(one), self._shares(other)
        middle = (p + q) / 2
        safe = np.where(middle > 0, middle, 1.0)
        apart = self._sums(_terms(p, safe) + _terms(q, safe)) / 2
        return np.asarray(apart * (self._sums(one) > 0) * (self._sums(other) > 0))

    def psi(self, one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Population stability index of each column, with half a session in each bin: a number that people know."""
        p, q = self._shares(one + 0.5), self._shares(other + 0.5)
        return self._sums((p - q) * np.log(p / q))

    def freedom(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of each column, the bins that are not empty, less one; at least 1."""
        return np.maximum(self._sums((counts > 0).astype(np.float64)) - 1, 1)

    def histogram(self, column: int, counts: NDArray[np.float64]) -> list[float]:
        """The shares of one column's bins."""
        start = self.starts[column]
        return [float(share) for share in self._shares(counts)[start : start + self.columns[column].size]]

    def _sums(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the bins of each column, along the last axis."""
        return np.asarray(np.add.reduceat(given, self.starts, axis=-1))

    def _shares(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.repeat(np.maximum(self._sums(counts), 1e-12), self._sizes, axis=-1)
        return np.asarray(counts / sums)


def _bins(given: NDArray[np.float32]) -> ColumnBins:
    """Values that many sessions have get a bin of their own, the others as many each as can be."""
    known = given[~np.isnan(given)]
    values, sessions = np.unique(known, return_counts=True)
    if len(values) <= BINS:
        return ColumnBins(tuple(map(float, values)), ())
    frequent = values[sessions >= FREQUENT * len(known)]
    others = known[~np.isin(known, frequent)]
    points = np.unique(np.quantile(others, np.arange(1, BINS) / BINS)) if len(others) else others
    return ColumnBins(tuple(map(float, frequent)), tuple(map(float, points)))


def _terms(shares: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(shares * np.log(np.where(shares > 0, shares / middle, 1.0)))
