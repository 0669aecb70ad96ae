"""Builds the one ONNX graph: raw features in, probability and reasons out, by standard operators alone.

Two parts meet in *units*, float32[batch, units] between 0 and 1 (models of another build: differences.py):
- the Front turns raw features into units, `Clip(Gemm(Log(1 + scale · x), slopes, offsets), 0, 1)`; each unit reads one
  feature: a number's units are its bins, a word's are steps 1[code >= v]. Of contract 2 a feature may be unknown, NaN:
  then UNKNOWN_LOG stands for its logarithm, where bins and steps are 0 and a flag (`flag_of`) is 1,
- a Head (heads.py) turns units into a probability, and their distance from the reference session's into 17 reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from scoring.contracts import UCI, Contract, contract
from scoring.training.encoding import SCALE

OPSET = 17
#: The oldest file format that carries this opset, so that older runtimes and browsers read it.
IR_VERSION = 8
#: The property of a file that has the number of its feature contract.
CONTRACT = "feature_contract"
#: Features are never negative; a number beyond this is as good as this, and keeps infinities out of the sums.
LARGEST = 1e9
#: The logarithm of what is unknown: no number has it, and all units that rise with their feature are 0 there.
UNKNOWN_LOG = -1.0


class Nodes:
    """Operators and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.operators: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        self.operators.append(helper.make_node(operator, list(inputs), [output], name=output, **attributes))
        return output


@dataclass(frozen=True)
class Front:
    """slopes: float64[features, units], one non-zero number per column; offsets: float64[units]; over encoding.SCALE.

    A front of contract 2 takes features that are unknown.
    """

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]
    made_for: Contract = UCI

    def owners(self) -> NDArray[np.float64]:
        """float64[units, features]: 1 where the unit reads the feature; sums units by feature."""
        owners: NDArray[np.float64] = (self.slopes != 0).T.astype(np.float64)
        return owners

    def write(self, nodes: Nodes) -> str:
        zero, one = nodes.constant("zero", 0), nodes.constant("one", 1)
        within = nodes.add("Clip", ["features", zero, nodes.constant("largest", LARGEST)], "within")
        scale = np.ones(len(self.made_for.names))
        scale[: len(SCALE)] = SCALE
        scaled = nodes.add("Mul", [within, nodes.constant("scale", scale)], "scaled")
        logs = nodes.add("Log", [nodes.add("Add", [scaled, one], "above_zero")], "logs")
        if self.made_for is not UCI:
            is_unknown = nodes.add("IsNaN", ["features"], "is_unknown")
            logs = nodes.add("Where", [is_unknown, nodes.constant("unknown_log", UNKNOWN_LOG), logs], "known_logs")
        slopes, offsets = nodes.constant("slopes", self.slopes), nodes.constant("offsets", self.offsets)
        return nodes.add("Clip", [nodes.add("Gemm", [logs, slopes, offsets], "lines"), zero, one], "units")

    def units(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n, units], by the graph's own operators, so that a feature at its reference is exactly there."""
        nodes = Nodes()
        outputs = [helper.make_tensor_value_info(self.write(nodes), TensorProto.FLOAT, ["batch", len(self.offsets)])]
        session = InferenceSession(file_of(nodes, outputs, made_for=self.made_for), providers=["CPUExecutionProvider"])
        (units,) = session.run(None, {"features": rows.astype(np.float32)})
        exact: NDArray[np.float64] = units.astype(np.float64)
        return exact


class Head(Protocol):
    def write_probability(self, nodes: Nodes, units: str) -> str:
        """Write the way from units to float[batch, 1], the probability; return its name."""
        ...

    def write_reasons(self, nodes: Nodes, units: str, front: Front, reference: NDArray[np.float64]) -> None:
        """Write `reasons` float[batch, features] after the probability; reference: float64[units]."""
        ...


