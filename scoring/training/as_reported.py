"""The report's own models with the report's own inputs: standardized numbers and one-hot codes, 75 columns.

Its text says 65 features. With its snippet (Month and VisitorType one-hot) this file gives 28 columns, with all seven
codes 75; 65 is the width of those one-hot columns without the ten numbers. Here: all seven, and the numbers.
"""

from dataclasses import replace

import torch
from rtdl_num_embeddings import LinearEmbeddings
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tabm import EnsembleView, LinearBatchEnsemble, LinearEnsemble
from torch import Tensor, nn
from xgboost import XGBClassifier

from scoring.features import NAMES
from scoring.training.encoding import NUMBERS, TRUTH, WORDS, columns
from scoring.training.fit import Pace, optimize
from scoring.training.load import Sessions
from scoring.training.split import Split
from scoring.training.tracks import UCI

ENSEMBLE, EMBEDDING, WIDTHS, DROPOUT = 4, 64, (128, 64, 32), 0.15
PACE = Pace(rate=1e-3, decay=0.0, epochs=100, patience=10, stop="auc")


def inputs() -> ColumnTransformer:
    """From rows float64[n, 17] to its columns."""
    return ColumnTransformer(
        [
            ("num", StandardScaler(), columns(NUMBERS)),
            ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns([*WORDS, TRUTH])),
        ]
    )


def fit_logistic_as_reported(train: Sessions) -> Pipeline:
    pipeline = make_pipeline(inputs(), LogisticRegression(C=0.1, max_iter=1000))
    pipeline.fit(train.rows, train.bought)
    return pipeline


def fit_xgboost(train: Sessions) -> Pipeline:
    trees = XGBClassifier(n_estimators=100, max_depth=6, learning_rate=0.1, n_jobs=1, random_state=0)
    pipeline = make_pipeline(inputs(), trees)
    pipeline.fit(train.rows, train.bought)
    return pipeline


class ReportedTabM(nn.Module):  # type: ignore[misc]
    """Its diagram: an embedding of each column (d = 64), batch norm, a batch ensemble of k MLPs 128, 64, 32, the mean.

    k is 4, the size that it selected. What it leaves open: embeddings are linear, initial scalings TabM's.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, train: Sessions) -> None:
        super().__init__()
        fitted = inputs().fit(train.rows)
        scaler, one_hot = fitted.named_transformers_["num"], fitted.named_transformers_["cat"]
        self.register_buffer("mean", torch.tensor(scaler.mean_, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(scaler.scale_, dtype=torch.float32))
        self.codes = dict(zip([*WORDS, TRUTH], one_hot.categories_, strict=True))
        self.width = len(NUMBERS) + sum(len(codes) for codes in self.codes.values())
        self.embeddings = LinearEmbeddings(self.width, EMBEDDING)
        self.norm = nn.BatchNorm1d(self.width * EMBEDDING)
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(zip((self.width * EMBEDDING, *WIDTHS[:-1]), WIDTHS, strict=True)):
            scaling = ("random-signs", "ones") if place == 0 else "ones"
            layers += [LinearBatchEnsemble(before, after, k=ENSEMBLE, scaling_init=scaling), nn.ReLU()]
            layers.append(nn.Dropout(DROPOUT))
        self.layers = nn.Sequential(EnsembleView(k=ENSEMBLE), *layers, LinearEnsemble(WIDTHS[-1], 1, k=ENSEMBLE))

    def forward(self, rows: Tensor) -> Tensor:
        """rows: float32[batch, 17] to logits float32[batch, k]."""
        numbers = (rows[:, columns(NUMBERS)] - self.mean) / self.spread
        one_hot = [
            (rows[:, NAMES.index(name), None] == torch.tensor(codes, dtype=torch.float32)).float()
            for name, codes in self.codes.items()
        ]
        embedded = self.norm(self.embeddings(torch.cat([numbers, *one_hot], dim=1)).flatten(1))
        logits: Tensor = self.layers(embedded).squeeze(-1)
        return logits


def fit_tabm_as_reported(parts: Split, seed: int, epochs: int) -> ReportedTabM:
    """Its loop: Adam, rate 0.001, at most 100 epochs, patience 10 by the validation AUC."""
    torch.manual_seed(seed)
    return optimize(ReportedTabM(parts.train), parts, UCI, seed, replace(PACE, epochs=epochs))
