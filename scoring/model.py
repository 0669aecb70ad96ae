"""A model: rows of 17 features in, probabilities and signed reasons out. Knows nothing of sessions and topics."""

from typing import Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.features import CONTRACT_VERSION, NAMES
from scoring.manifest import Manifest


class Scores(Struct, frozen=True):
    """probability: float64[batch]; reasons: float32[batch, 17].

    reasons: contributions; they sum to probability - reference_probability.
    """

    probability: NDArray[np.float64]
    reasons: NDArray[np.float32]


class Model(Protocol):
    @property
    def manifest(self) -> Manifest: ...

    def score(self, rows: NDArray[np.float32]) -> Scores:
        """Score rows: float32[batch, 17] in the order of scoring.features.NAMES; raises ValueError for others."""
        ...


def check_rows(rows: NDArray[np.float32]) -> None:
    """Raise ValueError unless rows are float32[batch, 17]."""
    if rows.ndim != 2 or rows.shape[1] != len(NAMES) or rows.dtype != np.float32:
        raise ValueError(f"rows are {rows.dtype}{list(rows.shape)}, a model takes float32[batch, {len(NAMES)}]")


class ConstantModel:
    """The fake that stands for any model in tests: one probability, reasons as given."""

    def __init__(self, probability: float = 0.25, reasons: tuple[float, ...] = (0.0,) * len(NAMES)) -> None:
        self.manifest = Manifest(
            version="constant",
            threshold=0.5,
            bands=(0.2, 0.5),
            reference=(0.0,) * len(NAMES),
            reference_probability=probability - sum(reasons),
            contract_version=CONTRACT_VERSION,
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
        check_rows(rows)
        return Scores(
            np.full(len(rows), self._probability),
            np.tile(np.asarray(self._reasons, np.float32), (len(rows), 1)),
        )
