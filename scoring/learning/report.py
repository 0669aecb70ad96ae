"""The report of what was learned, as one HTML file that needs nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import SESSION
from scoring.learning import boosting, figures, network
from scoring.learning.choose import LearnedModel
from scoring.learning.curve import CurvePoint
from scoring.learning.figures import EventScores, MeasuredFigure, calibration_bins, gain_curve, measured, rows_at
from scoring.learning.rows import LearningRows
from scoring.model import Model
from scoring.report.page import moment, page, table
from scoring.report.svg import plot

LIVE, CONSTANT = "live scores", "constant rate"
HEADINGS = {
    "auc": "AUC", "pr_auc": "PR-AUC", "log_loss": "log-loss", "brier": "Brier", "ece": "ECE",
    "p_at_5": "precision at 5 %", "p_at_10": "at 10 %", "p_at_20": "at 20 %",
}  # fmt: skip
#: Features that the report lists.
LISTED = 15

Scores = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class LearningWindow:
    """The site and the time in which its sessions opened, ms UTC; whether programs and imports are among them."""

    site: str
    since: int
    until: int
    bots: bool = False
    imports: bool = False

    @property
    def text(self) -> str:
        more = [name for name, chosen in (("programs", self.bots), ("imports", self.imports)) if chosen]
        days = " to ".join(moment(at) for at in (self.since, self.until))
        return f"{self.site}, sessions opened from {days}" + (f", with {' and '.join(more)}" if more else "")


def newest_scores(learned: LearnedModel) -> dict[str, NDArray[np.float64]]:
    """By model, of the newest rows: the chosen family first, then what is beside it."""
    test = learned.parts.test
    families = sorted(learned.candidates, key=lambda each: each is not learned.chosen)
    scores: dict[str, NDArray[np.float64]] = {
        each.family: each.fitted.probability(test.rows.astype(np.float64)) for each in families
    }
    train = learned.parts.train
    rate = float(np.average(train.bought, weights=train.weights()))
    return {**scores, LIVE: test.live, CONSTANT: np.full(len(test), rate)}


def importances(model: Model, rows: LearningRows) -> list[tuple[str, float]]:
    """The mean size of each feature's reason, the greatest first."""
    sizes = np.abs(model.score(rows.rows).reasons).mean(axis=0)
    order = np.argsort(-sizes, kind="stable")
    return [(SESSION.names[place], float(sizes[place])) for place in order[:LISTED].tolist()]


def html(
    learned: LearnedModel,
    window: LearningWindow,
    sha256: str,
    version: str,
    scores: Scores,
    by_event: Sequence[EventScores],
    features: Sequence[tuple[str, float]],
    curve: Sequence[CurvePoint],
) -> str:
    """The file's text."""
    parts = learned.parts
    sides = [
        (name, f"{part.sessions():,}", f"{part.purchases():,}", f"{len(part):,}", moment(int(part.opened_at.min())))
        for name, part in (("train", parts.train), ("validate", parts.validation), ("test", parts.test))
    ]
    families = [
        (
            each.family + (" (chosen)" if each is learned.chosen else ""),
            f"{each.loss:.5f}",
            f"{each.cost:.1f}",
            f"{each.line.slope:.3f}, {each.line.intercept:+.3f}",
            ", ".join(f"{name} {value:g}" for name, value in each.fitted.settings.items()),
        )
        for each in learned.candidates
    ]
    seeds = f"network {network.SEED}, LightGBM {boosting.SEED}, resamples {figures.SEED}"
    body = [
        f"<h1>{escape(version)}</h1>",
        f"<p>{escape(window.text)}. Rows sha256 <code>{sha256}</code>. Seeds: {seeds}.</p>",
        "<p>Rows are updates of closed sessions before their purchase, with what was known then; the label is whether "
        "the session bought afterwards. The newest sessions were looked at once, for this report.</p>",
        table(("part", "sessions", "buyers", "rows", "first opened"), sides),
        "<h2>Families</h2>",
        table(("family", "validation log-loss", "µs a row", "calibrated by (slope, intercept)", "settings"), families),
        "<p>The chosen family was fitted again with the validation days; the others were not.</p>",
        f"<p>{escape(learned.limit_note)}</p>" if learned.limit_note else "",
        "<h2>Learning curve</h2>",
        "<p>The chosen family, fitted on parts of the training days: if the log-loss still falls at the end, more "
        "sessions would teach more.</p>",
        table(
            ("training sessions", "buyers", "validation log-loss"),
            [(f"{at.sessions:,}", f"{at.buyers:,}", _cell(at.loss)) for at in curve],
        ),
        _curve(curve),
        "<h2>On the newest days, by the number of the event</h2>",
        *[_section(each) for each in by_event],
        "<h2>Calibration and lift</h2>",
        *_plots(learned, scores),
        "<h2>Features by the mean size of their reasons</h2>",
        table(("feature", "mean size"), [(name, f"{size:.5f}") for name, size in features]),
    ]
    return page(version, body)


def _section(at: EventScores) -> str:
    name = f"event {at.number}" if at.number else "all rows, each weighed by 1 / its event's number"
    heading = f"<h3>{name}: {at.sessions:,} sessions, {at.buyers:,} bought afterwards</h3>"
    rows = [(model, *[_cell(found[metric]) for metric in figures.METRICS]) for model, found in at.figures.items()]
    return heading + table(("", *[HEADINGS[name] for name in figures.METRICS]), rows)


def _plots(learned: LearnedModel, scores: Scores) -> Iterable[str]:
    test = learned.parts.test
    shown = [learned.chosen.family, LIVE]
    for number in figures.NUMBERS:
        places = rows_at(test, number)
        bought = test.bought[places]
        if len(places) < 10 or not bought.any():
            continue
        at = {name: scores[name][places] for name in shown}
        bins = {name: calibration_bins(bought, probability) for name, probability in at.items()}
        most = max(max(each) for points in bins.values() for each in points) or 1.0
        name = f"event {number}" if number else "all rows"
        yield plot(f"Calibration, {name}", "mean probability", "share that buys", bins, ((0.0, most),) * 2)
        yield plot(
            f"Lift, {name}",
            "share of sessions",
            "share of buyers",
            {name: gain_curve(bought, probability) for name, probability in at.items()},
        )


def _curve(curve: Sequence[CurvePoint]) -> str:
    lines = {name: [(at.sessions, getattr(at.loss, name)) for at in curve] for name in MeasuredFigure._fields}
    losses = [loss for points in lines.values() for _, loss in points]
    spans = (0.0, float(curve[-1].sessions)), (min(losses), max(losses))
    named = {"log-loss": lines["value"], "95 % from": lines["low"], "to": lines["high"]}
    return plot("Learning curve", "training sessions", "validation log-loss", named, spans)


def _cell(figure: MeasuredFigure) -> str:
    return f"{figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f})"


def figures_of(learned: LearnedModel, scores: Scores, resamples: int = figures.RESAMPLES) -> list[EventScores]:
    """What is measured of these scores of the newest rows."""
    return measured(learned.parts.test, scores, resamples)
