"""How many visitors an experiment on conversion takes, and how often it then finds the effect it was made for. Pure.

For the difference of two conversions with a normal approximation and each arm's own variance, as `effects` makes it;
covariates that explain a share of the variance take that share off.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scoring.experiments.any_time import any_time_multiplier
from scoring.experiments.planned_looks import boundaries, crossing_probability
from scoring.experiments.tails import normal_tail, quantile, two_sided_z
from scoring.experiments.visitors import ExperimentError

#: An uplift beyond this, as a share of the base, is not planned for.
GREATEST_UPLIFT = 10.0
_STEPS = 60


class PlannedEffect(NamedTuple):
    """`base`: the control's conversion. `uplift`: by what share of it the arms are better, 0.1 for 3 % to 3.3 %, or
    worse, below 0. `shares`: of the arms, the control first. `explained`: the share of the variance that covariates
    take off.
    """

    base: float
    uplift: float
    shares: tuple[float, ...] = (0.5, 0.5)
    alpha: float = 0.05
    power: float = 0.8
    explained: float = 0.0

    @property
    def difference(self) -> float:
        return self.base * self.uplift

    @property
    def arm_alpha(self) -> float:
        return self.alpha / max(len(self.shares) - 1, 1)


def visitors_needed(wanted: PlannedEffect) -> int:
    """Of all arms, for one reading at the end; raises ExperimentError for what is no plan."""
    _check(wanted)
    zs = two_sided_z(wanted.arm_alpha) + quantile(wanted.power)
    return math.ceil(zs**2 * _variance(wanted) / wanted.difference**2)


def power_of(wanted: PlannedEffect, visitors: float) -> float:
    """The probability that so many visitors, read once, show the planned effect as a difference."""
    _check(wanted)
    z = abs(wanted.difference) / math.sqrt(_variance(wanted) / visitors)
    bound = two_sided_z(wanted.arm_alpha)
    return float(normal_tail(bound - z)) + float(normal_tail(bound + z))


def smallest_uplift(wanted: PlannedEffect, visitors: float) -> float:
    """The uplift above 0 that so many visitors find with the planned power; raises ExperimentError where none is."""
    low, high = 0.0, min(GREATEST_UPLIFT, (1 - 1e-9) / wanted.base - 1)
    if visitors_needed(wanted._replace(uplift=high)) > visitors:
        raise ExperimentError(f"{visitors:,.0f} visitors find no uplift with this power: take more days or less power")
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if visitors_needed(wanted._replace(uplift=middle)) <= visitors else (middle, high)
    return high


def inflation_of_looks(look_at: Sequence[float], alpha: float, power: float) -> float:
    """By what factor planned looks at these fractions take more visitors than one reading at the end."""
    bounds = boundaries(look_at, alpha)
    once = two_sided_z(alpha) + quantile(power)
    low, high = once / 2, once * 2
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if crossing_probability(look_at, bounds, middle) >= power else (middle, high)
    return (high / once) ** 2


def inflation_of_any_time(alpha: float, power: float) -> float:
    """The same for a reading at any time, by the power that it has at the planned number of visitors alone."""
    reached = float(any_time_multiplier(1.0, 1.0, alpha)) + quantile(power)
    return (reached / (two_sided_z(alpha) + quantile(power))) ** 2


def _variance(wanted: PlannedEffect) -> float:
    """Of the difference to the smallest arm, times the visitors of all arms."""
    whole, better = sum(wanted.shares), wanted.base * (1 + wanted.uplift)
    control, smallest = wanted.shares[0] / whole, min(wanted.shares[1:]) / whole
    spread = wanted.base * (1 - wanted.base) / control + better * (1 - better) / smallest
    return spread * (1 - wanted.explained)


def _check(wanted: PlannedEffect) -> None:
    if not 0 < wanted.base < 1:
        raise ExperimentError(f"the base must be a conversion between 0 and 1, not {wanted.base:g}")
    if not wanted.uplift or not 0 < wanted.base * (1 + wanted.uplift) < 1:
        raise ExperimentError(f"an uplift of {wanted.uplift:.0%} on {wanted.base:.2%} is no conversion to plan for")
    if len(wanted.shares) < 2 or min(wanted.shares) <= 0:
        raise ExperimentError("an experiment has at least two arms, each with a share above 0")
    if not 0 < wanted.alpha < 1 or not wanted.arm_alpha < wanted.power < 1:
        raise ExperimentError("alpha must be between 0 and 1, and power between alpha and 1")
    if not 0 <= wanted.explained < 1:
        raise ExperimentError(f"covariates explain from 0 to under 1 of the variance, not {wanted.explained:g}")
