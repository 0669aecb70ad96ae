"""Losses, AUC and calibration of weighted rows. Pure."""

from math import nan

import numpy as np
from numpy.typing import NDArray

#: Probabilities are not nearer to 0 and 1 than this where their logarithm counts.
LEAST = 1e-12
#: Bins of equal width for the expected calibration error, as in scoring/training/metrics.py.
ECE_BINS = 10

Floats = NDArray[np.float64]


def log_losses(bought: Floats, predicted: Floats) -> Floats:
    """The log-loss of each row, in nats."""
    losses: Floats = -np.log(np.clip(np.where(bought > 0, predicted, 1 - predicted), LEAST, 1.0))
    return losses


def calibration_bins(predicted: Floats) -> NDArray[np.int64]:
    """The bin of each row."""
    return np.minimum((predicted * ECE_BINS).astype(np.int64), ECE_BINS - 1)


def aucs(bought: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The probability that a buyer's score is above another's, ties counting half, of each weighting.

    `weights` is float64[weightings, rows]; NaN where a weighting lacks buyers or others.
    """
    order = np.argsort(predicted, kind="stable")
    return sorted_aucs(bought[order], predicted[order], weights[:, order])


def sorted_aucs(bought: Floats, predicted: Floats, weights: Floats) -> Floats:
    """The same of rows in the order of their probabilities."""
    if not len(bought):
        return np.full(len(weights), nan)
    begins = np.flatnonzero(np.concatenate([[True], predicted[1:] != predicted[:-1]]))
    yes = np.add.reduceat(weights * bought, begins, axis=1)
    return grouped_aucs(yes, np.add.reduceat(weights, begins, axis=1) - yes)


def grouped_aucs(yes: Floats, no: Floats) -> Floats:
    """The same of groups of equal probability, the least first: the weights of buyers and of others in each,
    float64[..., groups].
    """
    below = np.cumsum(no, axis=-1) - no / 2
    pairs = yes.sum(-1) * no.sum(-1)
    return np.where(pairs > 0, (yes * below).sum(-1) / np.maximum(pairs, LEAST), nan)
