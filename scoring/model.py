"""A model: rows of 17 features in, probabilities and signed reasons out. Knows nothing of sessions and topics."""

from typing import Literal, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.features import CONTRACT_VERSION, NAMES

Band = Literal["low", "building", "high"]
Label = Literal["YES", "NO"]


class ModelError(Exception):
    """A version that cannot score here; the message is one line that says why and what to do."""


class Manifest(Struct, frozen=True, kw_only=True):
    """What must be known of a model version beside its graph. Probabilities are compared rounded to six digits."""

    version: str
    #: The label is YES from this probability on.
    threshold: float
    #: Lower ends of the bands "building" and "high".
    bands: tuple[float, float]
    #: The reference session, 17 numbers as in a row: reasons sum to probability - reference_probability.
    reference: tuple[float, ...]
    reference_probability: float
    contract_version: int
    sha256: str
    track: str
    created_at: str
    metrics: dict[str, float]
    data_sha256: str
    code_version: str


class Scores(Struct, frozen=True):
    """probability: float64[batch]; reasons: float32[batch, 17], contributions to probability - reference."""

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


def judged(probability: float, manifest: Manifest) -> tuple[Label, Band]:
    """Label and band of a probability, which counts rounded to six digits: the last bits change with the batch."""
    building, high = manifest.bands
    rounded = round(probability, 6)
    return (
        "YES" if rounded >= manifest.threshold else "NO",
        "high" if rounded >= high else "building" if rounded >= building else "low",
    )
