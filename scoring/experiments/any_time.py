"""The reading for any time: an interval that covers the truth at all looks at once, however many there are. Pure.

The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2, which is the normal mixture of
Robbins (1970) and of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
sequences", Annals of Statistics 49 (2021), with an estimated variance. With t observations and rho:

    mean ± deviation * sqrt(2 (t rho² + 1) / (t² rho²) * log(sqrt(t rho² + 1) / alpha))

which is m standard errors (deviation / sqrt(t)), where, with u = t rho²,

    m = sqrt((1 + 1/u) * log((1 + u) / alpha²)).

rho makes the interval nearly shortest at the number of visitors that was planned (their section 2.3).
"""

import math

import numpy as np

from scoring.experiments.tails import Floats


def any_time_multiplier(visitors: Floats | float, planned: float, alpha: float) -> Floats:
    """Standard errors on either side of the estimate once so many visitors are counted; infinite for none."""
    information = np.asarray(visitors, np.float64) * _rho_squared(planned, alpha)
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt((1 + 1 / information) * np.log((1 + information) / alpha**2)), np.float64)


def _rho_squared(planned: float, alpha: float) -> float:
    twice = -2 * math.log(alpha)
    return (twice + math.log(twice) + 1) / planned
