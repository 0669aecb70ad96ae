"""LightGBM on the raw columns; what is unknown is -1 to its trees, below every number."""

import itertools
from dataclasses import dataclass, replace
from typing import Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from scoring.contracts import SESSION
from scoring.learning.calibration import Line, log_loss, sigmoid
from scoring.learning.rows import LearningRows
from scoring.learning.split import TimeSplit
from scoring.learning.units import CODED, LEFT_OUT
from scoring.training.boosted import of_lightgbm
from scoring.training.differences import TREE_PAIRS, draw
from scoring.training.graph import Nodes
from scoring.training.trees import Branch, Node, Trees

UNKNOWN = -1.0
#: Leaves and fewest rows in a leaf.
GRID = tuple(itertools.product((7, 15), (200,)))
ROUNDS, PATIENCE, SEED = 400, 30, 0


@dataclass(frozen=True)
class FittedTrees:
    """`line` lies over the booster's log-odds."""

    booster: lightgbm.Booster
    reference: tuple[float, ...]
    settings: dict[str, float]
    line: Line = Line(1.0, 0.0)  # noqa: RUF009  a constant

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        raw = self.booster.predict(_known(rows), num_iteration=int(self.settings["trees"]), raw_score=True)
        logits: NDArray[np.float64] = np.asarray(raw, np.float64)[:, None] * self.line.slope + self.line.intercept
        return logits

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return sigmoid(self.logits(rows.astype(np.float32)))[:, 0]

    def refitted(self, rows: LearningRows) -> Self:
        settings = {name: int(self.settings[name]) for name in ("num_leaves", "min_data_in_leaf")}
        booster = lightgbm.train(_FIXED | settings, _dataset(rows), int(self.settings["trees"]))
        return replace(self, booster=booster, line=Line(1.0, 0.0))

    def with_line(self, line: Line) -> Self:
        slope, intercept = self.line
        return replace(self, line=Line(slope * line.slope, intercept * line.slope + line.intercept))

    def graph(self) -> bytes:
        trees = of_lightgbm(self.booster, int(self.settings["trees"]))
        start = trees.start * self.line.slope + self.line.intercept
        scaled = Trees(start, [_scaled(root, self.line.slope) for root in trees.roots])
        return draw(_KnownTrees(scaled), self.reference, TREE_PAIRS, SESSION)


@dataclass(frozen=True)
class _KnownTrees:
    """Trees over columns in which -1 stands for what is unknown."""

    trees: Trees

    def write(self, nodes: Nodes, features: str) -> str:
        unknown = nodes.add("IsNaN", [features], "is_unknown")
        known = nodes.add("Where", [unknown, nodes.constant("unknown", UNKNOWN), features], "known")
        return self.trees.write(nodes, known)


def fit_boosting(parts: TimeSplit, reference: tuple[float, ...]) -> FittedTrees:
    """One fit for each point of the grid, each stopped by the validation log-loss; the least of them wins."""
    held = parts.validation
    train = _dataset(parts.train)
    valid = train.create_valid(_known(held.rows), held.bought, weight=held.weights())
    fits = []
    for leaves, least in GRID:
        settings = {"num_leaves": leaves, "min_data_in_leaf": least}
        booster = lightgbm.train(
            _FIXED | settings, train, ROUNDS, valid_sets=[valid],
            callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
        )  # fmt: skip
        fitted = FittedTrees(booster, reference, settings | {"trees": booster.best_iteration, "seed": SEED})
        loss = log_loss(held.bought, sigmoid(fitted.logits(held.rows))[:, 0], held.weights())
        fits.append((loss, leaves, fitted))
    return min(fits, key=lambda each: each[:2])[2]


_FIXED = {
    "objective": "binary", "learning_rate": 0.05, "feature_fraction": 0.5, "lambda_l2": 5.0, "verbosity": -1,
    "num_threads": 1, "seed": SEED, "deterministic": True, "force_col_wise": True, "feature_pre_filter": False,
}  # fmt: skip


def _dataset(rows: LearningRows) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        _known(rows.rows), rows.bought, weight=rows.weights(), categorical_feature=_categories(), free_raw_data=False
    )


def _categories() -> list[int]:
    return [SESSION.names.index(name) for name in CODED if name != "Weekend"]


def _known(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """The rows as the trees see them: months are left out."""
    known = np.where(np.isnan(rows), UNKNOWN, rows).astype(np.float64)
    for name in LEFT_OUT:
        known[:, SESSION.names.index(name)] = 0.0
    return known


def _scaled(node: Node, factor: float) -> Node:
    if not isinstance(node, Branch):
        return node * factor
    return replace(node, yes=_scaled(node.yes, factor), no=_scaled(node.no, factor))
