"""Runs a program over many rows in numpy, as the browser's runtime does over one: float32 results, float64 sums."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.browser.program import BrowserProgram, Instruction
from scoring.model import Scores

Array = NDArray[np.float32]


def _sigmoid(x: Array) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = 1 / (1 + np.exp(-x.astype(np.float64)))
    return shares


def _where(condition: Array, yes: Array, no: Array) -> Array:
    chosen: Array = np.where(condition != 0, yes, no)
    return chosen


#: One function for each operator of program.ELEMENTWISE.
FUNCTIONS: Mapping[str, Callable[..., NDArray[np.generic]]] = {
    "Abs": np.abs,
    "Exp": np.exp,
    "IsNaN": np.isnan,
    "Log": np.log,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": _sigmoid,
    "Sqrt": np.sqrt,
    "Tanh": np.tanh,
    "Add": np.add,
    "And": np.logical_and,
    "Div": np.divide,
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mul": np.multiply,
    "Or": np.logical_or,
    "Sub": np.subtract,
    "Clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "Where": _where,
}


def run(program: BrowserProgram, rows: Array) -> Scores:
    """Scores of rows, float32[batch, columns]."""
    slots: list[Array] = [rows, *program.tensors]
    with np.errstate(all="ignore"):
        for each in program.instructions:
            made = _result(each, [slots[place] for place in each.inputs])
            slots.append(np.broadcast_to(made, (len(rows), each.length)).astype(np.float32))
    return Scores(slots[program.probability][:, 0].astype(np.float64), slots[program.reasons])


def _result(instruction: Instruction, given: Sequence[Array]) -> NDArray[np.generic]:
    attributes = instruction.attributes
    if instruction.operator == "Gemm":
        matrix = given[1].astype(np.float64)
        product = given[0].astype(np.float64) @ (matrix.T if attributes.get("transB") else matrix)
        return product * attributes.get("alpha", 1.0) + (given[2] if len(given) > 2 else 0)
    if instruction.operator == "Mean":
        mean: NDArray[np.float64] = given[0].mean(axis=1, keepdims=True, dtype=np.float64)
        return mean
    if instruction.operator == "Take":
        return given[0][:, list(instruction.places)]
    if instruction.operator == "Concat":
        most = max(len(each) for each in given)
        return np.hstack([np.broadcast_to(each, (most, each.shape[1])) for each in given])
    return FUNCTIONS[instruction.operator](*given)
