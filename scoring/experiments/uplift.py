"""Who is moved by acting: the Qini curve over a score that was known before exposure. Pure.

Radcliffe, "Using control groups to target on predicted lift" (2007): of the visitors with the highest scores, how many
more conversions acting on them brings than not acting would, for each visitor of the experiment. The straight line to
its end is acting on as many by lot. Who buys anyway has a high score and no uplift: then the curve lies on the line.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.experiments.tails import Floats
from scoring.experiments.visitors import ExperimentError

#: Shares of the visitors at which the curve is given, draws of the bootstrap, and their seed.
SHARES = tuple(each / 20 for each in range(21))
DRAWS, SEED = 500, 20_261_130


class QiniCurve(Struct, frozen=True):
    """`gained`: outcomes gained for each visitor when the share with the highest scores is acted on, with the interval
    of each point. `area`: between curve and straight line, with its interval; above 0 the score finds who is moved.
    """

    shares: list[float]
    gained: list[float]
    low: list[float]
    high: list[float]
    area: float
    area_low: float
    area_high: float


def qini(
    score: Floats, treated: NDArray[np.bool_], outcome: Floats, alpha: float = 0.05, draws: int = DRAWS
) -> QiniCurve:
    """Of visitors of two arms, each array of length n; intervals by bootstrap over visitors, always the same draws.

    Raises ExperimentError where an arm has nobody.
    """
    if not treated.any() or treated.all():
        raise ExperimentError("a Qini curve compares two arms, and one has no visitors yet: read it later")
    order = np.argsort(-score, kind="stable")
    ranked, acted, outcome = score[order], treated[order], np.asarray(outcome[order], np.float64)
    # Visitors of equal scores have no order, so a curve has points only between blocks of them.
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    chance = np.random.default_rng(SEED)
    whole = _curve(np.ones(len(order)), acted, outcome, ends)
    drawn = np.array(
        [_curve(chance.poisson(1.0, len(order)).astype(np.float64), acted, outcome, ends) for _ in range(draws)]
    )
    low, high = np.quantile(drawn, (alpha / 2, 1 - alpha / 2), axis=0)
    areas = _area(drawn)
    area_low, area_high = np.quantile(areas, (alpha / 2, 1 - alpha / 2)).tolist()
    return QiniCurve(
        list(SHARES), whole.tolist(), low.tolist(), high.tolist(), float(_area(whole)), area_low, area_high
    )


def _curve(weights: Floats, treated: NDArray[np.bool_], outcome: Floats, ends: NDArray[np.intp]) -> Floats:
    """Gained outcomes at SHARES, of visitors in the order of their scores, each counted as often as its weight."""
    sums = [np.cumsum(weights * each)[ends] for each in (treated, ~treated, treated * outcome, ~treated * outcome)]
    acted, left, acted_outcome, left_outcome = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        gained = np.where(left > 0, acted_outcome - left_outcome * acted / left, acted_outcome)
    share = (acted + left) / (acted[-1] + left[-1])
    return np.asarray(np.interp(SHARES, np.append(0.0, share), np.append(0.0, gained / acted[-1])), np.float64)


def _area(curve: Floats) -> Floats:
    """Between a curve at SHARES and the straight line to its end, by trapezoids; over the last axis."""
    above = curve - curve[..., -1:] * np.array(SHARES)
    return np.asarray((above[..., 1:] + above[..., :-1]).sum(-1) / 2 / (len(SHARES) - 1), np.float64)
