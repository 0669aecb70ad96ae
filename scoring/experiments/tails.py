"""Tails and quantiles of the normal and the chi-square distribution, without scipy (docs/drift.md says why)."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_NORMAL = NormalDist()
_erfc = np.frompyfunc(math.erfc, 1, 1)


def normal_tail(z: Floats | float) -> Floats:
    """P(Z > z) of a standard normal variable, for an array of any shape."""
    return np.asarray(_erfc(np.asarray(z, np.float64) / math.sqrt(2)), np.float64) / 2


def two_sided_p(z: Floats) -> Floats:
    """P(|Z| > |z|)."""
    return 2 * normal_tail(np.abs(z))


def two_sided_z(alpha: float) -> float:
    """The z that a standard normal variable exceeds in absolute value with probability alpha."""
    return _NORMAL.inv_cdf(1 - alpha / 2)


def quantile(probability: float) -> float:
    """The quantile of a standard normal variable."""
    return _NORMAL.inv_cdf(probability)


def chi_square_tail(statistic: float, freedom: int) -> float:
    """P(X > statistic) of a chi-square variable of so many degrees of freedom.

    Finite sums for whole degrees: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.4.4 and 26.4.5.
    """
    if statistic <= 0:
        return 1.0
    half, log_half = statistic / 2, math.log(statistic / 2)
    if freedom % 2:
        powers = [each - 0.5 for each in range(1, (freedom + 1) // 2)]
        first = math.erfc(math.sqrt(half))
    else:
        powers = [float(each) for each in range(freedom // 2)]
        first = 0.0
    return first + sum(math.exp(power * log_half - half - math.lgamma(power + 1)) for power in powers)
