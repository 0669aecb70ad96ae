"""The model in force, recalibrated: slope and intercept of its log-odds by stage of a session, around its own graph.

A model of contract 1 stands inside a graph of contract 2 the same way; what is unknown is 0 to it, as live. Its own
log-odds are taken, not those that the first day corrects: that correction follows the site's statistics as they move.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose

from scoring.contracts import SESSION, Contract, contract
from scoring.learning.calibration import Line, calibrate, sigmoid
from scoring.learning.rows import LearningRows
from scoring.learning.split import TimeSplit
from scoring.manifest import Manifest
from scoring.onnx import session
from scoring.prior import EVENTS
from scoring.training.graph import Nodes, file_of, outputs

#: Of the prior around a slope of 1 and an intercept of 0 for all stages together; the prior of one stage is that line.
SLOPE_DEVIATION, INTERCEPT_DEVIATION = 1.0, 5.0
#: The model's probabilities are not nearer to 0 and 1 than this, and this near to the reference the tangent counts.
LEAST, NEAR = 1e-6, 1e-5
PREFIX = "base_"
_STAGE = SESSION.names.index("events")
#: Rows that the model scores at a time.
BLOCK = 4_096


class BaseModel(NamedTuple):
    """The model in force: what is known of it, and its graph."""

    manifest: Manifest
    graph: bytes


@dataclass(frozen=True)
class FittedStages:
    """slopes, intercepts: float64[stages], by the number of events from prior.EVENTS on."""

    base: BaseModel
    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    reference: tuple[float, ...]
    settings: dict[str, float]

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        stages = _stages(rows)
        logits: NDArray[np.float64] = self.slopes[stages] * base_logits(self.base, rows) + self.intercepts[stages]
        return logits[:, None]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return sigmoid(self.logits(rows.astype(np.float32)))[:, 0]

    def refitted(self, rows: LearningRows) -> Self:
        slopes, intercepts = _lines(self.base, rows)
        return replace(self, slopes=slopes, intercepts=intercepts)

    def with_line(self, line: Line) -> Self:
        return replace(self, slopes=self.slopes * line.slope, intercepts=self.intercepts * line.slope + line.intercept)

    def graph(self) -> bytes:
        own, nodes = compose.add_prefix(onnx.load_from_string(self.base.graph), PREFIX), Nodes()
        made_for = contract(self.base.manifest.contract_version)
        _write_input(nodes, made_for)
        nodes.operators += own.graph.node
        nodes.constants += own.graph.initializer
        column = nodes.constant("as_column", [-1, 1], np.int64)
        given = nodes.add("Reshape", [f"{PREFIX}probability", column], "given")
        slope, intercept = self._write_lines(nodes, column)
        p = float(_scored(self.base, np.array([self.reference], np.float32))[0])
        at_reference = float(np.log(_clipped(p) / (1 - _clipped(p))))
        line = nodes.add("Add", [nodes.add("Mul", [_write_logit(nodes, given), slope], "sloped"), intercept], "line")
        made = nodes.add("Sigmoid", [line], "made")
        nodes.add("Squeeze", [made, nodes.constant("last", [1], np.int64)], "probability")
        # From the reference's own stage to the session's, and there from its probability to the session's.
        moved_line = nodes.add(
            "Add",
            [nodes.add("Mul", [slope, nodes.constant("reference_logit", at_reference)], "sloped_reference"), intercept],
            "moved_line",
        )
        moved = nodes.add("Sigmoid", [moved_line], "moved")
        own_stage = int(_stages(np.array([self.reference], np.float32))[0])
        start = sigmoid(np.array(self.slopes[own_stage] * at_reference + self.intercepts[own_stage]))
        of_stage = nodes.add("Sub", [moved, nodes.constant("start", start)], "of_stage")
        secant = self._write_secant(nodes, given, made, moved, slope, p)
        scaled = nodes.add("Mul", [f"{PREFIX}reasons", secant], "scaled_reasons")
        places = nodes.constant("places", np.eye(len(made_for.names), len(SESSION.names)))
        stage_place = nodes.constant("stage_place", np.eye(len(SESSION.names))[[_STAGE]])
        nodes.add(
            "Add",
            [
                nodes.add("MatMul", [scaled, places], "of_features"),
                nodes.add("MatMul", [of_stage, stage_place], "of_events"),
            ],
            "reasons",
        )
        return file_of(nodes, outputs(SESSION), list(own.functions), SESSION)

    def _write_lines(self, nodes: Nodes, column: str) -> tuple[str, str]:
        """Slope and intercept of the session's stage, float[batch, 1] each."""
        events = nodes.add("Gather", ["features", nodes.constant("events_place", _STAGE, np.int64)], "events", axis=1)
        counted = nodes.add("Reshape", [events, column], "counted")
        reached = nodes.add("GreaterOrEqual", [counted, nodes.constant("stages", [EVENTS[1:]])], "reached")
        steps = nodes.add("Cast", [reached], "steps", to=onnx.TensorProto.FLOAT)
        found = []
        for name, values in (("slope", self.slopes), ("intercept", self.intercepts)):
            rises = nodes.constant(f"{name}_rises", np.diff(values)[:, None])
            first = nodes.constant(f"first_{name}", [values[0]])
            found.append(nodes.add("Gemm", [steps, rises, first], name))
        return found[0], found[1]

    def _write_secant(self, nodes: Nodes, given: str, made: str, moved: str, slope: str, reference: float) -> str:
        """By what a contribution to the model's probability is multiplied."""
        away = nodes.add("Sub", [given, nodes.constant("reference_probability", reference)], "away")
        near = nodes.add("Less", [nodes.add("Abs", [away], "distance"), nodes.constant("near_distance", NEAR)], "near")
        rise = nodes.add("Sub", [made, moved], "rise")
        flat = nodes.add("Sub", [nodes.constant("one", 1.0), moved], "flat")
        tangent = nodes.add("Mul", [nodes.add("Mul", [moved, flat], "curve"), slope], "curved")
        steep = nodes.constant("steep", 1 / (_clipped(reference) * (1 - _clipped(reference))))
        tangent = nodes.add("Mul", [tangent, steep], "tangent")
        return nodes.add("Where", [near, tangent, nodes.add("Div", [rise, away], "secant")], "factor")


