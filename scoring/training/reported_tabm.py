"""The report's own TabM, from its hyperparameter table and its diagram, and how a graph holds it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from rtdl_num_embeddings import LinearEmbeddings
from tabm import EnsembleView, LinearBatchEnsemble, LinearEnsemble
from torch import Tensor, nn

from scoring.training.differences import SMOOTH_PAIRS, draw
from scoring.training.encoding import NUMBERS, columns, reference
from scoring.training.fit import TrainingSchedule, optimize
from scoring.training.graph import Nodes
from scoring.training.load import Sessions
from scoring.training.network import probability
from scoring.training.reported_inputs import Encoded, encoded, inputs
from scoring.training.split import Split
from scoring.training.tracks import UCI

ENSEMBLE, EMBEDDING, WIDTHS, DROPOUT = 4, 64, (128, 64, 32), 0.15
PACE = TrainingSchedule(rate=1e-3, decay=0.0, epochs=100, patience=10, stop="auc")


class ReportedTabM(nn.Module):  # type: ignore[misc]
    """Its diagram: an embedding of each column (d = 64), batch norm, a batch ensemble of k MLPs 128, 64, 32, the mean.

    k is 4, the size that it selected. What it leaves open: embeddings are linear, initial scalings TabM's.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, train: Sessions) -> None:
        super().__init__()
        self.inputs = encoded(inputs().fit(train.rows))
        self.register_buffer("mean", torch.tensor(self.inputs.mean, dtype=torch.float32))
        self.register_buffer("spread", torch.tensor(self.inputs.spread, dtype=torch.float32))
        self.embeddings = LinearEmbeddings(self.inputs.width, EMBEDDING)
        self.norm = nn.BatchNorm1d(self.inputs.width * EMBEDDING)
        layers: list[nn.Module] = []
        widths = (self.inputs.width * EMBEDDING, *WIDTHS)
        for place, (before, after) in enumerate(zip(widths[:-1], WIDTHS, strict=True)):
            scaling = ("random-signs", "ones") if place == 0 else "ones"
            layers += [LinearBatchEnsemble(before, after, k=ENSEMBLE, scaling_init=scaling), nn.ReLU()]
            layers.append(nn.Dropout(DROPOUT))
        self.layers = nn.Sequential(EnsembleView(k=ENSEMBLE), *layers, LinearEnsemble(WIDTHS[-1], 1, k=ENSEMBLE))

    def forward(self, rows: Tensor) -> Tensor:
        """rows: float32[batch, 17] to logits float32[batch, k]."""
        numbers = (rows[:, columns(NUMBERS)] - self.mean) / self.spread
        owners, codes = zip(*self.inputs.one_hot, strict=True)
        one_hot = (rows[:, columns(owners)] == torch.tensor(codes)).to(rows.dtype)
        embedded = self.norm(self.embeddings(torch.cat([numbers, one_hot], dim=1)).flatten(1))
        logits: Tensor = self.layers(embedded).squeeze(-1)
        return logits


@dataclass(frozen=True)
class Members:
    """Networks side by side: weights float64[k, before, after] and bias float64[k, 1, after] of each layer."""

    inputs: Encoded
    layers: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]

    def write(self, nodes: Nodes, features: str) -> str:
        values = self.inputs.write(nodes, features)
        for place, (weights, bias) in enumerate(self.layers):
            if place:
                values = nodes.add("Relu", [values], f"after_relu_{place}")
            turned = nodes.add("MatMul", [values, nodes.constant(f"weights_{place}", weights)], f"turned_{place}")
            values = nodes.add("Add", [turned, nodes.constant(f"bias_{place}", bias)], f"layer_{place}")
        members = nodes.add("Sigmoid", [values], "members")
        return nodes.add("ReduceMean", [members], "column", axes=[0], keepdims=0)


@dataclass(frozen=True)
class FittedReportedTabM:
    """The network and the session that its reasons start from."""

    network: ReportedTabM
    reference: tuple[float, ...]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n], by PyTorch."""
        return probability(self.network, rows)

    def fold(self) -> Members:
        """The same arithmetic in float64: embeddings, batch norm and the first layer are one linear layer."""
        network = self.network
        norm, embeddings = network.norm, network.embeddings
        slope = _array(norm.weight / torch.sqrt(norm.running_var + norm.eps))
        weight, bias = (_array(each).reshape(-1) * slope for each in (embeddings.weight, embeddings.bias))
        bias += _array(norm.bias) - _array(norm.running_mean) * slope
        (first, at_zero), *others = (_members(each) for each in network.layers if isinstance(each, LinearBatchEnsemble))
        by_column = (first * weight[:, None]).reshape(ENSEMBLE, -1, EMBEDDING, WIDTHS[0]).sum(axis=2)
        last = network.layers[-1]
        output = _array(last.weight), _array(last.bias)[:, None, :]
        return Members(network.inputs, ((by_column, at_zero + (bias @ first)[:, None, :]), *others, output))

    def graph(self) -> bytes:
        return draw(self.fold(), self.reference, SMOOTH_PAIRS)


def fit_tabm_as_reported(parts: Split, seed: int, epochs: int) -> FittedReportedTabM:
    """Its loop: Adam, rate 0.001, at most 100 epochs, patience 10 by the validation AUC."""
    torch.manual_seed(seed)
    network = optimize(ReportedTabM(parts.train), parts, UCI, seed, replace(PACE, epochs=epochs))
    return FittedReportedTabM(network, reference(parts.train, ()))


def _members(layer: LinearBatchEnsemble) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The batch ensemble's s ∘ (W (r ∘ x)) + b, by network."""
    before, after = _array(layer.r)[:, :, None], _array(layer.s)[:, None, :]
    return before * _array(layer.weight).T * after, _array(layer.bias)[:, None, :]


def _array(values: Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = values.detach().double().numpy()
    return array
