"""Builds the one ONNX graph: raw features in, probability and reasons out, by standard operators alone.

Two parts meet in *units*, float32[batch, units] between 0 and 1:
- the Front turns raw features into units, `Clip(Gemm(Log(1 + x), slopes, offsets), 0, 1)`; each unit reads one feature,
- a Head turns units into a probability, and the distance from the reference session's units into 17 reasons.
Reasons follow DeepLIFT's rescale rule (Shrikumar et al. 2017). A new kind of model is a new Head.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from scoring.features import CONTRACT_VERSION, NAMES

OPSET = 17
#: The oldest file format that carries this opset, so that older runtimes and browsers read it.
IR_VERSION = 8
#: Features are never negative; a number beyond this is as good as this, and keeps infinities out of the sums.
LARGEST = 1e9
#: Nearer to the reference than this (in logits), the slope of the sigmoid at the reference stands for 0/0.
NEAR = 1e-3


class Nodes:
    """Operators and constants of a graph that is being written."""

    def __init__(self) -> None:
        self.operators: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def add(self, operator: str, inputs: Sequence[str], output: str) -> str:
        self.operators.append(helper.make_node(operator, list(inputs), [output], name=output))
        return output


@dataclass(frozen=True)
class Front:
    """slopes: float64[17, units], one non-zero number per column; offsets: float64[units]."""

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def units(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The units of these rows as the graph computes them."""
        logs = np.log1p(np.clip(rows, 0, LARGEST))
        units: NDArray[np.float64] = np.clip(logs @ self.slopes + self.offsets, 0, 1)
        return units

    def owners(self) -> NDArray[np.float64]:
        """float64[units, 17]: 1 where the unit reads the feature; sums units by feature."""
        owners: NDArray[np.float64] = (self.slopes.T != 0).astype(np.float64)
        return owners

    def write(self, nodes: Nodes) -> str:
        zero, one = nodes.constant("zero", 0), nodes.constant("one", 1)
        within = nodes.add("Clip", ["features", zero, nodes.constant("largest", LARGEST)], "within")
        logs = nodes.add("Log", [nodes.add("Add", [within, one], "above_zero")], "logs")
        slopes, offsets = nodes.constant("slopes", self.slopes), nodes.constant("offsets", self.offsets)
        return nodes.add("Clip", [nodes.add("Gemm", [logs, slopes, offsets], "lines"), zero, one], "units")


class Head(Protocol):
    def write_probability(self, nodes: Nodes, units: str) -> str:
        """Write the way from units to float[batch, 1], the probability; return its name."""
        ...

    def write_reasons(self, nodes: Nodes, units: str, front: Front, reference: NDArray[np.float64]) -> None:
        """Write `reasons` float[batch, 17] after the probability; reference: float64[units]."""
        ...


@dataclass(frozen=True)
class LinearHead:
    """Logistic regression: sigmoid(units · weights + bias); weights: float64[units]."""

    weights: NDArray[np.float64]
    bias: float

    def write_probability(self, nodes: Nodes, units: str) -> str:
        weights, bias = nodes.constant("weights", self.weights[:, None]), nodes.constant("bias", [self.bias])
        return nodes.add("Sigmoid", [nodes.add("Gemm", [units, weights, bias], "logit")], "probability_column")

    def write_reasons(self, nodes: Nodes, units: str, front: Front, reference: NDArray[np.float64]) -> None:
        by_feature = self.weights[:, None] * front.owners()
        logit = float(reference @ self.weights + self.bias)
        probability = 1 / (1 + np.exp(-logit))
        shares = nodes.add(
            "Gemm",
            [units, nodes.constant("by_feature", by_feature), nodes.constant("at_reference", -reference @ by_feature)],
            "shares",
        )
        way = nodes.add("Sub", ["logit", nodes.constant("reference_logit", logit)], "way")
        rise = nodes.add("Sub", ["probability_column", nodes.constant("reference_probability", probability)], "rise")
        near = nodes.add("Less", [nodes.add("Abs", [way], "distance"), nodes.constant("near_distance", NEAR)], "near")
        slope = nodes.constant("slope_at_reference", probability * (1 - probability))
        multiplier = nodes.add("Where", [near, slope, nodes.add("Div", [rise, way], "secant")], "multiplier")
        nodes.add("Mul", [shares, multiplier], "reasons")


def build(front: Front, head: Head, reference: NDArray[np.float64], with_reasons: bool = True) -> bytes:
    """The graph's file; reference: float64[17], the session whose reasons are 0."""
    nodes = Nodes()
    units = front.write(nodes)
    column = head.write_probability(nodes, units)
    nodes.add("Squeeze", [column, nodes.constant("last", [1], np.int64)], "probability")
    outputs = [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch"])]
    if with_reasons:
        head.write_reasons(nodes, units, front, front.units(reference[None, :])[0])
        outputs.append(helper.make_tensor_value_info("reasons", TensorProto.FLOAT, ["batch", len(NAMES)]))
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", len(NAMES)])]
    graph = helper.make_graph(nodes.operators, "purchase_intent", inputs, outputs, nodes.constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="op-ecom",
    )
    helper.set_model_props(model, {"feature_contract": str(CONTRACT_VERSION)})
    onnx.checker.check_model(model, full_check=True)
    file: bytes = model.SerializeToString(deterministic=True)
    return file
