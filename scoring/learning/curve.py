"""The learning curve: what more sessions would teach, by the validation log-loss of fits on parts of the training.

A part has every eighth, fourth or second session in the order of their opening, so that it has the same days.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.learning.calibration import calibrate
from scoring.learning.figures import ENDS, RESAMPLES, MeasuredFigure, resampled
from scoring.learning.fitted import FittedFamily
from scoring.learning.rows import LearningRows
from scoring.learning.split import TimeSplit
from scoring.shadow.measures import log_losses

#: One session of so many.
PARTS = (8, 4, 2)


class CurvePoint(NamedTuple):
    """Of a part of the training sessions: how many there are, how many of them bought, and the validation log-loss."""

    sessions: int
    buyers: int
    loss: MeasuredFigure


def learning_curve(whole: FittedFamily, parts: TimeSplit) -> list[CurvePoint]:
    """`whole`: fitted on all training days and calibrated. Parts in which nobody buys, or everybody, are left out."""
    train, held = parts.train, parts.validation
    points = []
    for every in PARTS:
        some = train.take(every_session(train, every))
        if 0 < some.purchases() < some.sessions():
            fitted = whole.refitted(some)
            fitted = fitted.with_line(calibrate(fitted.logits(held.rows), held))
            points.append(_point(fitted, some, held))
    return [*points, _point(whole, train, held)]


def every_session(rows: LearningRows, every: int) -> NDArray[np.bool_]:
    """The rows of one session of so many, by the order in which sessions come."""
    sessions, first, of_row = np.unique(rows.session, return_index=True, return_inverse=True)
    place = np.empty(len(sessions), np.int64)
    place[np.argsort(first)] = np.arange(len(sessions))
    chosen: NDArray[np.bool_] = place[of_row] % every == 0
    return chosen


def _point(fitted: FittedFamily, some: LearningRows, held: LearningRows) -> CurvePoint:
    losses = log_losses(held.bought.astype(np.float64), fitted.probability(held.rows.astype(np.float64)))
    sessions, of_row = np.unique(held.session, return_inverse=True)
    weights = held.weights()
    sums = [np.bincount(of_row, each, len(sessions)) for each in (weights * losses, weights)]
    drawn = [(counts @ sums[0]) / (counts @ sums[1]) for counts in resampled(len(sessions), RESAMPLES)]
    low, high = np.percentile(drawn, ENDS)
    loss = MeasuredFigure(float(sums[0].sum() / sums[1].sum()), float(low), float(high))
    return CurvePoint(some.sessions(), some.purchases(), loss)
