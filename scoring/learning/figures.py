"""What is measured of scores on the newest days, by the number of the event, with bootstrap intervals over sessions.

A figure of one event number has one row of each session; that of all rows weighs them as they are learned from.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.learning.rows import LearningRows
from scoring.shadow import measures
from scoring.shadow.measures import ECE_BINS, LEAST

#: Numbers of events that are looked at; 0 stands for all rows.
NUMBERS = (1, 3, 5, 10, 20, 0)
METRICS = ("auc", "pr_auc", "log_loss", "brier", "ece", "p_at_5", "p_at_10", "p_at_20")
#: Resamples of the sessions, and the seed.
RESAMPLES, SEED = 200, 0
#: Rows of all resamples together, and the fewest resamples: of many rows fewer give the same interval.
DRAWN_ROWS, FEWEST_RESAMPLES = 10_000_000, 50
ENDS = (2.5, 97.5)

Array = NDArray[np.float64]


class MeasuredFigure(NamedTuple):
    """A figure and the ends of the middle 95 % of the resamples."""

    value: float
    low: float
    high: float


class EventScores(NamedTuple):
    """`figures` by model and metric; a model is left out where fewer than two outcomes are there."""

    number: int
    sessions: int
    buyers: int
    figures: dict[str, dict[str, MeasuredFigure]]


def rows_at(rows: LearningRows, number: int) -> NDArray[np.intp]:
    """The places of the rows at this event, one of each session; 0: all rows."""
    if number == 0:
        return np.arange(len(rows))
    places = np.flatnonzero(rows.events == number)
    _, first = np.unique(rows.session[places], return_index=True)
    return np.sort(places[first])


def measured(rows: LearningRows, models: Mapping[str, Array], resamples: int = RESAMPLES) -> list[EventScores]:
    """The figures of every model at each of NUMBERS; models: float64[n] by name."""
    found = []
    for number in NUMBERS:
        places = rows_at(rows, number)
        if not len(places):
            continue
        at = rows.take(places)
        weights = at.weights()
        sessions, of_row = np.unique(at.session, return_inverse=True)
        figures = {}
        if at.bought.any() and not at.bought.all():
            many = min(resamples, max(FEWEST_RESAMPLES, DRAWN_ROWS // len(places)))
            for name, probability in models.items():
                scores = _SortedScores(at.bought, probability[places], weights, of_row)
                drawn = [scores.metrics(counts) for counts in resampled(len(sessions), many)]
                figures[name] = _with_intervals(scores.metrics(np.ones(len(sessions))), np.array(drawn))
        found.append(EventScores(number, len(sessions), at.purchases(), figures))
    return found


def resampled(sessions: int, resamples: int) -> Iterator[Array]:
    """How often each session is in each resample, the same for every model."""
    chance = np.random.default_rng(SEED)
    for _ in range(resamples):
        yield np.bincount(chance.integers(0, sessions, sessions), minlength=sessions).astype(np.float64)


def _with_intervals(whole: Array, drawn: Array) -> dict[str, MeasuredFigure]:
    low, high = np.nanpercentile(drawn, ENDS, axis=0) if len(drawn) else (whole, whole)
    return {
        name: MeasuredFigure(float(whole[place]), float(low[place]), float(high[place]))
        for place, name in enumerate(METRICS)
    }


class _SortedScores:
    """Probabilities from the greatest down, so that each weighting is a matter of sums."""

    def __init__(
        self, bought: NDArray[np.bool_], probability: Array, weights: Array, session: NDArray[np.intp]
    ) -> None:
        """weights: of each row where its session is there once; session: which one it is, from 0 on."""
        order = np.argsort(-probability, kind="stable")
        self._weights, self._session = weights[order], session[order]
        self._bought = bought[order].astype(np.float64)
        self._probability = probability[order]
        new = np.concatenate([[True], self._probability[1:] != self._probability[:-1]])
        self._groups = np.flatnonzero(new)
        self._losses = measures.log_losses(self._bought, self._probability)
        self._squares = (self._probability - self._bought) ** 2
        self._bins = measures.calibration_bins(self._probability)
        self._apart = self._bought - self._probability

    def metrics(self, counts: Array) -> Array:
        """float64[METRICS], with each session so often; NaN where there is one outcome only."""
        own = counts[self._session] * self._weights
        total, yes = float(own.sum()), own * self._bought
        buyers = float(yes.sum())
        if buyers <= 0 or buyers >= total:
            return np.full(len(METRICS), np.nan)
        of_groups = np.add.reduceat(yes, self._groups), np.add.reduceat(own - yes, self._groups)
        found, others = (np.cumsum(each) for each in of_groups)
        precision = found / np.maximum(found + others, LEAST)
        apart = np.bincount(self._bins, own * self._apart, ECE_BINS)
        reached, of_top = np.cumsum(own), np.cumsum(yes)
        tops = [min(int(np.searchsorted(reached, share * total)), len(own) - 1) for share in (0.05, 0.10, 0.20)]
        return np.array(
            [
                measures.grouped_aucs(of_groups[0][::-1], of_groups[1][::-1]),
                (of_groups[0] * precision).sum() / buyers,
                (own @ self._losses) / total,
                (own @ self._squares) / total,
                np.abs(apart).sum() / total,
                *[of_top[top] / max(reached[top], LEAST) for top in tops],
            ]
        )


class CalibrationTenth(NamedTuple):
    """Of a tenth of the rows by their probability: the mean probability and the share that buys."""

    probability: float
    share: float


def calibration_bins(bought: NDArray[np.bool_], probability: Array, bins: int = 10) -> list[CalibrationTenth]:
    """Bins of as many rows each, from the least probability up."""
    order = np.argsort(probability, kind="stable")
    return [
        CalibrationTenth(float(probability[part].mean()), float(bought[part].mean()))
        for part in np.array_split(order, bins)
        if len(part)
    ]


def gain_curve(bought: NDArray[np.bool_], probability: Array, points: int = 50) -> list[tuple[float, float]]:
    """(Share of the sessions, the most likely first; share of the buyers among them)."""
    found = np.cumsum(bought[np.argsort(-probability, kind="stable")]) / max(int(bought.sum()), 1)
    places = np.unique(np.linspace(0, len(found) - 1, points).astype(int))
    return [(0.0, 0.0), *[((place + 1) / len(found), float(found[place])) for place in places.tolist()]]
