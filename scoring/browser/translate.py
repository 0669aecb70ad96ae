"""Reads an ONNX graph by its operators and makes the program of it, for a batch of one row.

What a family of models is called is not looked at: a graph of the operators below runs in the browser, any other one
is refused. Their meaning: the ONNX operators of opset 13 to 22.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scoring.browser.program import ELEMENTWISE, LOGICAL, BrowserExportError, BrowserProgram, Instruction

#: Opsets in which these operators mean the same.
OPSETS = range(13, 23)
#: onnx.TensorProto.FLOAT
FLOAT = 1
MISSING = "opecom models export needs the package onnx: install op-ecom[learn]"
INSTEAD = "export a network or a logistic regression whose graph has standard operators alone"


@dataclass(frozen=True)
class _Value:
    """What a name of the graph stands for.

    `constant`: its value, else None. `rank`: 2 for [batch, length], 1 for [batch], 0 for what does not depend on rows.
    `key`: ("features" | "tensor" | "result", number).
    """

    key: tuple[str, int]
    length: int
    rank: int
    is_logical: bool = False
    constant: NDArray[Any] | None = None


@dataclass(frozen=True)
class _Step:
    operator: str
    inputs: tuple[tuple[str, int], ...]
    length: int
    attributes: Mapping[str, float]
    places: tuple[int, ...]


def program_of(graph: bytes, columns: int) -> BrowserProgram:
    """The program of a graph from features[batch, columns] to `probability` and `reasons`.

    Raises BrowserExportError, which says what of the graph the browser's runtime cannot run.
    """
    try:
        import onnx
    except ImportError:
        raise BrowserExportError(MISSING) from None
    model = onnx.load_from_string(graph)
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=0)
    _check_operators(model)
    if opset not in OPSETS:
        raise BrowserExportError(
            f"its graph is of opset {opset}: the browser's runtime knows {OPSETS[0]} to {OPSETS[-1]}"
        )
    reader = _Reader(columns, {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer})
    for node in _needed(model.graph.node, {"probability", "reasons"}):
        given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        if node.op_type == "Constant":
            reader.constants[node.output[0]] = onnx.numpy_helper.to_array(given["value"])
        else:
            reader.read(node.op_type, tuple(node.input), node.output[0], given)
    return reader.program()


def _check_operators(model: Any) -> None:
    """Refuse what no translation is there for, trees by their own name: they are what users have."""
    nodes = [*model.graph.node, *(node for function in model.functions for node in function.node)]
    trees = sorted({node.op_type for node in nodes if node.op_type.startswith("TreeEnsemble")})
    if trees:
        raise BrowserExportError(
            f"its graph has decision trees ({trees[0]}), which the browser's runtime does not run: {INSTEAD}"
        )
    other = sorted({node.op_type for node in model.graph.node if node.domain or node.op_type not in OPERATORS})
    if other:
        raise BrowserExportError(
            f"its graph has operators that the browser's runtime does not run ({', '.join(other[:5])}): {INSTEAD}"
        )


def _needed(nodes: Sequence[Any], outputs: set[str]) -> list[Any]:
    """The nodes on which the outputs depend, in their order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    return kept[::-1]


