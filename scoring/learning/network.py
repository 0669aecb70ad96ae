"""The folded network on the units of a site's rows: a few small networks over one projection, fitted by Adam in numpy.

Adam: Kingma and Ba (2015), with decoupled weight decay (Loshchilov and Hutter 2019). All members see the same batches
and differ in the weights that they begin with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoring.learning.calibration import Line, log_loss, sigmoid
from scoring.learning.rows import LearningRows
from scoring.learning.split import TimeSplit
from scoring.learning.units import BLOCK, UnitEncoder
from scoring.training.graph import build
from scoring.training.heads import EnsembleHead

MEMBERS, WIDTH, RANK = 4, 32, 64
BATCH, RATE, DECAY = 512, 5e-4, 5e-2
#: Rows that are seen in all, epochs at most, and epochs without a better validation log-loss before the end.
VISITS, EPOCHS, PATIENCE = 2_000_000, 8, 2
SEED = 0

Arrays = list[NDArray[np.float32]]


@dataclass(frozen=True)
class FittedNetwork:
    """The mean of the members' probabilities."""

    encoder: UnitEncoder
    head: EnsembleHead
    reference: tuple[float, ...]
    settings: dict[str, float]

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        made = np.empty((len(rows), MEMBERS))
        for place, units in self.encoder.blocks(rows):
            assert self.head.projection is not None  # noqa: S101  _head gives one
            projected = units.astype(np.float64) @ self.head.projection
            made[place] = np.maximum(projected @ self.head.hidden + self.head.hidden_bias, 0) @ self.head.out
        return made + self.head.out_bias

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = sigmoid(self.logits(rows.astype(np.float32))).mean(axis=1)
        return mean

    def refitted(self, rows: LearningRows) -> Self:
        weights = _Training(rows, self.encoder, int(self.settings["epochs"]))
        for _ in range(weights.epochs):
            weights.run_epoch()
        return replace(self, head=_head(weights.weights))

    def with_line(self, line: Line) -> Self:
        out, bias = self.head.out * line.slope, self.head.out_bias * line.slope + line.intercept
        return replace(self, head=replace(self.head, out=out, out_bias=bias))

    def graph(self) -> bytes:
        return build(self.encoder.front, self.head, np.array(self.reference))


