"""What every family gives: log-odds, a line over them, and a graph."""

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from scoring.learning.calibration import Line
from scoring.learning.rows import LearningRows


class FittedFamily(Protocol):
    """A fitted model over rows of contract 2, as scoring/training/export.py takes it."""

    @property
    def reference(self) -> tuple[float, ...]: ...

    @property
    def settings(self) -> dict[str, float]:
        """What was chosen on the validation days, and how large it is."""
        ...

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """float64[n, members]; the probability is the mean of the members' sigmoids."""
        ...

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]"""
        ...

    def refitted(self, rows: LearningRows) -> Self:
        """The same settings fitted on these rows, without a line."""
        ...

    def with_line(self, line: Line) -> Self:
        """The same with this line over each member's log-odds."""
        ...

    def graph(self) -> bytes:
        """The file of its graph, not yet checked."""
        ...
