"""What is measured of probabilities against outcomes, and the threshold and bands that the validation split gives."""

import numpy as np
from numpy.typing import NDArray
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

#: Share of the buyers that the bands `building` and `high` hold together.
BUILDING_RECALL = 0.9
#: Bins of equal width for the expected calibration error (Naeini et al. 2015).
ECE_BINS = 10

Outcomes = NDArray[np.bool_]
Probabilities = NDArray[np.float64]


def measure(bought: Outcomes, probability: Probabilities, threshold: float) -> dict[str, float]:
    """All metrics by name, `p_at_5` being the precision among the 5 % of sessions with the greatest probability."""
    predicted = probability >= threshold
    metrics = {
        "auc": roc_auc_score(bought, probability),
        "pr_auc": average_precision_score(bought, probability),
        "brier": brier_score_loss(bought, probability),
        "log_loss": log_loss(bought, probability),
        "ece": calibration_error(bought, probability),
        "precision": precision_score(bought, predicted, zero_division=0),
        "recall": recall_score(bought, predicted),
        "f1": f1_score(bought, predicted, zero_division=0),
        "p_at_5": precision_of_top(bought, probability, 0.05),
        "p_at_10": precision_of_top(bought, probability, 0.10),
        "p_at_20": precision_of_top(bought, probability, 0.20),
    }
    return {name: float(value) for name, value in metrics.items()}


def best_f1(bought: Outcomes, probability: Probabilities) -> float:
    """The threshold with the greatest F1, rounded to six digits as everywhere that probabilities are compared."""
    precision, recall, thresholds = precision_recall_curve(bought, probability.round(6))
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(round(thresholds[f1[:-1].argmax()], 6))


def bands(bought: Outcomes, probability: Probabilities, threshold: float) -> tuple[float, float]:
    """`building` begins where 9 of 10 buyers are building or high; `high` at the threshold, so that high means YES."""
    building = float(np.quantile(probability[bought].round(6), 1 - BUILDING_RECALL, method="lower"))
    return min(building, threshold), threshold


def calibration_error(bought: Outcomes, probability: Probabilities) -> float:
    """The mean distance of a bin's share of buyers from its mean probability, weighted by sessions."""
    places = np.minimum((probability * ECE_BINS).astype(int), ECE_BINS - 1)
    apart = [
        abs(bought[places == place].mean() - probability[places == place].mean()) * (places == place).mean()
        for place in np.unique(places)
    ]
    return float(sum(apart))


def precision_of_top(bought: Outcomes, probability: Probabilities, share: float) -> float:
    best = np.argsort(-probability, kind="stable")[: max(1, round(len(bought) * share))]
    return float(bought[best].mean())
