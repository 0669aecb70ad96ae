"""Fits a network to a track's training split, stopping where the validation split's log-loss stops falling."""

import copy
import hashlib
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import log_loss, roc_auc_score
from torch import nn

from scoring.training.encoding import columns, reference
from scoring.training.fold import fold
from scoring.training.graph import Front, build
from scoring.training.heads import EnsembleHead
from scoring.training.load import Sessions
from scoring.training.network import Network, Shape, probability
from scoring.training.split import Split
from scoring.training.tracks import Track
from scoring.training.truncate import Shares, beginnings

Fitted = TypeVar("Fitted", bound=nn.Module)


@dataclass(frozen=True)
class TrainingSchedule:
    """Chosen on the validation split and by cross-validation without the test split (docs/LOG.md)."""

    rate: float = 2e-3
    decay: float = 3e-4
    batch: int = 256
    epochs: int = 200
    #: Epochs without a better validation figure after which it stops.
    patience: int = 16
    stop: Literal["log_loss", "auc"] = "log_loss"


#: A few steps, for tests: the whole way, not the accuracy.
QUICK = TrainingSchedule(rate=5e-3, epochs=6)
#: Drawings of beginnings of each validation session that a live track stops by.
VALIDATION_DRAWINGS = 4


@dataclass(frozen=True)
class FittedTabM:
    """A network and its reference session."""

    network: Network
    reference: tuple[float, ...]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[n]: the probability that each session buys, by PyTorch."""
        return probability(self.network, rows)

    def fold(self) -> tuple[Front, EnsembleHead]:
        return fold(self.network)

    def graph(self) -> bytes:
        return build(*self.fold(), np.array(self.reference))


def fit_tabm(
    parts: Split, track: Track, seed: int, shape: Shape | None = None, pace: TrainingSchedule | None = None
) -> FittedTabM:
    """The network with its best weights; the same sessions, seed and machine give the same weights."""
    torch.manual_seed(seed)
    network = Network(known(parts.train, track), track.unknown, shape or Shape())
    return FittedTabM(
        optimize(network, parts, track, seed, pace or TrainingSchedule()), reference(parts.train, track.unknown)
    )


def optimize(network: Fitted, parts: Split, track: Track, seed: int, pace: TrainingSchedule) -> Fitted:
    """Train by AdamW on the mean loss of the ensemble's members, and go back to the best epoch."""
    # the sums of several threads would come out in another order each time
    torch.set_num_threads(1)
    draw = np.random.default_rng(seed)
    held = _held(known(parts.validation, track), track)
    train = known(parts.train, track)
    bought = torch.tensor(train.bought, dtype=torch.float32)[:, None]
    optimizer = torch.optim.AdamW(network.parameters(), lr=pace.rate, weight_decay=pace.decay)
    best, least, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
    for _ in range(pace.epochs):
        rows = _drawn(train.rows, track, draw)
        network.train()
        for batch in torch.randperm(len(rows)).split(pace.batch):
            logits = network(rows[batch])
            loss = nn.functional.binary_cross_entropy_with_logits(logits, bought[batch].expand_as(logits))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        predicted = probability(network, held.rows)
        now = float(
            log_loss(held.bought, predicted) if pace.stop == "log_loss" else -roc_auc_score(held.bought, predicted)
        )
        if now < least:
            best, least, waited = copy.deepcopy(network.state_dict()), now, 0
        else:
            waited += 1
        if waited >= pace.patience:
            break
    network.load_state_dict(best)
    network.eval()
    return network


def weights_sha256(network: nn.Module) -> str:
    """The hash of all weights in the order of their names."""
    whole = hashlib.sha256()
    for name, values in sorted(network.state_dict().items()):
        whole.update(name.encode())
        whole.update(values.contiguous().numpy().tobytes())
    return whole.hexdigest()


def known(sessions: Sessions, track: Track) -> Sessions:
    """The sessions as a model of this track sees them: what it may not know is 0, unknown."""
    rows = sessions.rows.copy()
    rows[:, columns(track.unknown)] = 0
    return Sessions(rows, sessions.bought, sessions.sha256)


def _drawn(rows: NDArray[np.float64], track: Track, draw: np.random.Generator) -> torch.Tensor:
    seen = beginnings(rows, Shares(), draw) if track.beginnings else rows
    return torch.tensor(seen, dtype=torch.float32)


def _held(validation: Sessions, track: Track) -> Sessions:
    """The validation sessions, for a live track as several drawings of their beginnings, the same for every seed."""
    if not track.beginnings:
        return validation
    draw = np.random.default_rng(0)
    drawings = [beginnings(validation.rows, Shares(), draw) for _ in range(VALIDATION_DRAWINGS)]
    return Sessions(np.vstack(drawings), np.tile(validation.bought, VALIDATION_DRAWINGS), validation.sha256)