def fit_stages(parts: TimeSplit, base: BaseModel, reference: tuple[float, ...]) -> FittedStages:
    """On the training days; of a model of contract 1, `reference` says what its own reference session does not."""
    slopes, intercepts = _lines(base, parts.train)
    own = base.manifest.reference_row
    return FittedStages(base, slopes, intercepts, (*own, *reference[len(own) :]), {"stages": len(EVENTS)})


def _lines(base: BaseModel, rows: LearningRows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One line for all stages, and from it one for each stage: their slopes and intercepts."""
    logits, stages = base_logits(base, rows.rows)[:, None], _stages(rows.rows)
    whole = calibrate(logits, rows, deviations=(SLOPE_DEVIATION, INTERCEPT_DEVIATION))
    lines = [
        calibrate(logits[stages == each], rows.take(stages == each), whole) if (stages == each).any() else whole
        for each in range(len(EVENTS))
    ]
    slopes, intercepts = np.array(lines).T
    return slopes, intercepts


def base_logits(base: BaseModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[n]: the model's own log-odds of rows of contract 2."""
    probability = np.clip(_scored(base, rows), LEAST, 1 - LEAST)
    logits: NDArray[np.float64] = np.log(probability / (1 - probability))
    return logits


def _scored(base: BaseModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    made_for, runs = contract(base.manifest.contract_version), session(base.graph)
    if made_for is not SESSION:
        rows = np.nan_to_num(rows[:, : len(made_for.names)], nan=0.0)
    parts = [
        runs.run(["probability"], {"features": rows[start : start + BLOCK]})[0] for start in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(parts).astype(np.float64)


def _stages(rows: NDArray[np.float32]) -> NDArray[np.intp]:
    events = np.nan_to_num(rows[:, _STAGE], nan=0.0)
    stages: NDArray[np.intp] = np.searchsorted(EVENTS, events, "right") - 1
    return np.maximum(stages, 0)


def _clipped(probability: float) -> float:
    return min(max(probability, LEAST), 1 - LEAST)


def _write_input(nodes: Nodes, made_for: Contract) -> None:
    """What the embedded graph takes of the row."""
    if made_for is SESSION:
        nodes.add("Identity", ["features"], f"{PREFIX}features")
        return
    ends = [
        nodes.constant(f"slice_{at}", [value], np.int64)
        for at, value in (("begin", 0), ("end", len(made_for.names)), ("axis", 1))
    ]
    own = nodes.add("Slice", ["features", *ends], "own_features")
    unknown = nodes.add("IsNaN", [own], "own_unknown")
    nodes.add("Where", [unknown, nodes.constant("known_as", 0.0), own], f"{PREFIX}features")


def _write_logit(nodes: Nodes, probability: str) -> str:
    ends = nodes.constant("least", LEAST), nodes.constant("most", 1 - LEAST)
    clipped = nodes.add("Clip", [probability, *ends], "clipped")
    other = nodes.add("Sub", [nodes.constant("whole", 1.0), clipped], "other")
    return nodes.add("Log", [nodes.add("Div", [clipped, other], "odds")], "given_logit")
