"""A model as it was learned, on a site that it was not learned from: what scored before there was a correction."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring.model import Model, Scores


class UncorrectedModel:
    """The model without its training shop, by which it is corrected, and under a name of its own, as the bands of a
    site belong to the corrected one."""

    def __init__(self, model: Model) -> None:
        manifest = model.manifest
        self.manifest = msgspec.structs.replace(
            manifest, version=f"{manifest.version}-uncorrected"[-64:], training_shop=None
        )
        self._model = model

    def score(self, rows: NDArray[np.float32]) -> Scores:
        return self._model.score(rows)
