"""The report's plots as SVG text, by matplotlib without a screen."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

from scoring.training.ablation import Size
from scoring.training.claims import CLAIMED_ABLATION
from scoring.training.latency import Latency
from scoring.training.metrics import ECE_BINS, Outcomes

Models = Mapping[str, NDArray[np.float64]]


def roc(bought: Outcomes, models: Models) -> str:
    axes = _axes("ROC", "false positive rate", "true positive rate")
    for name, probability in models.items():
        wrong, right, _ = roc_curve(bought, probability)
        axes.plot(wrong, right, label=name, linewidth=1)
    return _svg(axes)


def precision_recall(bought: Outcomes, models: Models) -> str:
    axes = _axes("Precision and recall", "recall", "precision")
    for name, probability in models.items():
        precision, recall, _ = precision_recall_curve(bought, probability)
        axes.plot(recall, precision, label=name, linewidth=1)
    return _svg(axes)


def calibration(bought: Outcomes, models: Models) -> str:
    axes = _axes("Calibration", "mean probability of the bin", "share of buyers")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    for name, probability in models.items():
        share, mean = calibration_curve(bought, probability, n_bins=ECE_BINS)
        axes.plot(mean, share, marker=".", label=name, linewidth=1)
    return _svg(axes)


def gain(bought: Outcomes, models: Models) -> str:
    axes = _axes("Gain", "share of sessions, the most likely first", "share of the buyers among them")
    for name, probability in models.items():
        found = np.cumsum(bought[np.argsort(-probability, kind="stable")]) / bought.sum()
        axes.plot(np.arange(1, len(found) + 1) / len(found), found, label=name, linewidth=1)
    return _svg(axes)


def distributions(bought: Outcomes, probability: NDArray[np.float64]) -> str:
    axes = _axes("Scores of TabM, track uci", "probability", "sessions")
    bins = np.linspace(0, 1, 41).tolist()
    axes.hist([probability[~bought], probability[bought]], bins=bins, label=["did not buy", "bought"], log=True)
    return _svg(axes)


def without_page_values(bought: Outcomes, models: Models) -> str:
    axes = _axes("Ablation of PageValues: ROC", "false positive rate", "true positive rate")
    for name, probability in models.items():
        wrong, right, _ = roc_curve(bought, probability)
        axes.plot(wrong, right, label=name, linewidth=1)
    return _svg(axes)


def ensemble_sizes(sizes: list[Size]) -> str:
    axes = _axes("Ensemble size", "members", "AUC")
    members = [size.members for size in sizes]
    for label, spread in (("validation", [s.validation_auc for s in sizes]), ("test", [s.test_auc for s in sizes])):
        axes.errorbar(members, [mean for mean, _ in spread], [apart for _, apart in spread], label=label, capsize=3)
    axes.plot(list(CLAIMED_ABLATION), [auc for auc, _, _ in CLAIMED_ABLATION.values()], label="the report", marker=".")
    return _svg(axes)


def latencies(graphs: Mapping[str, Latency]) -> str:
    axes = _axes("One row, raw features to probability and reasons", "µs, one thread", "")
    places = -np.arange(len(graphs))
    axes.barh(places + 0.2, [each.p50 for each in graphs.values()], height=0.4, label="p50")
    axes.barh(places - 0.2, [each.p95 for each in graphs.values()], height=0.4, label="p95")
    axes.set_yticks(places, list(graphs), fontsize=7)
    return _svg(axes)


def _axes(title: str, across: str, up: str) -> Axes:
    axes: Axes = Figure(figsize=(5, 3.8), layout="constrained").add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    return axes


def _svg(axes: Axes) -> str:
    axes.legend(fontsize=7)
    text = io.StringIO()
    figure: Any = axes.figure
    figure.savefig(text, format="svg", metadata={"Date": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]
