"""Chooses threshold and bands on the validation split, and measures what ships: the graph, by plain onnxruntime."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
)

from scoring.training.load import Sessions
from scoring.training.split import Split

#: Share of the buyers that the bands `building` and `high` hold together.
BUILDING_RECALL = 0.9


@dataclass(frozen=True)
class Evaluation:
    """threshold and bands as in the manifest; metrics by name, `auc_test` and so on."""

    threshold: float
    bands: tuple[float, float]
    metrics: dict[str, float]


def evaluate(graph: bytes, parts: Split) -> Evaluation:
    """Threshold: the greatest F1 of the validation split. Bands: `high` from the threshold, so that a session is high
    exactly when its label is YES; `building` from where 9 of 10 buyers of the validation split are building or high.
    """
    validation, test = probability(graph, parts.validation), probability(graph, parts.test)
    threshold = _best_f1(parts.validation.bought, validation)
    building = min(_reaching(parts.validation.bought, validation, BUILDING_RECALL), threshold)
    said, bought = test >= threshold, parts.test.bought
    metrics = {
        "auc_train": roc_auc_score(parts.train.bought, probability(graph, parts.train)),
        "auc_validation": roc_auc_score(parts.validation.bought, validation),
        "auc_test": roc_auc_score(bought, test),
        "pr_auc_test": average_precision_score(bought, test),
        "brier_test": brier_score_loss(bought, test),
        "log_loss_test": log_loss(bought, test),
        "precision_test": precision_score(bought, said),
        "recall_test": recall_score(bought, said),
        "f1_test": f1_score(bought, said),
        "precision_top_5_percent_test": _precision_of_top(bought, test, 0.05),
    }
    return Evaluation(
        threshold, (building, threshold), {name: round(float(value), 6) for name, value in metrics.items()}
    )


def probability(graph: bytes, sessions: Sessions) -> NDArray[np.float64]:
    """float64[n], rounded to six digits as everywhere that probabilities are compared with thresholds."""
    session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    (answer,) = session.run(["probability"], {"features": sessions.rows.astype(np.float32)})
    rounded: NDArray[np.float64] = answer.astype(np.float64).round(6)
    return rounded


def _best_f1(bought: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    precision, recall, thresholds = precision_recall_curve(bought, probability)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(round(thresholds[f1[:-1].argmax()], 6))


def _reaching(bought: NDArray[np.bool_], probability: NDArray[np.float64], recall: float) -> float:
    """The greatest probability that at least this share of the buyers reach."""
    return float(np.quantile(probability[bought], 1 - recall, method="lower"))


def _precision_of_top(bought: NDArray[np.bool_], probability: NDArray[np.float64], share: float) -> float:
    best = np.argsort(-probability, kind="stable")[: max(1, round(len(bought) * share))]
    return float(bought[best].mean())
