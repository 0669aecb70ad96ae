"""Fits the families, calibrates each on the validation days, and chooses one that is not too expensive to run.

The chosen one is fitted again with the validation days, with what was chosen on them: settings and slope stay.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from threadpoolctl import threadpool_limits

from scoring.learning.boosting import fit_boosting
from scoring.learning.calibration import Line, calibrate, log_loss
from scoring.learning.errors import LearningError
from scoring.learning.fitted import FittedFamily
from scoring.learning.logistic import fit_logistic
from scoring.learning.network import fit_network
from scoring.learning.recalibrated import BaseModel, fit_stages
from scoring.learning.rows import LearningRows, joined
from scoring.learning.split import FEWEST_FOR_ALL, TimeSplit, split_by_time
from scoring.learning.units import UnitEncoder, front_of, reference_of
from scoring.training.export import check
from scoring.training.latency import batch_cost

Family = Literal["recalibrated", "logistic", "network", "lightgbm"]
FAMILIES: tuple[Family, ...] = get_args(Family)
#: Microseconds of a row with its reasons in batches of 64.
COST_LIMIT = 10.0
#: Runs of a batch, of which the quickest counts.
RUNS = 200
#: Rows on which graph and fitted model are compared.
COMPARED = 10_000

#: Deviations of the priors of a line: of a slope that stays, of an intercept that is free, and of one by which the
#: level of the newest days may differ.
FIXED, WIDE, RECENT = 1e-3, 5.0, 0.1

ReportLine = Callable[[str], None]


@dataclass(frozen=True)
class FittedCandidate:
    """A calibrated model of one family; loss: its validation log-loss before it saw these days; cost: microseconds of a
    row.
    """

    family: Family
    fitted: FittedFamily
    graph: bytes
    line: Line
    loss: float
    cost: float


@dataclass(frozen=True)
class LearnedModel:
    """The chosen one, all that were fitted, and the rows of each side; validated: the chosen one as it was before it
    was fitted again with the validation days.
    """

    chosen: FittedCandidate
    validated: FittedFamily
    candidates: tuple[FittedCandidate, ...]
    parts: TimeSplit
    base: BaseModel
    #: Why the best one was not chosen, "" where it was.
    limit_note: str


def learn(
    rows: LearningRows,
    base: BaseModel,
    family: Family | Literal["auto"] = "auto",
    cost_limit: float = COST_LIMIT,
    report_line: ReportLine = lambda line: None,
) -> LearnedModel:
    """Fit on the oldest rows and choose by the next ones; the newest are left for the report.

    Raises LearningError for rows that are too few, ExportError where a graph does not answer as its model.
    """
    parts = split_by_time(rows)
    purchases = rows.purchases()
    if purchases < FEWEST_FOR_ALL and family not in ("auto", "recalibrated"):
        raise LearningError(
            f"{purchases} of {rows.sessions():,} sessions bought: from {FEWEST_FOR_ALL} on {family} is offered; "
            "recalibration of the present model is offered now (--family recalibrated)"
        )
    families = FAMILIES if purchases >= FEWEST_FOR_ALL else FAMILIES[:1]
    # One thread: sums come out the same on every run.
    with threadpool_limits(1):
        candidates = _fitted(parts, base, families, report_line)
    chosen, note = _choose(candidates, family, cost_limit)
    with threadpool_limits(1):
        again = _refitted(chosen, parts)
    candidates[candidates.index(chosen)] = again
    compared = parts.validation.rows[:COMPARED].astype(np.float64)
    check(again.graph, again.fitted, compared)
    return LearnedModel(again, chosen.fitted, tuple(candidates), parts, base, note)


def _fitted(
    parts: TimeSplit, base: BaseModel, families: Sequence[Family], report_line: ReportLine
) -> list[FittedCandidate]:
    reference = reference_of(parts.train.rows)
    encoder = UnitEncoder(front_of(parts.train.rows))
    makers: dict[Family, Callable[[], FittedFamily]] = {
        "recalibrated": lambda: fit_stages(parts, base, reference),
        "logistic": lambda: fit_logistic(parts, encoder, reference),
        "network": lambda: fit_network(parts, encoder, reference),
        "lightgbm": lambda: fit_boosting(parts, reference),
    }
    candidates = []
    for name in families:
        candidate = _candidate(name, makers[name](), parts.validation)
        report_line(f"{name}: validation log-loss {candidate.loss:.5f}, {candidate.cost:.1f} µs a row")
        candidates.append(candidate)
    return candidates


def _candidate(family: Family, fitted: FittedFamily, held: LearningRows) -> FittedCandidate:
    line = calibrate(fitted.logits(held.rows), held)
    fitted = fitted.with_line(line)
    graph, rows = fitted.graph(), held.rows.astype(np.float64)
    loss = log_loss(held.bought, fitted.probability(rows), held.weights())
    return FittedCandidate(family, fitted, graph, line, loss, batch_cost(graph, rows, RUNS))


def _refitted(chosen: FittedCandidate, parts: TimeSplit) -> FittedCandidate:
    """On the training and the validation days. The slope stays that of a fit which had not seen the validation days;
    the intercept is that of all days, moved by what the validation days say for sure.
    """
    both, held = joined([parts.train, parts.validation]), parts.validation
    fitted = chosen.fitted.refitted(both)
    level = calibrate(fitted.logits(both.rows), both, Line(chosen.line.slope, 0.0), (FIXED, WIDE))
    line = calibrate(fitted.logits(held.rows), held, level, (FIXED, RECENT))
    fitted = fitted.with_line(line)
    return replace(chosen, fitted=fitted, graph=fitted.graph(), line=line)


def _choose(
    candidates: Sequence[FittedCandidate], family: Family | Literal["auto"], cost_limit: float
) -> tuple[FittedCandidate, str]:
    if family != "auto":
        return next(each for each in candidates if each.family == family), ""
    best = min(candidates, key=lambda each: each.loss)
    cheap = [each for each in candidates if each.cost <= cost_limit]
    if not cheap:
        least = min(candidates, key=lambda each: each.cost)
        raise LearningError(
            f"no family costs at most {cost_limit:g} µs a row: the least is {least.family} with {least.cost:.1f} "
            "(--cost-limit)"
        )
    chosen = min(cheap, key=lambda each: each.loss)
    if chosen is best:
        return chosen, ""
    return chosen, (
        f"{best.family} has the least validation log-loss, {best.loss:.5f}, and costs {best.cost:.1f} µs a row, more "
        f"than {cost_limit:g}; {chosen.family} has {chosen.loss:.5f}: the limit costs {chosen.loss - best.loss:.5f}"
    )
