"""The report's logistic regression and XGBoost on the report's own inputs, and how a graph holds them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from xgboost import XGBClassifier

from scoring.features import NAMES
from scoring.training.boosted import OneHot, Standardized, of_xgboost
from scoring.training.differences import SMOOTH_PAIRS, TREE_PAIRS, draw
from scoring.training.encoding import NUMBERS, columns, reference
from scoring.training.graph import Nodes
from scoring.training.load import Sessions
from scoring.training.reported_inputs import Encoded, encoded, inputs
from scoring.training.trees import Trees


@dataclass(frozen=True)
class Linear:
    """sigmoid(columns · weights + bias); weights: float64[columns]."""

    inputs: Encoded
    weights: NDArray[np.float64]
    bias: float

    def write(self, nodes: Nodes, features: str) -> str:
        given = self.inputs.write(nodes, features)
        weights, bias = nodes.constant("weights", self.weights[:, None]), nodes.constant("bias", [self.bias])
        return nodes.add("Sigmoid", [nodes.add("Gemm", [given, weights, bias], "logit")], "column")


@dataclass(frozen=True)
class _FittedPipeline:
    pipeline: Pipeline
    reference: tuple[float, ...]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n], by the library that fitted it; rows: float64[n, 17]."""
        return np.asarray(self.pipeline.predict_proba(rows)[:, 1], np.float64)


class FittedReportedLogistic(_FittedPipeline):
    """A pipeline over rows, and the session that its reasons start from."""

    def fold(self) -> Linear:
        regression = self.pipeline.steps[1][1]
        return Linear(encoded(self.pipeline.steps[0][1]), regression.coef_[0], float(regression.intercept_[0]))

    def graph(self) -> bytes:
        return draw(self.fold(), self.reference, SMOOTH_PAIRS)


class FittedXGBoost(_FittedPipeline):
    """A pipeline over rows, and the session that its reasons start from."""

    def fold(self) -> Trees:
        given = encoded(self.pipeline.steps[0][1])
        numbers = zip(columns(NUMBERS), given.mean.tolist(), given.spread.tolist(), strict=True)
        standardized = [Standardized(*each) for each in numbers]
        one_hot = [OneHot(NAMES.index(name), code) for name, code in given.one_hot]
        return of_xgboost(self.pipeline.steps[1][1].get_booster(), [*standardized, *one_hot])

    def graph(self) -> bytes:
        return draw(self.fold(), self.reference, TREE_PAIRS)


def fit_logistic_as_reported(train: Sessions) -> FittedReportedLogistic:
    pipeline = make_pipeline(inputs(), LogisticRegression(C=0.1, max_iter=1000))
    pipeline.fit(train.rows, train.bought)
    return FittedReportedLogistic(pipeline, reference(train, ()))


def fit_xgboost(train: Sessions) -> FittedXGBoost:
    trees = XGBClassifier(n_estimators=100, max_depth=6, learning_rate=0.1, n_jobs=1, random_state=0)
    pipeline = make_pipeline(inputs(), trees)
    pipeline.fit(train.rows, train.bought)
    return FittedXGBoost(pipeline, reference(train, ()))
