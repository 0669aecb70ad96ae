"""The reading at planned looks: boundaries that a difference crosses by chance in alpha of experiments. Pure.

Alpha is spent as Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983), do in the
manner of O'Brien and Fleming, on each of two sides: 2 - 2 Phi(z(alpha / 4) / sqrt(t)) at the fraction t of visitors. So
looks need not come when they were planned; only their number of visitors counts. Probabilities come from the recursive
integration of Armitage, McPherson and Rowe (1969), as in Jennison and Turnbull, "Group Sequential Methods" (2000), 19.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from scoring.experiments.tails import Floats, normal_tail, quantile
from scoring.experiments.visitors import ExperimentError

#: No boundary is higher: beyond it lie 1e-15 of the normal distribution.
HIGHEST = 8.0
#: Nodes for a standard deviation of the step between two looks, and how many a region may have.
_NODES, _SIZES = 8, (64, 128, 256, 512, 1_024)
_STEPS = 40


class _Density(NamedTuple):
    """Of the score process while no boundary was crossed: at nodes, with their weights of integration."""

    nodes: Floats
    mass: Floats


def spent(fraction: float, alpha: float) -> float:
    """The part of alpha, of both sides together, that is spent by this fraction of the planned visitors."""
    if fraction <= 0:
        return 0.0
    far = quantile(1 - alpha / 4) / math.sqrt(min(fraction, 1.0))
    return 4 * float(normal_tail(far))


def boundaries(fractions: Sequence[float], alpha: float) -> list[float]:
    """The |z| beyond which a look calls a difference, for looks at these growing fractions of the planned visitors.

    A fraction above 1 counts as 1. Raises ExperimentError for fractions that do not grow.
    """
    found: list[float] = []
    density, before, used = _Density(np.zeros(1), np.ones(1)), 0.0, 0.0
    for fraction in _growing(fractions):
        wanted = spent(fraction, alpha) - used
        low, high = 0.0, HIGHEST
        for _ in range(_STEPS):
            middle = (low + high) / 2
            # Without a drift both sides are alike.
            too_often = 2 * _above(density, before, fraction, middle, 0.0) > wanted
            low, high = (middle, high) if too_often else (low, middle)
        bound = (low + high) / 2
        used += 2 * _above(density, before, fraction, bound, 0.0)
        density, before = _went_on(density, before, fraction, bound, 0.0), fraction
        found.append(bound)
    return found


def crossing_probability(fractions: Sequence[float], bounds: Sequence[float], drift: float = 0.0) -> float:
    """That any look is beyond its boundary, on either side; `drift`: the expected z at fraction 1."""
    density, before, crossed = _Density(np.zeros(1), np.ones(1)), 0.0, 0.0
    for fraction, bound in zip(_growing(fractions), bounds, strict=True):
        crossed += _above(density, before, fraction, bound, drift)
        crossed += _above(_Density(-density.nodes, density.mass), before, fraction, bound, -drift)
        density, before = _went_on(density, before, fraction, bound, drift), fraction
    return crossed


def _growing(fractions: Sequence[float]) -> list[float]:
    cut = [min(each, 1.0) for each in fractions]
    if any(later <= earlier for earlier, later in zip([0.0, *cut], cut, strict=False)):
        raise ExperimentError("planned looks must have more visitors each, the last one all: give growing fractions")
    return cut


def _above(density: _Density, before: float, fraction: float, bound: float, drift: float) -> float:
    """The probability of being above the boundary at this look, of those that went on."""
    mean = density.nodes + drift * (fraction - before)
    return float(density.mass @ normal_tail((bound * math.sqrt(fraction) - mean) / math.sqrt(fraction - before)))


def _went_on(density: _Density, before: float, fraction: float, bound: float, drift: float) -> _Density:
    """The density inside the boundary, by Gauss and Legendre."""
    step, edge = math.sqrt(fraction - before), bound * math.sqrt(fraction)
    # What lies further out weighs nothing, however high the boundary.
    centre, reach = drift * fraction, HIGHEST * math.sqrt(fraction)
    low, high = max(-edge, centre - reach), min(edge, centre + reach)
    wanted = (high - low) / step * _NODES
    points, weights = _legendre(next((size for size in _SIZES if size >= wanted), _SIZES[-1]))
    nodes = (high - low) / 2 * points + (high + low) / 2
    apart = (nodes[:, None] - density.nodes - drift * (fraction - before)) / step
    height = np.exp(-(apart**2) / 2) @ density.mass / (step * math.sqrt(2 * math.pi))
    return _Density(nodes, np.asarray(height * weights * (high - low) / 2, np.float64))


@lru_cache(len(_SIZES))
def _legendre(number: int) -> tuple[Floats, Floats]:
    points, weights = np.polynomial.legendre.leggauss(number)
    return points, weights