def build(front: Front, head: Head, reference: NDArray[np.float64]) -> bytes:
    """The graph's file; reference: float64[features], the session whose reasons are 0."""
    nodes = Nodes()
    units = front.write(nodes)
    column = head.write_probability(nodes, units)
    nodes.add("Squeeze", [column, nodes.constant("last", [1], np.int64)], "probability")
    head.write_reasons(nodes, units, front, front.units(reference[None, :])[0])
    return file_of(nodes, outputs(front.made_for), made_for=front.made_for)


def outputs(made_for: Contract = UCI) -> list[onnx.ValueInfoProto]:
    """What every graph of the contract gives."""
    return [
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch"]),
        helper.make_tensor_value_info("reasons", TensorProto.FLOAT, ["batch", len(made_for.names)]),
    ]


def without_reasons(graph: bytes) -> bytes:
    """The same graph for those who need only the score: nothing is left that `probability` does not need."""
    model = onnx.load_from_string(graph)
    needed, operators = {"probability"}, []
    for operator in reversed(model.graph.node):
        if needed.intersection(operator.output):
            operators.append(operator)
            needed.update(operator.input)
    nodes = Nodes()
    nodes.operators = operators[::-1]
    nodes.constants = [constant for constant in model.graph.initializer if constant.name in needed]
    kept = [output for output in model.graph.output if output.name == "probability"]
    made_for = contract(int(next(each.value for each in model.metadata_props if each.key == CONTRACT)))
    return file_of(nodes, kept, list(model.functions), made_for)


def units_of(units: Sequence[tuple[str, float, float]], made_for: Contract = UCI) -> Front:
    """The front of these units: (feature, slope, offset) each."""
    slopes = np.zeros((len(made_for.names), len(units)))
    for place, (name, slope, _) in enumerate(units):
        slopes[made_for.names.index(name), place] = slope
    return Front(slopes, np.array([offset for _, _, offset in units]), made_for)


def flag_of(name: str) -> tuple[str, float, float]:
    """The unit that is 1 where a feature is unknown, else 0."""
    return name, 1 / UNKNOWN_LOG, 0.0


def stair(
    name: str, codes: Sequence[int], weights: NDArray[np.float64]
) -> tuple[list[tuple[str, float, float]], NDArray[np.float64]]:
    """A one-hot word as steps 1[code >= v]: (their units, their weights); weights: float64[codes, outputs].

    The weights of the steps are the differences between neighbouring codes, and the last step takes a code above the
    vocabulary back to 0, where the unknown code 0 starts.
    """
    steps, of_steps = [], []
    by_code, nothing = dict(zip(codes, weights, strict=True)), np.zeros(weights.shape[1])
    before = nothing
    for code in range(1, max(codes, default=0) + 2):
        now = by_code.get(code, nothing)
        if (now != before).any():
            steps.append((name, *step_line(code)))
            of_steps.append(now - before)
        before = now
    return steps, np.array(of_steps).reshape(len(steps), weights.shape[1])


def step_line(code: int) -> tuple[float, float]:
    """Slope and offset over log(1 + x) of a step that is 0 up to code - 1 and 1 from code on, for whole numbers."""
    low, high = np.log1p(code - 0.75), np.log1p(code - 0.25)
    return float(1 / (high - low)), float(-low / (high - low))


def file_of(
    nodes: Nodes,
    outputs: Sequence[onnx.ValueInfoProto],
    functions: Sequence[onnx.FunctionProto] = (),
    made_for: Contract = UCI,
) -> bytes:
    """The checked file of a graph from `features`; functions: those that its nodes call."""
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", len(made_for.names)])]
    graph = helper.make_graph(nodes.operators, "purchase_intent", inputs, outputs, nodes.constants)
    imports = {"": OPSET}
    for function in functions:
        imports |= {each.domain: each.version for each in function.opset_import} | {function.domain: 1}
    model = helper.make_model(
        graph,
        functions=functions,
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in imports.items()],
        ir_version=IR_VERSION,
        producer_name="op-ecom",
    )
    helper.set_model_props(model, {CONTRACT: str(made_for.number)})
    onnx.checker.check_model(model, full_check=True)
    file: bytes = model.SerializeToString(deterministic=True)
    return file
