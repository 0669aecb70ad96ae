"""The report's inputs, by scikit-learn and as a graph has them: standardized numbers and one-hot codes, 75 columns.

Its text says 65 features. With its snippet (Month and VisitorType one-hot) this file gives 28 columns, with all seven
codes 75; 65 is the width of those one-hot columns without the ten numbers. Here: all seven, and the numbers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from scoring.features import NAMES
from scoring.training.encoding import NUMBERS, TRUTH, WORDS, columns
from scoring.training.graph import LARGEST, Nodes

CODED = (*WORDS, TRUTH)


def inputs() -> ColumnTransformer:
    """From rows float64[n, 17] to its columns."""
    return ColumnTransformer(
        [
            ("num", StandardScaler(), columns(NUMBERS)),
            ("cat", OneHotEncoder(handle_unknown="ignore", sparse_output=False), columns(CODED)),
        ]
    )


@dataclass(frozen=True)
class Encoded:
    """The fitted columns: mean, spread: float64[len(NUMBERS)]; one_hot: (feature, code) of each column after them."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    one_hot: tuple[tuple[str, int], ...]

    @property
    def width(self) -> int:
        return len(NUMBERS) + len(self.one_hot)

    def write(self, nodes: Nodes, features: str) -> str:
        """Write the way from float[batch, 17] to float[batch, width]; a code that is no column has only zeros."""
        ends = nodes.constant("least", 0), nodes.constant("largest", LARGEST)
        numbers = _gather(nodes, features, NUMBERS, "numbers")
        within = nodes.add("Clip", [numbers, *ends], "within")
        centred = nodes.add("Sub", [within, nodes.constant("mean", self.mean)], "centred")
        scaled = nodes.add("Div", [centred, nodes.constant("spread", self.spread)], "scaled")
        owners, codes = zip(*self.one_hot, strict=True)
        there = nodes.add("Equal", [_gather(nodes, features, owners, "coded"), nodes.constant("codes", codes)], "there")
        one_hot = nodes.add("Cast", [there], "one_hot", to=1)
        return nodes.add("Concat", [scaled, one_hot], "encoded", axis=1)


def encoded(fitted: ColumnTransformer) -> Encoded:
    scaler, one_hot = fitted.named_transformers_["num"], fitted.named_transformers_["cat"]
    found = zip(CODED, one_hot.categories_, strict=True)
    pairs = tuple((name, int(code)) for name, codes in found for code in codes)
    return Encoded(scaler.mean_, scaler.scale_, pairs)


def _gather(nodes: Nodes, features: str, names: tuple[str, ...], output: str) -> str:
    places = nodes.constant(f"{output}_places", [NAMES.index(name) for name in names], np.int64)
    return nodes.add("Gather", [features, places], output, axis=1)
