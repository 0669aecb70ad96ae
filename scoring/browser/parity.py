"""How a model's scores in the browser differ from those of onnxruntime, over many rows; and what is too much."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.browser.program import BrowserExportError
from scoring.browser.weights import WeightsKind
from scoring.manifest import Manifest, band_of
from scoring.model import Scores
from scoring.reasons import top

#: By how much a probability may differ, by the kind of weights.
TOLERANCE: Mapping[WeightsKind, float] = {"float16": 1e-3, "int8": 1e-2}
#: The share of rows whose top reason must be the same one.
SAME_TOP_REASON: Mapping[WeightsKind, float] = {"float16": 0.99, "int8": 0.95}


class Parity(Struct, frozen=True):
    """`other_bands`: rows in another band although no limit is as near as `max_difference`: there is no reason for it.

    `same_top_reason`: the share of rows with the same feature as their first reason.
    """

    rows: int
    max_difference: float
    other_bands: int
    same_top_reason: float


def compare(served: Scores, ours: Scores, manifest: Manifest) -> Parity:
    """The scores of the same rows by onnxruntime and by the browser's runtime."""
    difference = float(np.abs(served.probability - ours.probability).max())
    limits = np.array(manifest.bands)
    near = (np.abs(served.probability[:, None] - limits) <= difference + 1e-6).any(axis=1)
    other = np.array(
        [
            band_of(float(one), manifest.bands) != band_of(float(two), manifest.bands)
            for one, two in zip(served.probability, ours.probability, strict=True)
        ]
    )
    same: NDArray[np.bool_] = top(served.reasons, 1)[:, 0] == top(ours.reasons, 1)[:, 0]
    return Parity(len(same), difference, int((other & ~near).sum()), float(same.mean()))


def check(parity: Parity, kind: WeightsKind) -> None:
    """Raise BrowserExportError where the scores are not the served ones."""
    if not parity.max_difference <= TOLERANCE[kind]:
        raise BrowserExportError(
            f"with {kind} weights a probability differs by {parity.max_difference:.2g} from the served one "
            f"(at most {TOLERANCE[kind]:g}): {_other(kind)}"
        )
    if parity.other_bands or parity.same_top_reason < SAME_TOP_REASON[kind]:
        raise BrowserExportError(
            f"with {kind} weights {parity.other_bands} of {parity.rows:,} sessions have another band, and "
            f"{parity.same_top_reason:.1%} the same first reason (at least {SAME_TOP_REASON[kind]:.0%}): {_other(kind)}"
        )


def _other(kind: WeightsKind) -> str:
    return "export it with --weights float16" if kind == "int8" else "score it on the server"
