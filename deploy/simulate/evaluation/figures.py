"""Predicted and observed: what is measured of the scores at one event, with intervals. Pure."""

from collections.abc import Iterator
from math import nan

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from deploy.simulate.evaluation.crossings import BANDS
from deploy.simulate.evaluation.samples import SampleColumns
from scoring.shadow.measures import LEAST, aucs, log_losses

#: Resamples of the bootstrap, those that are made at once, and its seed.
RESAMPLES, AT_ONCE, SEED = 400, 50, 2026
LEVEL = 0.95

Interval = tuple[float, float]


class BandFigures(Struct, frozen=True):
    """`share`: of the sessions; `rate`: of the sessions in the band those that buy afterwards, 0 where it has none."""

    share: float
    rate: float


class EventFigures(Struct, frozen=True):
    """At one event of sessions that have so many and have not bought yet.

    `observed`: the share that buys afterwards. `ratio`: mean predicted / observed. `gain`: log-loss of the constant
    observed rate less that of the scores. `truth_ratio` and so on: of the true probabilities. A figure is NaN where it
    has no meaning: where nobody buys, or (gain and AUC) everybody.
    """

    sessions: int
    buyers: int
    observed: float
    predicted: float
    ratio: float
    gain: float
    auc: float
    truth_ratio: float
    truth_gain: float
    truth_auc: float
    ratio_interval: Interval
    gain_interval: Interval
    auc_interval: Interval
    bands: dict[str, BandFigures]


def figures(at: SampleColumns) -> EventFigures:
    """All figures of one event."""
    bought, predicted, sessions = at.bought.astype(np.float64), at.probability, len(at.bought)
    whole = np.ones((1, sessions))
    ratio, gain, auc = (float(measure(bought, predicted, whole)[0]) for measure in MEASURES)
    truth_ratio, truth_gain, truth_auc = (float(measure(bought, at.truth, whole)[0]) for measure in MEASURES)
    resampled = [[measure(bought, predicted, some) for measure in MEASURES] for some in _resamples(sessions)]
    intervals = [_interval(np.concatenate(values)) for values in zip(*resampled, strict=True)]
    return EventFigures(
        sessions=sessions,
        buyers=int(bought.sum()),
        observed=float(bought.mean()) if sessions else nan,
        predicted=float(predicted.mean()) if sessions else nan,
        ratio=ratio,
        gain=gain,
        auc=auc,
        truth_ratio=truth_ratio,
        truth_gain=truth_gain,
        truth_auc=truth_auc,
        ratio_interval=intervals[0],
        gain_interval=intervals[1],
        auc_interval=intervals[2],
        bands={band: _band(at.band == band, bought) for band in BANDS},
    )


def ratios(
    bought: NDArray[np.float64], predicted: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean predicted / observed of each weighting, float64[weightings]; `weights` is float64[weightings, sessions]."""
    observed = weights @ bought
    return np.where(observed > 0, (weights @ predicted) / np.maximum(observed, LEAST), nan)


def gains(
    bought: NDArray[np.float64], predicted: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Log-loss of the constant rate of each weighting less that of the predictions, per session."""
    sessions = np.maximum(weights.sum(1), 1.0)
    rate = (weights @ bought) / sessions
    constant = rate * _loss_of(rate) + (1 - rate) * _loss_of(1 - rate)
    losses = log_losses(bought, predicted)
    return np.where((rate > 0) & (rate < 1), constant - (weights @ losses) / sessions, nan)


MEASURES = (ratios, gains, aucs)


def _loss_of(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    losses: NDArray[np.float64] = -np.log(np.clip(probability, LEAST, 1.0))
    return losses


def _resamples(sessions: int) -> Iterator[NDArray[np.float64]]:
    """How often each session is in each resample, float64[AT_ONCE, sessions] until there are RESAMPLES."""
    chance = np.random.default_rng(SEED)
    for _ in range(RESAMPLES // AT_ONCE):
        drawn = chance.integers(0, max(sessions, 1), (AT_ONCE, sessions))
        yield np.array([np.bincount(row, minlength=sessions) for row in drawn], np.float64)


def _interval(values: NDArray[np.float64]) -> Interval:
    known = values[~np.isnan(values)]
    if not len(known):
        return nan, nan
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _band(inside: NDArray[np.bool_], bought: NDArray[np.float64]) -> BandFigures:
    return BandFigures(
        float(inside.mean()) if len(inside) else 0.0, float(bought[inside].mean()) if inside.any() else 0.0
    )
