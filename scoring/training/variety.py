"""Leaves out the columns in which the training sessions all have one value: nothing can be learned of them.

What a model learned of such a column would be what its weights began with. So the column counts as that one value
everywhere: in the sessions that models are fitted to and measured on, and inside the graph that is served.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from scoring.features import NAMES
from scoring.training.load import DataError, Sessions
from scoring.training.split import Split

_SEEN = "features_with_variety"


@dataclass(frozen=True)
class Variety:
    """The split with those columns at their one value; flat: that value by feature."""

    parts: Split
    flat: Mapping[str, float]

    def line(self) -> str:
        """One line that says what is left out."""
        values = ", ".join(f"{name} ({value:g})" for name, value in self.flat.items())
        return f"left out, as all training sessions have one value there: {values}"


def with_variety(parts: Split) -> Variety:
    """Find the columns without variety; raises DataError where no column has any."""
    is_flat = (parts.train.rows == parts.train.rows[0]).all(axis=0)
    # As a reference session has them, so that it has no reasons.
    first = parts.train.rows[0].round(4)
    if is_flat.all():
        raise DataError("all sessions are alike in every column: there is nothing to learn from them")
    flat = {name: float(first[place]) for place, name in enumerate(NAMES) if is_flat[place]}
    train, validation, test = (_levelled(part, is_flat, first) for part in (parts.train, parts.validation, parts.test))
    return Variety(Split(train, validation, test), flat)


def leave_out(graph: bytes, flat: Mapping[str, float]) -> bytes:
    """The same graph, to which these features always have these values; without any the very same bytes."""
    if not flat:
        return graph
    model = onnx.load_from_string(graph)
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name == "features":
                node.input[place] = _SEEN
    values = np.array([flat.get(name, 0.0) for name in NAMES], np.float32)
    model.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([name in flat for name in NAMES]), "is_left_out"),
            numpy_helper.from_array(values, "value_of_left_out"),
        ]
    )
    model.graph.node.insert(
        0, helper.make_node("Where", ["is_left_out", "value_of_left_out", "features"], [_SEEN], _SEEN)
    )
    onnx.checker.check_model(model, full_check=True)
    file: bytes = model.SerializeToString(deterministic=True)
    return file


def _levelled(part: Sessions, is_flat: NDArray[np.bool_], values: NDArray[np.float64]) -> Sessions:
    return Sessions(np.where(is_flat, values, part.rows), part.bought, part.sha256)
