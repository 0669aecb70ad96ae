"""The honest rival: LightGBM, tuned on the validation split alone."""

import itertools
from dataclasses import dataclass

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from scoring.training.boosted import of_lightgbm
from scoring.training.differences import TREE_PAIRS, draw
from scoring.training.encoding import WORDS, columns, reference
from scoring.training.split import Split

#: Leaves, fewest sessions in a leaf, share of the features that each tree sees.
GRID = tuple(itertools.product((7, 15, 31), (20, 60), (0.5, 0.8)))
ROUNDS, PATIENCE = 600, 40


@dataclass(frozen=True)
class FittedLightGBM:
    """The best of the grid, cut at its best number of trees; settings say which."""

    trees: lightgbm.Booster
    settings: dict[str, float]
    reference: tuple[float, ...]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]"""
        return np.asarray(self.trees.predict(_single(rows), num_iteration=self.trees.best_iteration), np.float64)

    def graph(self) -> bytes:
        return draw(of_lightgbm(self.trees, self.trees.best_iteration), self.reference, TREE_PAIRS)


def fit_lightgbm(parts: Split, grid: tuple[tuple[int, int, float], ...] = GRID) -> FittedLightGBM:
    """One fit per point of the grid, each stopped early by the validation log-loss; the least of them wins."""
    tried = [_fit(parts, *point) for point in grid]
    return min(tried, key=lambda fitted: log_loss(parts.validation.bought, fitted.probability(parts.validation.rows)))


def _fit(parts: Split, leaves: int, least: int, share: float) -> FittedLightGBM:
    settings = {"num_leaves": leaves, "min_data_in_leaf": least, "feature_fraction": share, "learning_rate": 0.03}
    fixed = {"objective": "binary", "verbosity": -1, "num_threads": 1, "seed": 0, "deterministic": True}
    fixed |= {"force_col_wise": True, "bagging_fraction": 0.8, "bagging_freq": 1, "lambda_l2": 1.0}
    train = lightgbm.Dataset(_single(parts.train.rows), parts.train.bought, categorical_feature=columns(WORDS))
    held = train.create_valid(_single(parts.validation.rows), parts.validation.bought)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    trees = lightgbm.train(settings | fixed, train, ROUNDS, valid_sets=[held], callbacks=[stop])
    return FittedLightGBM(trees, settings | {"trees": trees.best_iteration}, reference(parts.train, ()))


def _single(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows in the precision of the contract: no split may lie between two numbers that are one in float32."""
    return rows.astype(np.float32).astype(np.float64)
