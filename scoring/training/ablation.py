"""The report's ablation of the ensemble's size, on our TabM: accuracy over seeds, and latency of the exported graph."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import roc_auc_score

from scoring.training.export import export
from scoring.training.fit import fit_tabm
from scoring.training.latency import Latency, latency
from scoring.training.network import Shape
from scoring.training.split import Split
from scoring.training.study import Extent, Notify, judge
from scoring.training.tracks import UCI

SIZES = (16, 12, 8, 4, 2, 1)
SEEDS = 3


@dataclass(frozen=True)
class Size:
    """auc: mean and standard deviation over the seeds, of the validation and of the test split."""

    members: int
    validation_auc: tuple[float, float]
    test_auc: tuple[float, float]
    graph_bytes: int
    latency: Latency


def ablation(parts: Split, extent: Extent, notify: Notify) -> list[Size]:
    """Fit each size; for reading only: the shipped size was not chosen here."""
    return [_size(parts, members, extent, notify) for members in SIZES]


def _size(parts: Split, members: int, extent: Extent, notify: Notify) -> Size:
    validation, test = [], []
    for seed in range(min(SEEDS, extent.seeds)):
        notify(f"ablation: ensemble of {members}, seed {seed}")
        fitted = fit_tabm(parts, UCI, seed, replace(Shape(), ensemble=members), extent.pace)
        judged = judge(parts, fitted.probability)
        validation.append(float(roc_auc_score(parts.validation.bought, judged.validation)))
        test.append(judged.metrics["auc"])
    graph = export(fitted, parts.test)
    return Size(members, _spread(validation), _spread(test), len(graph), latency(graph, parts.test.rows, extent.timed))


def _spread(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
