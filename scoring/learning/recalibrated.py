"""The model in force, recalibrated: slope and intercept of its log-odds by stage of a session, around its own graph.

A model of contract 1 stands inside a graph of contract 2 the same way; what is unknown is 0 to it, as live. What the
first day adds in log-odds (scoring/prior.py) is added here too, with weights that the site's sessions move away from
that prior; and to a model of another shop, what holds there alone is as in its reference session. The site's level of
page statistics, by which the first day scales rates, is left out: it moves, and a graph does not.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import compose

from scoring.contracts import SESSION, Contract, contract
from scoring.features import NAMES, VISITOR_CODES
from scoring.learning.calibration import Line, calibrate, logistic_with_prior, sigmoid
from scoring.learning.rows import LearningRows
from scoring.learning.split import TimeSplit
from scoring.manifest import Manifest
from scoring.onnx import session
from scoring.prior import EVENTS, EVIDENCE, OF_ONE_SHOP, SLOPE, evidence_weights
from scoring.training.graph import Nodes, file_of, outputs
from scoring.training.heads import write_sigmoid_slopes

#: Deviations of the priors: of the slope for all stages together around 1, or SLOPE for a model of another shop; of the
#: intercept around 0; of the evidence around what the first day adds, or 0 for a model of the site's own.
SLOPE_DEVIATION, INTERCEPT_DEVIATION, EVIDENCE_DEVIATION = 0.3, 5.0, 0.5
#: The model's probabilities are not nearer to 0 and 1 than this, and this near to the reference the tangent counts.
LEAST, NEAR = 1e-6, 1e-5
PREFIX = "present."
#: Rows that the model scores at a time.
BLOCK = 4_096
_EVENTS, _SESSIONS, _PURCHASES, _CART, _CHECKOUT = map(SESSION.names.index, ("events", *EVIDENCE))
_VISITOR, _RETURNING = NAMES.index("VisitorType"), float(VISITOR_CODES["Returning_Visitor"])


class BaseModel(NamedTuple):
    """The model in force: what is known of it, its graph, and whether it was learned from another shop."""

    manifest: Manifest
    graph: bytes
    is_foreign: bool = False


@dataclass(frozen=True)
class FittedStages:
    """slopes, intercepts: float64[stages], by number of events from prior.EVENTS on; evidence: float64[EVIDENCE]."""

    base: BaseModel
    slopes: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    evidence: NDArray[np.float64]
    reference: tuple[float, ...]
    settings: dict[str, float]

    def logits(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        stages = _stages(rows)
        logits: NDArray[np.float64] = self.slopes[stages] * base_logits(self.base, rows) + self.intercepts[stages]
        return (logits + evidence_of(rows) @ self.evidence)[:, None]

    def probability(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return sigmoid(self.logits(rows.astype(np.float32)))[:, 0]

    def refitted(self, rows: LearningRows) -> Self:
        slopes, intercepts, evidence = _lines(self.base, rows)
        return replace(self, slopes=slopes, intercepts=intercepts, evidence=evidence)

    def with_line(self, line: Line) -> Self:
        intercepts = self.intercepts * line.slope + line.intercept
        return replace(
            self, slopes=self.slopes * line.slope, intercepts=intercepts, evidence=self.evidence * line.slope
        )

    def graph(self) -> bytes:
        own, nodes = compose.add_prefix(onnx.load_from_string(self.base.graph), PREFIX), Nodes()
        made_for = contract(self.base.manifest.contract_version)
        _write_input(nodes, made_for, self.base)
        nodes.operators += own.graph.node
        nodes.constants += own.graph.initializer
        given = nodes.add("Unsqueeze", [f"{PREFIX}probability", nodes.constant("last", [1], np.int64)], "given")
        given_logit = _write_logit(nodes, given)
        slope, intercept = self._write_lines(nodes)
        known = _write_evidence(nodes)
        added = nodes.add("MatMul", [known, nodes.constant("evidence_weights", self.evidence[:, None])], "added")
        sloped = nodes.add("Mul", [given_logit, slope], "sloped")
        logit = nodes.add("Add", [nodes.add("Add", [sloped, intercept], "line"), added], "logit")
        made = nodes.add("Sigmoid", [logit], "made")
        nodes.add("Squeeze", [made, "last"], "probability")
        self._write_reasons(nodes, made_for, (given, given_logit), (slope, intercept), known)
        return file_of(nodes, outputs(SESSION), list(own.functions), SESSION)

    def _write_reasons(
        self, nodes: Nodes, made_for: Contract, base: tuple[str, str], line: tuple[str, str], known: str
    ) -> None:
        """What moves the log-odds away from the reference's, by feature, times the slope of the sigmoid's secant."""
        (given, given_logit), (slope, intercept) = base, line
        row = np.array([self.reference], np.float32)
        stage, at = int(_stages(row)[0]), float(base_logits(self.base, row)[0])
        start = self.logits(row)[0]
        secant = write_sigmoid_slopes(nodes, "logit", "made", start)
        # The model's own reasons, from its probability to its log-odds.
        probability = float(_scored(self.base, row)[0])
        away = nodes.add("Sub", [given, nodes.constant("base_reference", probability)], "base_away")
        near = nodes.add("Less", [nodes.add("Abs", [away], "base_distance"), nodes.constant("closest", NEAR)], "close")
        rise = nodes.add("Sub", [given_logit, nodes.constant("base_reference_logit", at)], "base_rise")
        clipped = min(max(probability, LEAST), 1 - LEAST)
        steep = nodes.constant("steep", 1 / (clipped * (1 - clipped)))
        by_probability = nodes.add("Where", [near, steep, nodes.add("Div", [rise, away], "base_secant")], "of_base")
        factor = nodes.add("Mul", [by_probability, slope], "base_factor")
        scaled = nodes.add("Mul", [f"{PREFIX}reasons", factor], "scaled_reasons")
        places = nodes.constant("places", np.eye(len(made_for.names), len(SESSION.names)))
        moved = [nodes.add("MatMul", [scaled, places], "of_features")]
        # The stage: its line at the reference's log-odds.
        at_stage = nodes.add("Add", [nodes.add("Mul", [slope, "base_reference_logit"], "stage_slope"), intercept], "at")
        level = nodes.constant("reference_line", self.slopes[stage] * at + self.intercepts[stage])
        of_stage = nodes.add("Sub", [at_stage, level], "of_stage")
        identity = np.eye(len(SESSION.names))
        moved.append(nodes.add("MatMul", [of_stage, nodes.constant("stage_place", identity[[_EVENTS]])], "of_events"))
        new = nodes.add("Sub", [known, nodes.constant("reference_evidence", evidence_of(row))], "new_evidence")
        rows = identity[[_SESSIONS, _PURCHASES, _CART, _CHECKOUT]] * self.evidence[:, None]
        moved.append(nodes.add("MatMul", [new, nodes.constant("evidence_places", rows)], "of_evidence"))
        nodes.add("Mul", [nodes.add("Sum", moved, "moved"), secant], "reasons")

    def _write_lines(self, nodes: Nodes) -> tuple[str, str]:
        """Slope and intercept of the session's stage, float[batch, 1] each."""
        counted = _write_column(nodes, _EVENTS)
        reached = nodes.add("GreaterOrEqual", [counted, nodes.constant("stages", [EVENTS[1:]])], "reached")
        steps = nodes.add("Cast", [reached], "steps", to=onnx.TensorProto.FLOAT)
        found = []
        for name, values in (("slope", self.slopes), ("intercept", self.intercepts)):
            rises = nodes.constant(f"{name}_rises", np.diff(values)[:, None])
            found.append(nodes.add("Gemm", [steps, rises, nodes.constant(f"first_{name}", [values[0]])], name))
        return found[0], found[1]


