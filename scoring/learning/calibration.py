"""Slope and intercept of log-odds: what makes the probabilities of a fitted model those of the validation days.

Platt's scaling (1999) with a prior that keeps both where they are: some purchases are few to move a slope by.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from scoring.learning.rows import LearningRows

#: Standard deviations of the prior of a slope around 1 and of an intercept around 0.
SLOPE_DEVIATION, INTERCEPT_DEVIATION = 0.25, 1.0
LEAST = 1e-12


class Line(NamedTuple):
    """What a log-odds is multiplied by, and what is added then."""

    slope: float
    intercept: float


def calibrate(
    logits: NDArray[np.float64],
    rows: LearningRows,
    prior: Line = Line(1.0, 0.0),  # noqa: B008  a constant
    deviations: tuple[float, float] = (SLOPE_DEVIATION, INTERCEPT_DEVIATION),
    offset: NDArray[np.float64] | float = 0.0,
) -> Line:
    """The line under which the mean of the members' probabilities has the least weighted log-loss on these rows.

    logits: float64[n, members]; offset: what is added to a row's log-odds besides, float64[n, 1].
    """
    bought, weights = rows.bought.astype(np.float64), rows.weights()
    spread = np.array(deviations)

    def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        members = sigmoid(line[0] * logits + line[1] + offset)
        mean = np.clip(members.mean(axis=1), LEAST, 1 - LEAST)
        away = (line - np.array(prior)) / spread
        value = weights @ -(bought * np.log(mean) + (1 - bought) * np.log1p(-mean)) + away @ away / 2
        by_mean = weights * (mean - bought) / (mean * (1 - mean))
        slopes = members * (1 - members)
        gradient = np.array([by_mean @ (slopes * logits).mean(axis=1), by_mean @ slopes.mean(axis=1)])
        return float(value), gradient + away / spread

    found = minimize(loss, np.array(prior), jac=True, method="BFGS", options={"gtol": 1e-3})
    return Line(float(found.x[0]), float(found.x[1]))


def logistic_with_prior(
    columns: NDArray[np.float64], rows: LearningRows, means: NDArray[np.float64], deviations: NDArray[np.float64]
) -> NDArray[np.float64]:
    """float64[k]: the weights of the columns, float64[n, k], with a normal prior around each mean."""
    bought, weights = rows.bought.astype(np.float64), rows.weights()

    def loss(given: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        probability = np.clip(sigmoid(columns @ given), LEAST, 1 - LEAST)
        away = (given - means) / deviations
        value = weights @ -(bought * np.log(probability) + (1 - bought) * np.log1p(-probability)) + away @ away / 2
        return float(value), columns.T @ (weights * (probability - bought)) + away / deviations

    found: NDArray[np.float64] = minimize(loss, means, jac=True, method="BFGS", options={"gtol": 1e-3}).x
    return found


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    probabilities: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
    return probabilities


def log_loss(bought: NDArray[np.bool_], probability: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """The weighted mean; probabilities are not nearer to 0 and 1 than LEAST."""
    likely = np.clip(np.where(bought, probability, 1 - probability), LEAST, 1.0)
    return float(-(weights @ np.log(likely)) / weights.sum())
