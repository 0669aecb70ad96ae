"""TabM of the official package, as this project uses it: 17 raw features in, k logits out, by PyTorch.

Everything before the first ReLU is linear between two clips, so that it folds into one graph (tabm.py's `fold`):
log1p, a clip to the training range, piecewise-linear embeddings without activation (Gorishniy et al. 2022), one-hot
words whose unknown codes are all zeros. The batch ensemble is TabM's (Gorishniy et al. 2025).
"""

from dataclasses import dataclass

import numpy as np
import tabm
import torch
from numpy.typing import NDArray
from rtdl_num_embeddings import PiecewiseLinearEmbeddings, compute_bins
from torch import Tensor, nn

from scoring.features import NAMES
from scoring.training.encoding import NUMBERS, SCALE, TRUTH, WORDS, columns, vocabularies
from scoring.training.load import Sessions


@dataclass(frozen=True)
class Shape:
    """Chosen on the validation split and by cross-validation without the test split (docs/LOG.md)."""

    ensemble: int = 4
    width: int = 128
    bins: int = 16
    embedding: int = 16
    dropout: float = 0.1


class Network(nn.Module):  # type: ignore[misc]
    """words: the codes of each word that it knows. The bins come from the training sessions' quantiles."""

    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, train: Sessions, unknown: tuple[str, ...], shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.words = vocabularies(train, [name for name in WORDS if name not in unknown]) | {TRUTH: (1,)}
        self.register_buffer("scale", torch.tensor(SCALE[columns(NUMBERS)], dtype=torch.float32))
        logs = torch.log(torch.tensor(train.rows[:, columns(NUMBERS)], dtype=torch.float32) * self.scale + 1)
        self.edges = _edges(logs, shape.bins)
        self.register_buffer("low", torch.stack([edges[0] for edges in self.edges]))
        self.register_buffer("high", torch.stack([edges[-1] for edges in self.edges]))
        self.embeddings = PiecewiseLinearEmbeddings(self.edges, shape.embedding, activation=False, version="B")
        widths = [shape.embedding] * len(NUMBERS) + [len(codes) for codes in self.words.values()]
        self.view = tabm.EnsembleView(k=shape.ensemble)
        self.block = tabm.make_tabm_backbone(
            d_in=sum(widths),
            n_blocks=1,
            d_block=shape.width,
            dropout=shape.dropout,
            activation="ReLU",
            k=shape.ensemble,
            arch_type="tabm",
            start_scaling_init="normal",
            start_scaling_init_chunks=widths,
        )
        self.output = tabm.LinearEnsemble(shape.width, 1, k=shape.ensemble)

    def forward(self, rows: Tensor) -> Tensor:
        """rows: float32[batch, 17] to logits float32[batch, k]."""
        numbers = rows[:, columns(NUMBERS)].clamp_min(0)
        within = torch.log(numbers * self.scale + 1).clamp(self.low, self.high)
        one_hot = [
            (rows[:, NAMES.index(name), None] == torch.tensor(codes)).to(rows.dtype)
            for name, codes in self.words.items()
        ]
        inputs = torch.cat([self.embeddings(within).flatten(1), *one_hot], dim=1)
        logits: Tensor = self.output(self.block(self.view(inputs))).squeeze(-1)
        return logits


def probability(network: nn.Module, rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n]: the mean of the ensemble's probabilities."""
    network.eval()
    with torch.inference_mode():
        logits = network(torch.tensor(rows, dtype=torch.float32))
    mean: NDArray[np.float64] = torch.sigmoid(logits).mean(dim=1).double().numpy()
    return mean


def _edges(logs: Tensor, bins: int) -> list[Tensor]:
    """The bins' edges by number; one that never varies has bins beyond its only value, of which nothing is learned."""
    varied = (logs != logs[0]).any(dim=0)
    found = iter(compute_bins(logs[:, varied], bins) if varied.any() else [])
    return [
        next(found) if varied[place] else logs[0, place] + torch.tensor([0.0, 0.5, 1.0]) for place in range(len(varied))
    ]