def fit_stages(parts: TimeSplit, base: BaseModel, reference: tuple[float, ...]) -> FittedStages:
    """On the training days; of a model of contract 1, `reference` says what its own reference session does not."""
    own = base.manifest.reference_row
    whole = (*own, *reference[len(own) :])
    return FittedStages(base, *_lines(base, parts.train), whole, {"stages": len(EVENTS)})


def _lines(base: BaseModel, rows: LearningRows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """One line and the evidence for all stages, and from that line one for each stage: slopes, intercepts, evidence."""
    logits, stages, known = base_logits(base, rows.rows), _stages(rows.rows), evidence_of(rows.rows)
    rate = np.average(rows.bought, weights=rows.weights())
    expected = evidence_weights(np.array([rate]))[0] if base.is_foreign else np.zeros(len(EVIDENCE))
    means = np.array([SLOPE if base.is_foreign else 1.0, 0.0, *expected])
    deviations = np.array([SLOPE_DEVIATION, INTERCEPT_DEVIATION, *[EVIDENCE_DEVIATION] * len(EVIDENCE)])
    fitted = logistic_with_prior(np.column_stack([logits, np.ones(len(logits)), known]), rows, means, deviations)
    whole, evidence = Line(float(fitted[0]), float(fitted[1])), fitted[2:]
    lines = []
    for each in range(len(EVENTS)):
        at, offset = stages == each, (known @ evidence)[:, None]
        lines.append(calibrate(logits[at, None], rows.take(at), whole, offset=offset[at]) if at.any() else whole)
    slopes, intercepts = np.array(lines).T
    return slopes, intercepts, evidence


def base_logits(base: BaseModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[n]: the model's own log-odds of rows of contract 2."""
    probability = np.clip(_scored(base, rows), LEAST, 1 - LEAST)
    logits: NDArray[np.float64] = np.log(probability / (1 - probability))
    return logits


def evidence_of(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[n, EVIDENCE]: 1 where a row has it. A cart of which nobody knows the quantity is a cart."""
    before, cart = rows[:, _SESSIONS], rows[:, _CART]
    returning = np.where(np.isnan(before), rows[:, _VISITOR] == _RETURNING, before > 0)
    has_cart = (cart != 0) & ~np.isnan(rows[:, _EVENTS])
    return np.column_stack([returning, rows[:, _PURCHASES] > 0, has_cart, rows[:, _CHECKOUT] > 0]).astype(np.float64)


def _scored(base: BaseModel, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    made_for, runs = contract(base.manifest.contract_version), session(base.graph)
    if made_for is not SESSION:
        rows = np.nan_to_num(rows[:, : len(made_for.names)], nan=0.0)
    if base.is_foreign:
        rows = rows.copy()
        rows[:, OF_ONE_SHOP] = np.array(base.manifest.reference_row[OF_ONE_SHOP], np.float32)
    parts = [
        runs.run(["probability"], {"features": rows[start : start + BLOCK]})[0] for start in range(0, len(rows), BLOCK)
    ]
    return np.concatenate(parts).astype(np.float64)


def _stages(rows: NDArray[np.float32]) -> NDArray[np.intp]:
    events = np.nan_to_num(rows[:, _EVENTS], nan=0.0)
    stages: NDArray[np.intp] = np.searchsorted(EVENTS, events, "right") - 1
    return np.maximum(stages, 0)


def _write_input(nodes: Nodes, made_for: Contract, base: BaseModel) -> None:
    """What the embedded graph takes of the row."""
    given, columns = "features", len(made_for.names)
    if made_for is not SESSION:
        ends = [nodes.constant(name, [at], np.int64) for name, at in (("begin", 0), ("end", columns), ("axis", 1))]
        own = nodes.add("Slice", [given, *ends], "own_features")
        unknown = nodes.add("IsNaN", [own], "own_unknown")
        given = nodes.add("Where", [unknown, nodes.constant("known_as", 0.0), own], "known_features")
    if base.is_foreign:
        is_foreign = np.zeros(columns, np.bool_)
        is_foreign[OF_ONE_SHOP] = True
        usual = nodes.constant("usual", base.manifest.reference_row)
        given = nodes.add("Where", [nodes.constant("is_foreign", is_foreign, np.bool_), usual, given], "own_shop")
    nodes.add("Identity", [given], f"{PREFIX}features")


def _write_column(nodes: Nodes, place: int) -> str:
    """One column of the row, float[batch, 1]."""
    at = nodes.constant(f"place_{place}", [place], np.int64)
    return nodes.add("Gather", ["features", at], f"column_{place}", axis=1)


def _write_evidence(nodes: Nodes) -> str:
    """See evidence_of."""
    nothing = nodes.constant("nothing", 0.0)
    before, visitor = _write_column(nodes, _SESSIONS), _write_column(nodes, _VISITOR)
    comes_again = nodes.add("Equal", [visitor, nodes.constant("returning", _RETURNING)], "comes_again")
    counted = nodes.add("Greater", [before, nothing], "came_before")
    uncounted = nodes.add("And", [nodes.add("IsNaN", [before], "uncounted"), comes_again], "came_again")
    returning = nodes.add("Or", [uncounted, counted], "is_returning")
    is_empty = nodes.add("Equal", [_write_column(nodes, _CART), nothing], "is_empty")
    is_older = nodes.add("IsNaN", [f"column_{_EVENTS}"], "is_older")
    has_cart = nodes.add("Not", [nodes.add("Or", [is_empty, is_older], "without_cart")], "has_cart")
    rest = [
        nodes.add("Greater", [_write_column(nodes, place), nothing], name)
        for place, name in ((_PURCHASES, "is_customer"), (_CHECKOUT, "in_checkout"))
    ]
    together = nodes.add("Concat", [returning, rest[0], has_cart, rest[1]], "evidence", axis=1)
    return nodes.add("Cast", [together], "known_evidence", to=onnx.TensorProto.FLOAT)


def _write_logit(nodes: Nodes, probability: str) -> str:
    ends = nodes.constant("least", LEAST), nodes.constant("most", 1 - LEAST)
    clipped = nodes.add("Clip", [probability, *ends], "clipped")
    other = nodes.add("Sub", [nodes.constant("whole", 1.0), clipped], "other")
    return nodes.add("Log", [nodes.add("Div", [clipped, other], "odds")], "given_logit")
