"""The study's tables, each as rows of text; report.py writes them as Markdown and as HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scoring.manifest import Manifest
from scoring.row_times import BATCH
from scoring.training.ablation import Size
from scoring.training.claims import CLAIMED, CLAIMED_ABLATION
from scoring.training.evaluation import Evaluation
from scoring.training.intervals import Interval
from scoring.training.study import Study

METRICS = {
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier",
    "log_loss": "log-loss",
    "ece": "ECE",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "p_at_5": "P@5 %",
    "p_at_10": "P@10 %",
    "p_at_20": "P@20 %",
}


@dataclass(frozen=True)
class Table:
    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(study: Study, evaluation: Evaluation, sizes: list[Size], manifests: list[Manifest]) -> list[Table]:
    seeds = len(study.uci.measured)
    mean = {name: study.uci.mean(name) for name in METRICS}
    worst = {name: study.uci.least(name) for name in METRICS}
    models = {
        f"TabM, track uci, mean of {seeds} seeds": mean,
        f"TabM, track uci, least of {seeds} seeds": worst,
        "TabM, track uci, the seed that validation chose": study.uci.measure().metrics,
        "TabM, track live, the seed that validation chose": study.live.measure().metrics,
        **{name: each.measured.metrics for name, each in study.baselines.items()},
        "the report's claim": CLAIMED,
    }
    found = [
        _metrics("Test split, 2,466 sessions: every model", models),
        _metrics("Ablation of PageValues", {"with": mean, "without": study.without_page_values.metrics}),
        _metrics("The live model on the test split as a running shop shows it", study.live_at),
        _intervals("Intervals (bootstrap, 95 %)", evaluation.intervals.metrics),
        _intervals("Differences from TabM, track uci (paired bootstrap, 95 %)", evaluation.intervals.differences),
        _subgroups(evaluation),
        _reasons(evaluation),
        _latency(evaluation),
    ]
    if sizes:
        found.append(_sizes(sizes))
    versions = [(m.version, m.track, m.sha256[:12], f"{m.threshold:.4f}") for m in manifests]
    return [*found, Table("Versions", ("version", "track", "sha256", "threshold"), versions)]


def _metrics(title: str, models: Mapping[str, Mapping[str, float]]) -> Table:
    rows = [
        (name, *(f"{metrics[metric]:.4f}" if metric in metrics else "" for metric in METRICS))
        for name, metrics in models.items()
    ]
    return Table(title, ("", *METRICS.values()), rows)


def _intervals(title: str, models: Mapping[str, Mapping[str, Interval]]) -> Table:
    shown = ("auc", "pr_auc", "brier")
    rows = [
        (name, *(f"{each[m].value:+.4f} ({each[m].low:+.4f} to {each[m].high:+.4f})" for m in shown))
        for name, each in models.items()
    ]
    return Table(title, ("", *(METRICS[metric] for metric in shown)), rows)


def _subgroups(evaluation: Evaluation) -> Table:
    rows = [
        (
            each.name,
            f"{each.sessions:,}",
            f"{each.buyers:,}",
            f"{each.buyers / each.sessions:.3f}",
            f"{each.mean_probability:.3f}",
            f"{each.ece:.3f}",
            "too few" if each.auc is None else f"{each.auc:.3f}",
        )
        for each in evaluation.subgroups
    ]
    header = ("", "sessions", "buyers", "share", "mean probability", "ECE", "AUC")
    return Table("Subgroups of the test split, TabM, track uci", header, rows)


def _reasons(evaluation: Evaluation) -> Table:
    rows = [(name, f"{rank:.3f}") for name, rank in evaluation.shapley.items()]
    return Table("Reasons against exact Shapley values", ("", "mean Spearman correlation"), rows)


def _latency(evaluation: Evaluation) -> Table:
    rows = [
        (name, *(f"{taken:.1f}" for taken in (each.mean, each.p50, each.p95, each.of_batch)))
        for name, each in evaluation.latency.items()
    ]
    title = "One row, raw features to probability and reasons (µs, one thread; the report: 310 and 1,300 before it)"
    return Table(title, ("", "mean", "p50", "p95", f"a row of {BATCH}"), rows)


def _sizes(sizes: list[Size]) -> Table:
    rows = []
    for size in sizes:
        auc, mean, p95 = CLAIMED_ABLATION.get(size.members, (None, None, None))
        rows.append(
            (
                str(size.members),
                f"{size.validation_auc[0]:.4f} ± {size.validation_auc[1]:.4f}",
                f"{size.test_auc[0]:.4f} ± {size.test_auc[1]:.4f}",
                f"{size.latency.mean:.1f}",
                f"{size.latency.p95:.1f}",
                f"{size.graph_bytes / 1000:.0f}",
                "" if auc is None else f"{auc:.3f}; {mean:.2f} ms; {p95:.2f} ms",
            )
        )
    header = ("members", "validation AUC", "test AUC", "mean µs", "p95 µs", "kB", "the report: AUC; mean; p95")
    return Table("Ablation of the ensemble's size, mean ± deviation over the seeds", header, rows)