class _Reader:
    """Reads node after node; `constants` are those of the graph by name."""

    def __init__(self, columns: int, constants: dict[str, NDArray[Any]]) -> None:
        self.constants = constants
        self._columns = columns
        self._values = {"features": _Value(("features", 0), columns, 2)}
        self._tensors: list[NDArray[np.float32]] = []
        self._steps: list[_Step] = []

    def read(self, operator: str, names: tuple[str, ...], output: str, attributes: Mapping[str, Any]) -> None:
        read = OPERATORS[operator]
        try:
            self._values[output] = read(self, operator, names, attributes)
        except (BrowserExportError, KeyError, ValueError, IndexError) as error:
            raise BrowserExportError(
                f"its operator {operator} ({output}) is not one that the browser's runtime runs "
                f"({error if isinstance(error, BrowserExportError) else type(error).__name__}): {INSTEAD}"
            ) from error

    def program(self) -> BrowserProgram:
        """The program; raises BrowserExportError unless the results have the shapes of a model's."""
        probability, reasons = (self._values.get(name) for name in ("probability", "reasons"))
        if probability is None or reasons is None or probability.length != 1 or reasons.length != self._columns:
            raise BrowserExportError(f"its graph does not give one probability and {self._columns} reasons")
        starts = {"features": 0, "tensor": 1, "result": 1 + len(self._tensors)}

        def slot(key: tuple[str, int]) -> int:
            return starts[key[0]] + key[1]

        instructions = [
            Instruction(each.operator, tuple(map(slot, each.inputs)), each.length, each.attributes, each.places)
            for each in self._steps
        ]
        return BrowserProgram(
            self._columns, tuple(self._tensors), tuple(instructions), slot(probability.key), slot(reasons.key)
        )

    def _value(self, name: str) -> _Value:
        """What the name stands for; a constant becomes a tensor of the program when it is first used."""
        known = self._values.get(name)
        if known is not None:
            return known
        constant = self.constants[name]
        if constant.dtype.kind not in "fb":
            raise BrowserExportError(f"it takes whole numbers, {name}")
        matrix = constant.reshape(-1, constant.shape[-1] if constant.ndim else 1).astype(np.float32)
        self._tensors.append(np.ascontiguousarray(matrix))
        made = _Value(
            ("tensor", len(self._tensors) - 1), matrix.shape[1], 0, constant.dtype.kind == "b", constant=constant
        )
        self._values[name] = made
        return made

    def _whole_numbers(self, name: str) -> tuple[int, ...]:
        return tuple(int(each) for each in np.atleast_1d(self.constants[name]))

    def _step(
        self,
        operator: str,
        inputs: Sequence[_Value],
        length: int,
        rank: int,
        attributes: Mapping[str, float] | None = None,
        places: tuple[int, ...] = (),
    ) -> _Value:
        self._steps.append(_Step(operator, tuple(each.key for each in inputs), length, attributes or {}, places))
        return _Value(("result", len(self._steps) - 1), length, rank, operator in LOGICAL)

    def folded(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        """Of any number of inputs: one instruction for each after the first."""
        values = [self._value(name) for name in names]
        return reduce(partial(self._elementwise, OF_TWO[operator]), values)

    def elementwise(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        if operator == "Clip" and (len(names) != 3 or not all(names)):
            raise BrowserExportError("it has one bound alone")
        return self._elementwise(operator, *[self._value(name) for name in names])

    def _elementwise(self, operator: str, *values: _Value) -> _Value:
        length, rank = max(each.length for each in values), max(each.rank for each in values)
        for each in values:
            rows = 1 if each.constant is None else each.constant.size // each.length
            is_flat = each.constant is None or each.constant.ndim <= (1 if rank == 1 else 2)
            if each.length not in (1, length) or rows != 1 or not is_flat or each.rank not in (0, rank):
                raise BrowserExportError("its inputs have shapes that do not go together row by row")
        if rank == 1 and length != 1:
            raise BrowserExportError("it mixes the rows of a batch")
        made = self._step(operator, values, length, rank)
        is_logical = operator in LOGICAL or (operator == "Where" and all(each.is_logical for each in values[1:]))
        return _Value(made.key, made.length, made.rank, is_logical)

    def product(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        row, matrix = self._value(names[0]), self._value(names[1])
        is_turned = bool(attributes.get("transB", 0))
        if row.rank != 2 or matrix.constant is None or matrix.constant.ndim != 2 or attributes.get("transA", 0):
            raise BrowserExportError("it is no product of a row and a constant matrix")
        into, length = matrix.constant.shape[::-1] if is_turned else matrix.constant.shape
        if into != row.length:
            raise BrowserExportError(f"its matrix takes {into} numbers, its row has {row.length}")
        inputs = [row, matrix]
        if len(names) > 2 and names[2]:
            inputs.append(self._added(names[2], length, float(attributes.get("beta", 1.0))))
        given: dict[str, float] = {"transB": 1} if is_turned else {}
        if (alpha := float(attributes.get("alpha", 1.0))) != 1:
            given["alpha"] = alpha
        return self._step("Gemm", inputs, length, 2, given)

    def _added(self, name: str, length: int, beta: float) -> _Value:
        if beta != 1 or self._value(name).constant is None or self.constants[name].size not in (1, length):
            raise BrowserExportError("what it adds is no constant row")
        return self._value(name)

    def mean(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        self._check_columns(attributes.get("axes") or self._whole_numbers(names[1]))
        row = self._value(names[0])
        if row.rank != 2:
            raise BrowserExportError("it mixes the rows of a batch")
        return self._step("Mean", [row], 1, 2 if attributes.get("keepdims", 1) else 1)

    def same(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        """What only changes the shape or the type of a row's numbers needs no instruction."""
        value = self._value(names[0])
        if operator == "Cast":
            if attributes["to"] != FLOAT:
                raise BrowserExportError("it makes other numbers than float32")
            return _Value(value.key, value.length, value.rank, constant=value.constant)
        if operator == "Identity":
            return value
        self._check_columns(self._whole_numbers(names[1]))
        if value.length != 1 or value.rank != (2 if operator == "Squeeze" else 1):
            raise BrowserExportError("it mixes the rows of a batch")
        return _Value(value.key, 1, 1 if operator == "Squeeze" else 2, value.is_logical)

    def take(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        row = self._value(names[0])
        if operator == "Gather":
            self._check_columns((attributes.get("axis", 0),))
            if self.constants[names[1]].ndim != 1:
                raise BrowserExportError("it changes the number of dimensions")
            places = tuple(range(row.length)[each] for each in self._whole_numbers(names[1]))
        else:
            begins, ends, axes = (self._whole_numbers(name) for name in names[1:4])
            steps = self._whole_numbers(names[4]) if len(names) > 4 and names[4] else (1,)
            self._check_columns(axes)
            places = tuple(range(row.length)[begins[0] : ends[0] : steps[0]])
        if row.rank != 2 or not places:
            raise BrowserExportError("it takes other things than columns")
        made = self._step("Take", [row], len(places), 2, places=places)
        return _Value(made.key, made.length, 2, row.is_logical)

    def concat(self, operator: str, names: tuple[str, ...], attributes: Mapping[str, Any]) -> _Value:
        values = [self._value(name) for name in names]
        self._check_columns((attributes["axis"],))
        if any(each.rank != 2 for each in values):
            raise BrowserExportError("it joins other things than columns")
        made = self._step("Concat", values, sum(each.length for each in values), 2)
        return _Value(made.key, made.length, 2, all(each.is_logical for each in values))

    @staticmethod
    def _check_columns(axes: Sequence[int]) -> None:
        if [*axes] not in ([1], [-1]):
            raise BrowserExportError("it is not along the columns of a row")


#: The operators of any number of inputs, as operators of two.
OF_TWO = {"Max": "Max", "Min": "Min", "Sum": "Add"}
_Read = Callable[[_Reader, str, tuple[str, ...], Mapping[str, Any]], _Value]
OPERATORS: Mapping[str, _Read] = {
    **dict.fromkeys(ELEMENTWISE, _Reader.elementwise),
    **dict.fromkeys(OF_TWO, _Reader.folded),
    **dict.fromkeys(("Gemm", "MatMul"), _Reader.product),
    **dict.fromkeys(("Identity", "Squeeze", "Unsqueeze", "Cast"), _Reader.same),
    **dict.fromkeys(("Gather", "Slice"), _Reader.take),
    "ReduceMean": _Reader.mean,
    "Concat": _Reader.concat,
    # Its value is read before.
    "Constant": _Reader.same,
}