def fit_network(
    parts: TimeSplit, encoder: UnitEncoder, reference: tuple[float, ...], visits: int = VISITS, epochs: int = EPOCHS
) -> FittedNetwork:
    """The weights of the epoch with the least validation log-loss."""
    held, of_held = parts.validation, parts.validation.weights()
    training = _Training(parts.train, encoder, max(1, min(epochs, visits // len(parts.train))))
    best: tuple[float, FittedNetwork | None] = (np.inf, None)
    since = 0
    for epoch in range(1, training.epochs + 1):
        training.run_epoch()
        settings: dict[str, float] = {"epochs": epoch, "units": encoder.size, "seed": SEED}
        fitted = FittedNetwork(encoder, _head(training.weights), reference, settings)
        loss = log_loss(held.bought, sigmoid(fitted.logits(held.rows)).mean(axis=1), of_held)
        since = 0 if loss < best[0] else since + 1
        best = min(best, (loss, fitted), key=lambda each: each[0])
        if since >= PATIENCE:
            break
    assert best[1] is not None  # noqa: S101  there is an epoch at least
    return best[1]


class _Training:
    """Weights on their way through `epochs` epochs, over which the rate falls along half a cosine."""

    def __init__(self, train: LearningRows, encoder: UnitEncoder, epochs: int) -> None:
        self.epochs = epochs
        self._train, self._encoder = train, encoder
        self._drawn = np.random.default_rng(SEED)
        self.weights = _start(train, encoder, self._drawn)
        self._state = [np.zeros_like(each) for each in self.weights], [np.zeros_like(each) for each in self.weights]
        self._steps = epochs * (1 + len(train) // BATCH)
        self._step = 0

    def run_epoch(self) -> None:
        for units, bought, own in _batches(self._train, self._encoder, self._drawn):
            self._step += 1
            rate = RATE * 0.5 * (1 + np.cos(np.pi * min(self._step / self._steps, 1.0)))
            _adam(self.weights, _gradients(self.weights, units, bought, own), self._state, self._step, rate)


def _start(train: LearningRows, encoder: UnitEncoder, drawn: np.random.Generator) -> Arrays:
    """Projection, hidden and its bias, out [members, width] and its bias."""
    rate = float(np.average(train.bought, weights=train.weights()))
    shapes = [(encoder.size, RANK, 40), (RANK, MEMBERS * WIDTH, RANK), (MEMBERS, WIDTH, WIDTH)]
    projection, hidden, out = [drawn.normal(0, np.sqrt(1 / many), (one, other)) for one, other, many in shapes]
    bias = np.full(MEMBERS, np.log(rate / (1 - rate)))
    return [each.astype(np.float32) for each in (projection, hidden, np.zeros(MEMBERS * WIDTH), out, bias)]


def _batches(
    train: LearningRows, encoder: UnitEncoder, drawn: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """Units, labels and weights of BATCH rows each, in a drawn order."""
    order, of_rows = drawn.permutation(len(train)), train.weights()
    of_rows = (of_rows / of_rows.mean()).astype(np.float32)
    for start in range(0, len(order), BLOCK):
        chosen = order[start : start + BLOCK]
        units, bought, own = encoder.units(train.rows[chosen]), train.bought[chosen], of_rows[chosen]
        for first in range(0, len(chosen), BATCH):
            each = slice(first, first + BATCH)
            yield units[each], bought[each].astype(np.float32), own[each]


def _gradients(
    weights: Arrays, units: NDArray[np.float32], bought: NDArray[np.float32], own: NDArray[np.float32]
) -> Arrays:
    """Of the weighted mean of the members' log-losses."""
    projection, hidden, hidden_bias, out, out_bias = weights
    projected = units @ projection
    before = projected @ hidden + hidden_bias
    after = np.maximum(before, 0).reshape(-1, MEMBERS, WIDTH)
    logits = np.einsum("bmw,mw->bm", after, out) + out_bias
    wrong = (1 / (1 + np.exp(-logits)) - bought[:, None]) * own[:, None] / np.float32(len(units))
    back = (wrong[:, :, None] * out).reshape(before.shape) * (before > 0)
    of_projected = back @ hidden.T
    return [
        units.T @ of_projected,
        projected.T @ back,
        back.sum(axis=0),
        np.einsum("bm,bmw->mw", wrong, after),
        wrong.sum(axis=0),
    ]


def _adam(weights: Arrays, gradients: Arrays, state: tuple[Arrays, Arrays], step: int, rate: float) -> None:
    """One step, in place; biases do not decay."""
    means, squares = state
    for place, gradient in enumerate(gradients):
        means[place] += np.float32(0.1) * (gradient - means[place])
        squares[place] += np.float32(0.001) * (gradient * gradient - squares[place])
        if gradient.ndim > 1:
            weights[place] -= np.float32(rate * DECAY) * weights[place]
        size = np.sqrt(squares[place] / np.float32(1 - 0.999**step)) + np.float32(1e-8)
        weights[place] -= np.float32(rate / (1 - 0.9**step)) * means[place] / size


def _head(weights: Arrays) -> EnsembleHead:
    projection, hidden, hidden_bias, out, out_bias = [each.astype(np.float64) for each in weights]
    whole = np.zeros((MEMBERS * WIDTH, MEMBERS))
    for member in range(MEMBERS):
        whole[member * WIDTH : (member + 1) * WIDTH, member] = out[member]
    return EnsembleHead(hidden, hidden_bias, whole, out_bias, projection)
