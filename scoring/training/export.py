"""Folds a fitted pipeline into a graph, and refuses a graph that does not answer as the pipeline does."""

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from scoring.features import NAMES
from scoring.training.fit import NUMBERS, TRUTH, WORDS, Fitted
from scoring.training.graph import Front, LinearHead, build
from scoring.training.load import Sessions

PROBABILITY_TOLERANCE = 1e-6
SUM_TOLERANCE = 1e-5


class ExportError(Exception):
    """The graph does not answer as the fitted model does; nothing is written."""


def export(fitted: Fitted, test: Sessions, with_reasons: bool = True) -> bytes:
    """The graph's file, checked against scikit-learn over the whole test split; raises ExportError."""
    front, head = fold(fitted)
    graph = build(front, head, np.array(fitted.reference), with_reasons)
    check(graph, fitted, test.rows)
    return graph


def fold(fitted: Fitted) -> tuple[Front, LinearHead]:
    """The pipeline's arithmetic as units and weights: clip, scale and one-hot are all linear between two clips.

    A number is one unit, 0 at the low and 1 at the high end of its range. A word is a stair of steps 1[code >= v]
    whose weights are the differences between neighbouring words; the last step takes a code above the vocabulary back
    to 0, where the unknown code 0 starts.
    """
    inputs, regression = fitted.pipeline.steps[0][1], fitted.pipeline.steps[1][1]
    weights = dict(zip(inputs.get_feature_names_out(list(NAMES)), regression.coef_[0], strict=True))
    scaler = inputs.named_transformers_["numbers"].steps[-1][1]
    units: list[tuple[str, float, float, float]] = []  # feature, slope, offset, weight
    bias = float(regression.intercept_[0])

    for number, name in enumerate(NUMBERS):
        low, high = np.log1p(fitted.low[number]), np.log1p(fitted.high[number])
        span = float(high - low) or 1.0  # a number that never varies has weight 0
        weight = weights[f"numbers__{name}"] / scaler.scale_[number]
        units.append((name, 1 / span, -low / span, weight * (high - low)))
        bias += weight * (low - scaler.mean_[number])

    for name, codes in zip(WORDS, inputs.named_transformers_["words"].categories_, strict=True):
        by_code = {int(code): weights[f"words__{name}_{code}"] for code in codes}
        before = 0.0
        for code in range(1, max(by_code) + 2):
            weight = by_code.get(code, 0.0)
            units.append((name, *_step(code), weight - before))
            before = weight
    units.append((TRUTH, *_step(1), weights[f"truth__{TRUTH}"]))

    slopes = np.zeros((len(NAMES), len(units)))
    for unit, (name, slope, _, _) in enumerate(units):
        slopes[NAMES.index(name), unit] = slope
    _, _, offsets, folded = (np.array(column) for column in zip(*units, strict=True))
    return Front(slopes, offsets.astype(np.float64)), LinearHead(folded.astype(np.float64), bias)


def check(graph: bytes, fitted: Fitted, rows: NDArray[np.float64]) -> None:
    """Compare graph and pipeline row by row: probabilities, and the sums of the reasons; raises ExportError."""
    session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    answers = dict(zip(names, session.run(names, {"features": rows.astype(np.float32)}), strict=True))
    _refuse("probability", answers["probability"] - fitted.probability(rows), PROBABILITY_TOLERANCE)
    if "reasons" in answers:
        reference = fitted.probability(np.array([fitted.reference]))
        sums = answers["reasons"].astype(np.float64).sum(axis=1)
        _refuse("sum of the reasons", sums - (answers["probability"] - reference), SUM_TOLERANCE)


def _refuse(what: str, difference: NDArray[np.float64], tolerance: float) -> None:
    worst = int(np.abs(difference).argmax())
    if not abs(difference[worst]) <= tolerance:
        raise ExportError(
            f"the graph's {what} is off by {difference[worst]:.2g} at row {worst} of the test split "
            f"(at most {tolerance:g}): the model was not exported"
        )


def _step(code: int) -> tuple[float, float]:
    """Slope and offset over log(1 + x) of a step that is 0 up to code - 1 and 1 from code on, for whole numbers."""
    low, high = np.log1p(code - 0.75), np.log1p(code - 0.25)
    return float(1 / (high - low)), float(-low / (high - low))
