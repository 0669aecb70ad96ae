"""Which features are numbers and which are words, how numbers are scaled, and the session that reasons start from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.features import NAMES
from scoring.training.load import Sessions

NUMBERS = NAMES[: NAMES.index("Month")]
#: UCI never published the code books of these four, so nothing that it says about code 2 holds for ours.
CODES = ("OperatingSystems", "Browser", "Region", "TrafficType")
WORDS = ("Month", *CODES, "VisitorType")
TRUTH = "Weekend"
RATES = ("BounceRates", "ExitRates")
#: What a number is multiplied by before log1p. A rate of a few per mille would otherwise pass the logarithm unchanged,
#: and 1 + 0.0002 keeps only four of its digits in float32.
SCALE: NDArray[np.float64] = np.array([1000.0 if name in RATES else 1.0 for name in NAMES])


def columns(names: Sequence[str]) -> list[int]:
    """Where these features stand in a row."""
    return [NAMES.index(name) for name in names]


def logs(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n, 17]: log1p of the scaled features; negative ones count as 0."""
    scaled: NDArray[np.float64] = np.log1p(np.maximum(rows, 0) * SCALE)
    return scaled


def vocabularies(train: Sessions, words: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """The codes of each word that the training sessions have, in order; 0 is unknown and never one of them."""
    found = {name: np.unique(train.rows[:, NAMES.index(name)]).astype(int) for name in words}
    return {name: tuple(int(code) for code in codes if code > 0) for name, codes in found.items()}


def reference(train: Sessions, unknown: Sequence[str]) -> tuple[float, ...]:
    """The session whose reasons are 0: median numbers, commonest words; the `unknown` features are 0 in it."""

    def usual(name: str) -> float:
        values = train.rows[:, NAMES.index(name)]
        if name in unknown:
            return 0.0
        if name in NUMBERS:
            return round(float(np.median(values)), 4)
        found, counts = np.unique(values, return_counts=True)
        return float(found[counts.argmax()])

    return tuple(usual(name) for name in NAMES)
