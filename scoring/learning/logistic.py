"""Logistic regression on the units of a site's rows, by Newton's method over blocks of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from scoring.learning.calibration import Line, log_loss, sigmoid
from scoring.learning.rows import LearningRows
from scoring.learning.split import TimeSplit
from scoring.learning.units import UnitEncoder
from scoring.training.graph import build
from scoring.training.heads import LinearHead

#: Weights of the penalty that are tried, in sessions; the least validation log-loss wins.
PENALTIES = (4.0, 16.0, 64.0)
#: Newton's steps at most, and the improvement, in log-likelihood, below which they end.
STEPS, ENOUGH, HALVINGS = 25, 1e-2, 20
#: The second derivatives are computed again where a step has not brought the next one's gain down to this share.
SLOW = 0.05
#: Bytes of units that are kept between two passes over the rows.
KEPT_BYTES = 800_000_000


@dataclass(frozen=True)
class FittedUnits:
    """sigmoid(units · weights + bias)."""

    encoder: UnitEncoder
    head: LinearHead
    reference: tuple[float, ...]
    settings: dict[str, float]

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        made = np.empty((len(rows), 1))
        for place, units in self.encoder.blocks(rows):
            made[place, 0] = units.astype(np.float64) @ self.head.weights + self.head.bias
        return made

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return sigmoid(self.logits(rows.astype(np.float32)))[:, 0]

    def refitted(self, rows: LearningRows) -> Self:
        penalty, likelihood = self.settings["penalty"], _Likelihood(rows, self.encoder)
        weights = _newton(likelihood, _start(rows, self.encoder), penalty)
        return replace(self, head=LinearHead(weights[:-1], float(weights[-1])))

    def with_line(self, line: Line) -> Self:
        weights, bias = self.head.weights * line.slope, self.head.bias * line.slope + line.intercept
        return replace(self, head=LinearHead(weights, bias))

    def graph(self) -> bytes:
        return build(self.encoder.front, self.head, np.array(self.reference))


def fit_logistic(
    parts: TimeSplit, encoder: UnitEncoder, reference: tuple[float, ...], penalties: Sequence[float] = PENALTIES
) -> FittedUnits:
    """One fit for each penalty, from the strongest on; the one with the least validation log-loss."""
    likelihood = _Likelihood(parts.train, encoder)
    fits, weights = [], _start(parts.train, encoder)
    held, held_weights = parts.validation, parts.validation.weights()
    for penalty in sorted(penalties, reverse=True):
        weights = _newton(likelihood, weights, penalty)
        settings = {"penalty": penalty, "units": encoder.size}
        fitted = FittedUnits(encoder, LinearHead(weights[:-1], float(weights[-1])), reference, settings)
        loss = log_loss(held.bought, sigmoid(fitted.logits(held.rows))[:, 0], held_weights)
        fits.append((loss, penalty, fitted))
    return min(fits, key=lambda each: each[:2])[2]


class _Derivatives(NamedTuple):
    """Of the penalized negative log-likelihood: value, gradient, and second derivatives, 0 where not asked for."""

    value: float
    gradient: NDArray[np.float64]
    second: NDArray[np.float64]


class _Likelihood:
    """Of the training rows; their units are kept where they are not many."""

    def __init__(self, train: LearningRows, encoder: UnitEncoder) -> None:
        self._train, self._encoder = train, encoder
        self._weights = train.weights()
        is_small = len(train) * encoder.size * 4 <= KEPT_BYTES
        self._kept = list(encoder.blocks(train.rows)) if is_small else None

    def derivatives(
        self, weights: NDArray[np.float64], penalties: NDArray[np.float64], with_second: bool = False
    ) -> _Derivatives:
        value, gradient = float(penalties @ weights**2) / 2, penalties * weights
        second = np.diag(penalties + 1e-9)
        of_units = weights[:-1].astype(np.float32)
        for place, units in self._kept or self._encoder.blocks(self._train.rows):
            bought, own = self._train.bought[place], self._weights[place]
            probability = sigmoid((units @ of_units).astype(np.float64) + weights[-1])
            value += log_loss(bought, probability, own) * float(own.sum())
            wrong = own * (probability - bought)
            gradient += np.append(wrong.astype(np.float32) @ units, wrong.sum())
            if with_second:
                half = np.sqrt(own * probability * (1 - probability)).astype(np.float32)
                scaled = np.hstack([units * half[:, None], half[:, None]])
                second += scaled.T @ scaled
        return _Derivatives(value, gradient, second)


def _start(train: LearningRows, encoder: UnitEncoder) -> NDArray[np.float64]:
    weights = np.zeros(encoder.size + 1)
    rate = float(np.average(train.bought, weights=train.weights()))
    weights[-1] = np.log(rate / (1 - rate))
    return weights


def _newton(likelihood: _Likelihood, weights: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    penalties = np.full(len(weights), penalty)
    penalties[-1] = 0.0
    at = likelihood.derivatives(weights, penalties, with_second=True)
    second = at.second
    for _ in range(STEPS):
        step = np.linalg.solve(second, at.gradient)
        decrement = float(at.gradient @ step)
        if decrement < ENOUGH:
            break
        taken = likelihood.derivatives(weights - step, penalties)
        for _ in range(HALVINGS):
            if taken.value <= at.value:
                break
            step = step / 2
            taken = likelihood.derivatives(weights - step, penalties)
        else:
            break
        weights = weights - step
        if taken.gradient @ np.linalg.solve(second, taken.gradient) > SLOW * decrement:
            taken = likelihood.derivatives(weights, penalties, with_second=True)
            second = taken.second
        at = taken
    return weights
