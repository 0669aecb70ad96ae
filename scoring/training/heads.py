"""Heads of the graph: from units to a probability, and from the distance to the reference's units to reasons.

Reasons follow DeepLIFT's rescale rule (Shrikumar et al. 2017): through each non-linear step goes the slope of the
secant between the session and the reference, so that they sum to the distance of the two probabilities.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.training.graph import Front, Nodes

#: Nearer to the reference than this (in logits), the slope of the sigmoid at the reference stands for 0/0.
NEAR = 1e-3
#: Stands for 0 where it divides.
LEAST = 1e-12


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
        logit = np.array([reference @ self.weights + self.bias])
        shares = nodes.add(
            "Gemm",
            [units, nodes.constant("by_feature", by_feature), nodes.constant("at_reference", -reference @ by_feature)],
            "shares",
        )
        nodes.add("Mul", [shares, write_sigmoid_slopes(nodes, "logit", "probability_column", logit)], "reasons")


@dataclass(frozen=True)
class EnsembleHead:
    """k networks of one hidden layer: mean over k of sigmoid(relu(units · hidden + hidden_bias) · out + out_bias).

    hidden: float64[units, k · width]; out: float64[k · width, k], zero between different networks.
    projection: float64[units, rank], what all networks take instead of the units: units · projection, and hidden is
    float64[rank, k · width] then. So many units cost (units + k · width) · rank, and not units · k · width.
    """

    hidden: NDArray[np.float64]
    hidden_bias: NDArray[np.float64]
    out: NDArray[np.float64]
    out_bias: NDArray[np.float64]
    projection: NDArray[np.float64] | None = None

    def write_probability(self, nodes: Nodes, units: str) -> str:
        if self.projection is not None:
            units = nodes.add("MatMul", [units, nodes.constant("projection", self.projection)], "projected")
        hidden, hidden_bias = nodes.constant("hidden", self.hidden), nodes.constant("hidden_bias", self.hidden_bias)
        out, out_bias = nodes.constant("out", self.out), nodes.constant("out_bias", self.out_bias)
        steps = nodes.add("Relu", [nodes.add("Gemm", [units, hidden, hidden_bias], "before_relu")], "after_relu")
        members = nodes.add("Sigmoid", [nodes.add("Gemm", [steps, out, out_bias], "logits")], "members")
        return nodes.add("ReduceMean", [members], "probability_column", axes=[1], keepdims=1)

    def write_reasons(self, nodes: Nodes, units: str, front: Front, reference: NDArray[np.float64]) -> None:
        projected = reference if self.projection is None else reference @ self.projection
        before = projected @ self.hidden + self.hidden_bias
        logits = np.maximum(before, 0) @ self.out + self.out_bias
        slopes = write_sigmoid_slopes(nodes, "logits", "members", logits)
        of_members = nodes.add("Gemm", [slopes, "out"], "of_members", transB=1, alpha=1 / len(self.out_bias))
        of_steps = nodes.add("Mul", [of_members, self._relu(nodes, before)], "of_steps")
        by_unit = nodes.add("Gemm", [of_steps, "hidden"], "by_input", transB=1)
        if self.projection is not None:
            by_unit = nodes.add("Gemm", [by_unit, "projection"], "by_unit", transB=1)
        away = nodes.add("Sub", [units, nodes.constant("reference_units", reference)], "away")
        moved = nodes.add("Mul", [by_unit, away], "moved")
        nodes.add("MatMul", [moved, nodes.constant("owners", front.owners())], "reasons")

    def _relu(self, nodes: Nodes, before: NDArray[np.float64]) -> str:
        """Slopes of the secants through ReLU, P / (P + N): P the greater positive part of the two, N the negative.

        It equals (relu(a) - relu(a°)) / (a - a°) for every sign of the two, lies between 0 and 1 and is never 0/0.
        """
        positive = nodes.add("Max", ["after_relu", nodes.constant("reference_positive", np.maximum(before, 0))], "pos")
        ends = nodes.constant("reference_negative", np.minimum(before, -LEAST))
        negative = nodes.add("Min", ["before_relu", ends], "neg")
        return nodes.add("Div", [positive, nodes.add("Sub", [positive, negative], "span")], "relu_slopes")


def write_sigmoid_slopes(nodes: Nodes, logits: str, probabilities: str, reference: NDArray[np.float64]) -> str:
    """The secants' slopes (p - p°) / (l - l°) of each column; reference: float64[columns], the logits l°."""
    at_reference = 1 / (1 + np.exp(-reference))
    way = nodes.add("Sub", [logits, nodes.constant("reference_logits", reference)], "way")
    rise = nodes.add("Sub", [probabilities, nodes.constant("reference_probabilities", at_reference)], "rise")
    near = nodes.add("Less", [nodes.add("Abs", [way], "distance"), nodes.constant("near_distance", NEAR)], "near")
    tangent = nodes.constant("tangents", at_reference * (1 - at_reference))
    return nodes.add("Where", [near, tangent, nodes.add("Div", [rise, way], "secants")], "sigmoid_slopes")
