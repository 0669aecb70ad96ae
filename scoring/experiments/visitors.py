"""The visitors of an experiment as arrays: one entry for each, whatever came of its later sessions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scoring.errors import ScoringError
from scoring.experiments.tails import Floats


class ExperimentError(ScoringError):
    """An experiment that cannot be read or planned as it is given; the message is one line, what to change included."""


class ExposedVisitors(NamedTuple):
    """Visitors and what came of each within its window; all arrays have the length n.

    `arm`: int64, 0 is the control. `counted_on`: int64, the day of the experiment on which the visitor's window is
    over, so that a look at the end of that day counts it. `converted`: bool. `revenue`: in one currency, refunds taken
    off. `sessions` and `converted_sessions`: int64, those since exposure, the one of the exposure included.
    `covariates`: float64[n, k], what was known before exposure, NaN where unknown.
    """

    arm: NDArray[np.int64]
    counted_on: NDArray[np.int64]
    converted: NDArray[np.bool_]
    revenue: Floats
    sessions: NDArray[np.int64]
    converted_sessions: NDArray[np.int64]
    covariates: Floats

    @property
    def size(self) -> int:
        return len(self.arm)

    def chosen(self, which: NDArray[np.bool_]) -> "ExposedVisitors":
        """Those of a mask, bool[n]."""
        return ExposedVisitors(
            self.arm[which],
            self.counted_on[which],
            self.converted[which],
            self.revenue[which],
            self.sessions[which],
            self.converted_sessions[which],
            self.covariates[which],
        )


def checked(visitors: ExposedVisitors, arms: int) -> ExposedVisitors:
    """The visitors; raises ExperimentError where the arrays do not fit each other or hold what no visitor has."""
    lengths = {name: len(column) for name, column in zip(visitors._fields, visitors, strict=True)}
    if len(set(lengths.values())) > 1 or visitors.covariates.ndim != 2:
        raise ExperimentError(f"the columns of the visitors must be of one length, and covariates a matrix: {lengths}")
    if visitors.size and not 0 <= int(visitors.arm.min()) <= int(visitors.arm.max()) < arms:
        raise ExperimentError(f"arms of visitors must be 0 to {arms - 1}: give each visitor an arm of the experiment")
    if not np.isfinite(visitors.revenue).all():
        raise ExperimentError("revenue must be a number for every visitor: give 0 where nothing was bought")
    if (visitors.sessions < 1).any() or (visitors.converted_sessions > visitors.sessions).any():
        raise ExperimentError("a visitor has at least the session of its exposure, and no more of them with purchases")
    return visitors
