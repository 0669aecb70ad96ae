"""How well scores foretold what came: calibration and AUC of sessions that are counted by cells of log-odds. Pure.

Every function takes many draws at once: counts is float64[..., CELLS, 2], sessions that did not buy and that did.
"""

import numpy as np
from numpy.typing import NDArray

from scoring.drift.windows import CELLS, LOWEST, WIDTH

Floats = NDArray[np.float64]

#: The log-odds in the middle of each cell.
LOGITS = LOWEST + WIDTH * (np.arange(CELLS) + 0.5)
#: Newton's steps of a slope, the longest of them, and the ends of what is called a slope.
STEPS, LONGEST, SLOPES = 12, 1.0, (-5.0, 10.0)


def calibration_gaps(counts: Floats, predicted: Floats) -> Floats:
    """The share that bought less the mean probability; predicted: float64[..., CELLS], the sums of probabilities."""
    return np.asarray((counts[..., 1].sum(-1) - predicted.sum(-1)) / np.maximum(counts.sum((-1, -2)), 1))


def aucs(counts: Floats) -> Floats:
    """The probability that a buyer's score is above another's, ties within a cell counting half; NaN without either."""
    no, yes = counts[..., 0], counts[..., 1]
    below = np.cumsum(no, -1) - no / 2
    pairs = yes.sum(-1) * no.sum(-1)
    return np.asarray(np.where(pairs > 0, (yes * below).sum(-1) / np.maximum(pairs, 1), np.nan))


def calibration_slopes(counts: Floats) -> Floats:
    """By what log-odds are to be multiplied to fit the outcomes best, beside an intercept (Cox 1958): 1 is calibrated.

    Logistic regression by Newton's method; NaN without buyers or others.
    """
    used = np.flatnonzero(counts.reshape(-1, CELLS, 2).sum((0, 2)))
    x, no, yes = LOGITS[used], counts[..., used, 0], counts[..., used, 1]
    all_of = no + yes
    has_both = (no.sum(-1) > 0) & (yes.sum(-1) > 0)
    slope, intercept = np.ones(counts.shape[:-2]), np.zeros(counts.shape[:-2])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(slope[..., None] * x + intercept[..., None], -40, 40)))
        weights, away = all_of * p * (1 - p), yes - all_of * p
        a, b, c = weights.sum(-1), (weights * x).sum(-1), (weights * x * x).sum(-1)
        by_intercept, by_slope = away.sum(-1), (away * x).sum(-1)
        area = np.maximum(a * c - b * b, 1e-9)
        slope = slope + np.clip((a * by_slope - b * by_intercept) / area, -LONGEST, LONGEST)
        intercept = intercept + np.clip((c * by_intercept - b * by_slope) / area, -5 * LONGEST, 5 * LONGEST)
    return np.asarray(np.where(has_both, np.clip(slope, *SLOPES), np.nan))
