"""A model: rows of features in, probabilities and signed reasons out. Knows nothing of sessions and topics."""

from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.contracts import UCI, Contract, contract
from scoring.manifest import Manifest


class Scores(Struct, frozen=True):
    """probability: float64[batch]; reasons: float32[batch, columns of the contract].

    reasons: contributions; they sum to probability - reference_probability.
    """

    probability: NDArray[np.float64]
    reasons: NDArray[np.float32]


class Model(Protocol):
    @property
    def manifest(self) -> Manifest: ...

    def score(self, rows: NDArray[np.float32]) -> Scores:
        """Score rows, float32[batch, columns] in the order of the contract's names; raises ValueError for others."""
        ...


def contract_of(model: Model) -> Contract:
    """The contract that the model was made for; raises ContractError for one that this program does not know."""
    return contract(model.manifest.contract_version)


def check_rows(rows: NDArray[np.float32], columns: int) -> None:
    """Raise ValueError unless rows are float32[batch, columns]."""
    if rows.ndim != 2 or rows.shape[1] != columns or rows.dtype != np.float32:
        raise ValueError(f"rows are {rows.dtype}{list(rows.shape)}, the model takes float32[batch, {columns}]")


class ConstantModel:
    """The fake that stands for any model in tests: one probability, reasons as given, else none."""

    def __init__(self, probability: float = 0.25, reasons: tuple[float, ...] = (), made_for: Contract = UCI) -> None:
        columns = len(made_for.names)
        reasons = reasons or (0.0,) * columns
        self.manifest = Manifest(
            version="constant",
            threshold=0.5,
            bands=(0.2, 0.5),
            reference=(0.0,) * columns,
            reference_probability=probability - sum(reasons),
            contract_version=made_for.number,
            sha256="",
            track="none",
            created_at="",
            metrics={},
            data_sha256="",
            code_version="",
        )
        self._probability = probability
        self._reasons = reasons

    def score(self, rows: NDArray[np.float32]) -> Scores:
        check_rows(rows, len(self._reasons))
        return Scores(
            np.full(len(rows), self._probability),
            np.tile(np.asarray(self._reasons, np.float32), (len(rows), 1)),
        )
