"""What is known of a model beside its graph, and what a probability means by it; needs no numpy."""

from math import nan
from typing import Literal

from msgspec import Struct

from scoring.errors import ScoringError

Band = Literal["low", "building", "high"]
Label = Literal["YES", "NO"]


class ModelError(ScoringError):
    """A version that cannot score here; the message is one line that says why and what to do."""


class TrainingShop(Struct, frozen=True, kw_only=True):
    """The shop that a model was learned from, and its mean page statistics.

    `site` is that shop's name where it is a site of this installation.
    """

    #: Mean log-odds that the model gives to beginnings of sessions, without page statistics and with them.
    level: float
    level_with_statistics: float
    bounce_rate: float
    exit_rate: float
    page_value: float
    site: str = ""


class FittedWindow(Struct, frozen=True, kw_only=True):
    """The sessions that a model was fitted, tuned and calibrated on: opened from `since` to before `until`, ms UTC.

    Days that only tested it lie outside. `site` is theirs, empty: several sites'.
    """

    since: int
    until: int
    site: str = ""


class Manifest(Struct, frozen=True, kw_only=True):
    """What must be known of a model version beside its graph. Probabilities are compared rounded to six digits."""

    version: str
    #: The label is YES from this probability on.
    threshold: float
    #: Lower ends of the bands "building" and "high".
    bands: tuple[float, float]
    #: The reference session, numbers as in a row of its contract: reasons sum to probability - reference_probability.
    #: None where it is unknown.
    reference: tuple[float | None, ...]
    reference_probability: float
    #: The number of its feature contract.
    contract_version: int
    sha256: str
    track: str
    created_at: str
    metrics: dict[str, float]
    data_sha256: str
    code_version: str
    #: Of a model that may score other sites than it was learned from: scoring/prior.py corrects it there.
    training_shop: TrainingShop | None = None
    #: None where it is not known, as of versions before there was this field.
    fitted_on: FittedWindow | None = None

    @property
    def reference_row(self) -> tuple[float, ...]:
        """The reference session as a row of its contract; unknown is NaN, which JSON cannot write."""
        return tuple([nan if value is None else value for value in self.reference])


def classify(probability: float, manifest: Manifest) -> tuple[Label, Band]:
    """Label and band of a probability by the model's own threshold and bands."""
    return label_of(probability, manifest.threshold), band_of(probability, manifest.bands)


def label_of(probability: float, threshold: float) -> Label:
    """A probability counts rounded to six digits: the last bits change with the batch."""
    return "YES" if round(probability, 6) >= threshold else "NO"


def band_of(probability: float, limits: tuple[float, float]) -> Band:
    """The band by the lower ends of "building" and "high", rounded as for the label."""
    return band_of_rounded(round(probability, 6), limits)


def band_of_rounded(rounded: float, limits: tuple[float, float]) -> Band:
    """The band of a probability that is rounded to six digits."""
    building, high = limits
    return "high" if rounded >= high else "building" if rounded >= building else "low"
