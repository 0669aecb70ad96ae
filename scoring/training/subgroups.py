"""How good a model is for parts of the visitors: by visitor type, month and weekend."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from scoring.features import MONTHS, NAMES, VISITOR_TYPES
from scoring.training.load import Sessions
from scoring.training.metrics import calibration_error

#: Fewer of a kind than this, and an AUC says nothing.
LEAST = 10


@dataclass(frozen=True)
class Subgroup:
    """auc is None where there are fewer than LEAST buyers or others."""

    name: str
    sessions: int
    buyers: int
    mean_probability: float
    ece: float
    auc: float | None


def subgroups(test: Sessions, probability: NDArray[np.float64]) -> list[Subgroup]:
    """In the order of the contract's words; those without sessions are left out."""
    words: dict[str, dict[int, str]] = {
        "VisitorType": {code: str(name) for code, name in enumerate(VISITOR_TYPES, 1)},
        "Month": {code: str(name) for code, name in enumerate(MONTHS, 1)},
        "Weekend": {0: "no", 1: "yes"},
    }
    found = []
    for feature, names in words.items():
        values = test.rows[:, NAMES.index(feature)]
        for code, word in names.items():
            chosen = values == code
            if chosen.any():
                found.append(_subgroup(f"{feature} {word}", test.bought[chosen], probability[chosen]))
    return found


def _subgroup(name: str, bought: NDArray[np.bool_], probability: NDArray[np.float64]) -> Subgroup:
    buyers = int(bought.sum())
    enough = min(buyers, len(bought) - buyers) >= LEAST
    return Subgroup(
        name,
        len(bought),
        buyers,
        float(probability.mean()),
        calibration_error(bought, probability),
        float(roc_auc_score(bought, probability)) if enough else None,
    )
