"""Bootstrap intervals of metrics and of differences between models, over the same resampled sessions (Efron 1979)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

from scoring.training.metrics import Outcomes, Probabilities

METRICS: Mapping[str, Callable[[Outcomes, Probabilities], float]] = {
    "auc": roc_auc_score,
    "pr_auc": average_precision_score,
    "brier": brier_score_loss,
}
#: The middle 95 %.
ENDS = (2.5, 97.5)


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Intervals:
    """By model and metric; differences: that model minus the first one."""

    metrics: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]


def bootstrap(bought: Outcomes, models: Mapping[str, Probabilities], resamples: int) -> Intervals:
    """Percentile intervals of every model in `models`, the first of which the others are compared with."""
    draw = np.random.default_rng(0)
    drawn: dict[str, list[list[float]]] = {name: [] for name in models}
    for _ in range(resamples):
        chosen = draw.integers(0, len(bought), len(bought))
        for name, probability in models.items():
            drawn[name].append([metric(bought[chosen], probability[chosen]) for metric in METRICS.values()])
    whole = {name: np.array([metric(bought, p) for metric in METRICS.values()]) for name, p in models.items()}
    first = next(iter(models))
    return Intervals(
        {name: _named(whole[name], np.array(drawn[name])) for name in models},
        {
            name: _named(whole[name] - whole[first], np.array(drawn[name]) - np.array(drawn[first]))
            for name in models
            if name != first
        },
    )


def _named(values: NDArray[np.float64], drawn: NDArray[np.float64]) -> dict[str, Interval]:
    low, high = np.percentile(drawn, ENDS, axis=0)
    return {
        name: Interval(float(values[place]), float(low[place]), float(high[place]))
        for place, name in enumerate(METRICS)
    }
