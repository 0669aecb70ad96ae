"""The study: every model fitted and measured on one split; nothing here looks at the test split to choose anything."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import log_loss

from scoring.training.as_reported import fit_logistic_as_reported, fit_xgboost
from scoring.training.export import Exportable
from scoring.training.fit import FittedTabM, TrainingSchedule, fit_tabm
from scoring.training.logistic import fit_logistic
from scoring.training.metrics import best_f1, measure
from scoring.training.reported_tabm import fit_tabm_as_reported
from scoring.training.rival import GRID, fit_lightgbm
from scoring.training.split import Split
from scoring.training.tracks import LIVE, UCI, Track
from scoring.training.truncate import PAGE_VALUES, STATISTICS, beginnings_at

Notify = Callable[[str], None]
Score = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Extent:
    """How much is fitted: `--quick` takes less of everything."""

    seeds: int = 5
    pace: TrainingSchedule = field(default_factory=TrainingSchedule)
    reported_epochs: int = 100
    grid: tuple[tuple[int, int, float], ...] = GRID
    resamples: int = 1000
    explained: int = 200
    timed: int = 2000


@dataclass(frozen=True)
class Measured:
    """One fitted model's probabilities, float64[n] each, the validation threshold and the metrics of the test split."""

    validation: NDArray[np.float64]
    test: NDArray[np.float64]
    threshold: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Seeds:
    """TabM over several seeds: the fitted ones, their measures, and which one the validation split prefers."""

    fitted: list[FittedTabM]
    measured: list[Measured]
    best: int

    def chosen(self) -> FittedTabM:
        return self.fitted[self.best]

    def measure(self) -> Measured:
        """Of the chosen one."""
        return self.measured[self.best]

    def mean(self, metric: str) -> float:
        return float(np.mean([each.metrics[metric] for each in self.measured]))

    def least(self, metric: str) -> float:
        return min(each.metrics[metric] for each in self.measured)


@dataclass(frozen=True)
class Servable:
    """A model of the study that can become a version; kind: the first part of its name, described in card.py."""

    kind: str
    track: Track
    fitted: Exportable
    measured: Measured


@dataclass(frozen=True)
class Study:
    """baselines: those of the uci track by name; live_at: metrics of the live model by what it is shown."""

    uci: Seeds
    live: Seeds
    baselines: dict[str, Servable]
    without_page_values: Measured
    live_at: dict[str, dict[str, float]]
    rival_settings: dict[str, float]

    def servable(self) -> dict[str, Servable]:
        """By name, the live model first."""
        return {
            "TabM, track live": Servable("tabm", LIVE, self.live.chosen(), self.live.measure()),
            "TabM, track uci": Servable("tabm", UCI, self.uci.chosen(), self.uci.measure()),
            **self.baselines,
        }


def study(parts: Split, extent: Extent, notify: Notify) -> Study:
    """Fit and measure everything; `notify` is called at each step."""
    uci = _seeds(parts, UCI, extent, notify)
    live = _seeds(parts, LIVE, extent, notify)
    notify("baselines")
    rival = fit_lightgbm(parts, extent.grid)
    fitted: dict[str, tuple[str, Exportable]] = {
        "LightGBM, tuned": ("lightgbm", rival),
        "XGBoost, the report's": ("xgboost", fit_xgboost(parts.train)),
        "TabM, the report's": ("tabm-reported", fit_tabm_as_reported(parts, 0, extent.reported_epochs)),
        "logistic regression, ours": ("lr", fit_logistic(parts.train, UCI)),
        "logistic regression, the report's": ("lr-reported", fit_logistic_as_reported(parts.train)),
    }
    baselines = {
        name: Servable(kind, UCI, each, judge(parts, each.probability)) for name, (kind, each) in fitted.items()
    }
    notify("TabM without PageValues")
    blind = fit_tabm(parts, Track("uci without PageValues", ("PageValues",), beginnings=False), 0, pace=extent.pace)
    without = judge(parts, blind.probability)
    shown = live_at(parts, live.chosen(), live.measure().threshold)
    return Study(uci, live, baselines, without, shown, rival.settings)


def judge(parts: Split, score: Score) -> Measured:
    """The threshold by the validation split, then the test split's metrics."""
    validation, test = score(parts.validation.rows), score(parts.test.rows)
    threshold = best_f1(parts.validation.bought, validation)
    return Measured(validation, test, threshold, measure(parts.test.bought, test, threshold))


def live_at(parts: Split, fitted: FittedTabM, threshold: float) -> dict[str, dict[str, float]]:
    """The live model on the test split's sessions as a running shop would show them."""
    rows, draw = parts.test.rows, np.random.default_rng(0)
    page_values, statistics = rows.copy(), rows.copy()
    page_values[:, PAGE_VALUES] = 0
    statistics[:, STATISTICS] = 0
    shown = {
        "whole sessions": rows,
        "without page values": page_values,
        "without page statistics": statistics,
        **{f"at {share:.0%} of their views": beginnings_at(rows, share, draw) for share in (0.25, 0.5, 0.75)},
    }
    return {name: measure(parts.test.bought, fitted.probability(seen), threshold) for name, seen in shown.items()}


def _seeds(parts: Split, track: Track, extent: Extent, notify: Notify) -> Seeds:
    fitted = []
    for seed in range(extent.seeds):
        notify(f"TabM, track {track.name}, seed {seed}")
        fitted.append(fit_tabm(parts, track, seed, pace=extent.pace))
    measured = [judge(parts, each.probability) for each in fitted]
    losses = [log_loss(parts.validation.bought, each.validation) for each in measured]
    return Seeds(fitted, measured, int(np.argmin(losses)))
