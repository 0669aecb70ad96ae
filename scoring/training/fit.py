"""Fits the first model: logistic regression on log1p of numbers clipped to their training range and one-hot words.

The four integer codes are left out: UCI never published its code books, so nothing that it says about code 2 holds
for ours. Their weight is 0, and they are "unknown" in the reference session.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from scoring.features import NAMES
from scoring.training.load import Sessions

NUMBERS = NAMES[: NAMES.index("Month")]
WORDS = ("Month", "VisitorType")
TRUTH = "Weekend"
CODES = ("OperatingSystems", "Browser", "Region", "TrafficType")


@dataclass(frozen=True)
class Fitted:
    """A pipeline over rows float64[n, 17]; low, high: float64[len(NUMBERS)], the range the numbers are clipped to."""

    pipeline: Pipeline
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    #: 17 numbers: the training set's median session, its commonest words, unknown codes.
    reference: tuple[float, ...]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: the probability that each session buys, by scikit-learn."""
        probability: NDArray[np.float64] = self.pipeline.predict_proba(rows)[:, 1]
        return probability


def fit(train: Sessions) -> Fitted:
    """Fit on the training split; the same sessions give the same model."""
    numbers = train.rows[:, columns(NUMBERS)]
    low, high = numbers.min(axis=0), numbers.max(axis=0)

    def logs_within_range(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log1p(np.clip(values, low, high))

    logs = FunctionTransformer(logs_within_range, feature_names_out="one-to-one")
    inputs = ColumnTransformer(
        [
            ("numbers", make_pipeline(logs, StandardScaler()), columns(NUMBERS)),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns(WORDS)),
            ("truth", "passthrough", columns((TRUTH,))),
        ]
    )
    pipeline = make_pipeline(inputs, LogisticRegression(C=0.1, max_iter=1000))
    pipeline.fit(train.rows, train.bought)
    return Fitted(pipeline, low, high, _reference(train))


def columns(names: tuple[str, ...]) -> list[int]:
    """Where these features stand in a row."""
    return [NAMES.index(name) for name in names]


def _reference(train: Sessions) -> tuple[float, ...]:
    def usual(name: str) -> float:
        values = train.rows[:, NAMES.index(name)]
        if name in CODES:
            return 0.0
        if name in NUMBERS:
            return round(float(np.median(values)), 4)
        found, counts = np.unique(values, return_counts=True)
        return float(found[counts.argmax()])

    return tuple(usual(name) for name in NAMES)
