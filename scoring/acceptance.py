"""Tries a model before it scores anything: the reference session as its manifest says it, and a few others."""

from math import nan

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import Contract
from scoring.features import NAMES
from scoring.manifest import Manifest, ModelError
from scoring.model import Model, contract_of

#: How far the graph may be from its manifest: six digits count, and other processors round the last bits otherwise.
REFERENCE_TOLERANCE = 1e-4
#: How far the reasons of a session may be from adding up.
SUM_TOLERANCE = 1e-3

#: Sessions that are as unlike as sessions can be, by the seventeen features: an empty one, a short one, a long one with
#: a value.
_OTHERS = (
    (0.0,) * len(NAMES),
    (0, 0, 0, 0, 1, 0, 0.2, 0.2, 0, 0, 2, 1, 1, 1, 1, 1, 0),
    (27, 3_400, 24, 2_550, 705, 64_000, 0, 0.005, 360, 1, 11, 8, 13, 9, 20, 3, 1),
)


class UnfitModelError(ModelError):
    """The graph does not answer as a model does, or not as its manifest says."""


def accept(model: Model) -> None:
    """Run the model on its reference session alone and on several sessions at once.

    Raises UnfitModelError with what is wrong: a shape, an output that is no probability, a reference that is another
    than the manifest's, reasons that do not add up.
    """
    manifest = model.manifest
    _check_manifest(manifest)
    [alone], [reasons] = _run(model, (manifest.reference_row,))
    if not abs(alone - manifest.reference_probability) <= REFERENCE_TOLERANCE:
        raise UnfitModelError(
            f"it gives the reference session {alone:.6g}, its manifest says {manifest.reference_probability:.6g}"
        )
    if not np.abs(reasons).max() <= REFERENCE_TOLERANCE:
        raise UnfitModelError("it gives reasons for the reference session, which has none by definition")
    rows = (*_others(contract_of(model)), manifest.reference_row)
    probabilities, reasons = _run(model, rows)
    if not abs(probabilities[-1] - alone) <= REFERENCE_TOLERANCE:
        raise UnfitModelError("it gives the reference session another probability beside other sessions than alone")
    off = np.abs(reasons.astype(np.float64).sum(axis=1) - (probabilities - manifest.reference_probability)).max()
    if not off <= SUM_TOLERANCE:
        raise UnfitModelError(f"its reasons are {off:.2g} away from adding up to probability - reference probability")


def _others(made_for: Contract) -> tuple[tuple[float, ...], ...]:
    """The sessions as rows; of what a contract has beside the seventeen, nothing, everything and no value is known."""
    more = len(made_for.names) - len(NAMES)
    if not more:
        return _OTHERS
    unknown = (nan,) * len(NAMES)
    return (*(row + (tail,) * more for row in _OTHERS for tail in (nan, 0.0, 1e6)), unknown + (nan,) * more)


def _check_manifest(manifest: Manifest) -> None:
    building, high = manifest.bands
    shares = {"threshold": manifest.threshold, "reference_probability": manifest.reference_probability}
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise UnfitModelError(f"its manifest has {name} {share:.6g}, which is no probability")
    if not 0 <= building <= high <= 1:
        raise UnfitModelError(
            f"its manifest has bands from {building:.6g} and {high:.6g}, which do not rise from 0 to 1"
        )


def _run(model: Model, sessions: tuple[tuple[float, ...], ...]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Probabilities and reasons, of the shapes and values that a model gives."""
    rows = np.array(sessions, np.float32)
    try:
        scores = model.score(rows)
    except Exception as error:  # onnxruntime's exceptions share no base class but this one
        raise UnfitModelError(f"it does not run on {len(rows)} sessions: {str(error).splitlines()[0][:200]}") from error
    probability, reasons = scores.probability, scores.reasons
    if probability.shape != (len(rows),):
        raise UnfitModelError(f"its probability has the shape {list(probability.shape)} for {len(rows)} sessions")
    if reasons.shape != rows.shape:
        raise UnfitModelError(f"its reasons have the shape {list(reasons.shape)} for {len(rows)} sessions")
    wrong = probability[~((probability >= 0) & (probability <= 1))]
    if wrong.size:
        raise UnfitModelError(f"it gives {wrong[0]:g} where a probability is from 0 to 1")
    if not np.isfinite(reasons).all():
        raise UnfitModelError("it gives reasons that are no numbers")
    return probability, reasons
