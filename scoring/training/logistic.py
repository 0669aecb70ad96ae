"""Logistic regression as a graph can hold it: on log1p of numbers clipped to their training range and one-hot words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from scoring.features import NAMES
from scoring.training.encoding import NUMBERS, SCALE, TRUTH, WORDS, columns, logs, reference, vocabularies
from scoring.training.graph import Front, build, stair, units_of
from scoring.training.heads import LinearHead
from scoring.training.load import Sessions
from scoring.training.tracks import Track


@dataclass(frozen=True)
class FittedLogistic:
    """A pipeline over rows float64[n, 17]; low, high: float64[len(NUMBERS)], the range of the numbers' logarithms."""

    pipeline: Pipeline
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reference: tuple[float, ...]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: the probability that each session buys, by scikit-learn."""
        probability: NDArray[np.float64] = self.pipeline.predict_proba(rows)[:, 1]
        return probability

    def fold(self) -> tuple[Front, LinearHead]:
        """The pipeline's arithmetic as units and weights: clip, scale and one-hot are all linear between two clips.

        A number is one unit, 0 at the low and 1 at the high end of its range. A word is a stair.
        """
        inputs, regression = self.pipeline.steps[0][1], self.pipeline.steps[1][1]
        weights = dict(zip(inputs.get_feature_names_out(list(NAMES)), regression.coef_[0], strict=True))
        scaler = inputs.named_transformers_["numbers"].steps[-1][1]
        bias = float(regression.intercept_[0])
        units: list[tuple[str, float, float]] = []
        folded: list[float] = []
        for number, name in enumerate(NUMBERS):
            low, span = self.low[number], float(self.high[number] - self.low[number]) or 1.0
            weight = weights[f"numbers__{name}"] / scaler.scale_[number]
            units.append((name, 1 / span, -low / span))
            folded.append(weight * (self.high[number] - low))  # 0 for a number that never varies
            bias += weight * (low - scaler.mean_[number])
        for name, codes in _vocabularies(inputs).items():
            of_words = np.array([[weights[f"words__{name}_{float(code)}"]] for code in codes])
            steps, of_steps = stair(name, codes, of_words)
            units += steps
            folded += of_steps[:, 0].tolist()
        steps, of_steps = stair(TRUTH, (1,), np.array([[weights[f"truth__{TRUTH}"]]]))
        return units_of(units + steps), LinearHead(np.array(folded + of_steps[:, 0].tolist()), bias)

    def graph(self) -> bytes:
        return build(*self.fold(), np.array(self.reference))


def fit_logistic(train: Sessions, track: Track) -> FittedLogistic:
    """Fit on the training split of whole sessions; the same sessions give the same model."""
    numbers = logs(train.rows)[:, columns(NUMBERS)]
    low, high = numbers.min(axis=0), numbers.max(axis=0)

    def logs_within_range(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.clip(np.log1p(np.maximum(values, 0) * SCALE[columns(NUMBERS)]), low, high)

    scaled = FunctionTransformer(logs_within_range, feature_names_out="one-to-one")
    found = vocabularies(train, [name for name in WORDS if name not in track.unknown])
    # A word of which only 0, unknown, was ever seen has no column.
    words = {name: codes for name, codes in found.items() if codes}
    one_hot = OneHotEncoder(
        categories=[np.array(codes, np.float64) for codes in words.values()],
        handle_unknown="ignore",
        sparse_output=False,
    )
    inputs = ColumnTransformer(
        [
            ("numbers", make_pipeline(scaled, StandardScaler()), columns(NUMBERS)),
            ("words", one_hot, columns(tuple(words))),
            ("truth", "passthrough", columns((TRUTH,))),
        ]
    )
    pipeline = make_pipeline(inputs, LogisticRegression(C=0.1, max_iter=1000))
    pipeline.fit(train.rows, train.bought)
    return FittedLogistic(pipeline, low, high, reference(train, track.unknown))


def _vocabularies(inputs: ColumnTransformer) -> dict[str, tuple[int, ...]]:
    places = next(places for name, _, places in inputs.transformers_ if name == "words")
    categories = inputs.named_transformers_["words"].categories_
    return {NAMES[place]: tuple(map(int, codes)) for place, codes in zip(places, categories, strict=True)}
