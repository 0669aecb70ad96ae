"""Exports a fitted model as a graph, and refuses a graph that does not answer as the fitted model does."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession

from scoring.errors import ScoringError
from scoring.training.load import Sessions

PROBABILITY_TOLERANCE = 1e-6
SUM_TOLERANCE = 1e-5


class Exportable(Protocol):
    """A fitted model that a graph can hold; reference: the session that its reasons start from."""

    @property
    def reference(self) -> tuple[float, ...]: ...

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n] by the library that fitted it; rows: float64[n, 17]."""
        ...

    def graph(self) -> bytes:
        """The file of its graph, not yet checked."""
        ...


class ExportError(ScoringError):
    """The graph does not answer as the fitted model does; nothing is written."""


def export(fitted: Exportable, test: Sessions) -> bytes:
    """The graph's file, checked against the fitted model over the whole test split; raises ExportError."""
    graph = fitted.graph()
    check(graph, fitted, test.rows)
    return graph


def check(graph: bytes, fitted: Exportable, rows: NDArray[np.float64]) -> None:
    """Compare graph and model row by row: probabilities, and the sums of the reasons; raises ExportError."""
    session = InferenceSession(graph, providers=["CPUExecutionProvider"])
    probability, reasons = session.run(["probability", "reasons"], {"features": rows.astype(np.float32)})
    _refuse("probability", probability - fitted.probability(rows), PROBABILITY_TOLERANCE)
    distance = probability - fitted.probability(np.array([fitted.reference]))
    _refuse("sum of the reasons", reasons.astype(np.float64).sum(axis=1) - distance, SUM_TOLERANCE)


def _refuse(what: str, difference: NDArray[np.float64], tolerance: float) -> None:
    worst = int(np.abs(difference).argmax())
    if not abs(difference[worst]) <= tolerance:
        raise ExportError(
            f"the graph's {what} is off by {difference[worst]:.2g} at row {worst} of the test split "
            f"(at most {tolerance:g}): the model was not exported"
        )
