"""A graph as a short program over the vectors of one row: what the browser's runtime runs, and what a file of it says.

The format is described in docs/private-mode.md; ingest/static/model.mjs runs it, interpreter.py too. Knows no ONNX.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scoring.manifest import ModelError

#: The number of the format of head and weights together; a runtime takes its own number alone.
FORMAT = 1
#: One value of the result for each place of the inputs, which have as many places or one.
ELEMENTWISE = frozenset(
    {
        *("Abs", "Exp", "IsNaN", "Log", "Neg", "Not", "Relu", "Sigmoid", "Sqrt", "Tanh"),
        *("Add", "And", "Div", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mul"),
        *("Or", "Sub", "Clip", "Where"),
    }
)
#: Results that are true or false, 1 and 0.
LOGICAL = frozenset({"IsNaN", "Not", "And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Or"})
#: `Gemm`: row · matrix (transposed with `transB`) times `alpha`, plus a row; `Mean` of all places; `Take` of some
#: places; `Concat`.
OTHERS = frozenset({"Gemm", "Mean", "Take", "Concat"})


class BrowserExportError(ModelError):
    """A model that the browser's runtime cannot run, or not as it is served; one line that says why."""


@dataclass(frozen=True)
class Instruction:
    """`inputs` are slots: 0 the features, then the tensors, then the results of the instructions, in their order.

    `length`: numbers of its result. `places`: those that a `Take` takes.
    """

    operator: str
    inputs: tuple[int, ...]
    length: int
    attributes: Mapping[str, float] = field(default_factory=dict)
    places: tuple[int, ...] = ()


@dataclass(frozen=True)
class BrowserProgram:
    """`tensors`: float32[rows, columns] each; a vector has one row. `probability`, `reasons`: the slots of the results.

    `matrices`: the tensors by which rows are multiplied and which are mostly not 0, by number from 0; they alone may be
    stored with less precision: what decides where a unit begins, or what a reference is, must be exact.
    """

    columns: int
    tensors: tuple[NDArray[np.float32], ...]
    instructions: tuple[Instruction, ...]
    probability: int
    reasons: int

    @property
    def matrices(self) -> frozenset[int]:
        multiplied = {each.inputs[1] - 1 for each in self.instructions if each.operator == "Gemm"}
        return frozenset(place for place in multiplied if _is_dense(self.tensors[place]))


#: Values that are not 0 from which on a matrix may be stored with less precision, and their share of all.
LEAST_VALUES, LEAST_SHARE = 1_024, 0.5


def _is_dense(tensor: NDArray[np.float32]) -> bool:
    values = int(np.count_nonzero(tensor))
    return len(tensor) > 1 and values >= LEAST_VALUES and values >= LEAST_SHARE * tensor.size
