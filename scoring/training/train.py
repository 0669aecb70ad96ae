"""Training, from top to bottom: load, split, fit, export, evaluate, register, report."""

from dataclasses import dataclass
from pathlib import Path

from scoring.folder import Place
from scoring.training.ablation import Size, ablation
from scoring.training.evaluation import Evaluation, evaluate
from scoring.training.export import export
from scoring.training.fit import QUICK, weights_sha256
from scoring.training.load import load
from scoring.training.register import Candidate, Registered, register
from scoring.training.report import write
from scoring.training.split import split
from scoring.training.study import Extent, Notify, Seeds, Study, study
from scoring.training.variety import leave_out, with_variety

#: `--quick`: the whole way in little time; its figures say nothing.
LITTLE = Extent(seeds=1, pace=QUICK, reported_epochs=1, grid=((7, 60, 0.8),), resamples=20, explained=4, timed=200)


@dataclass(frozen=True)
class Trained:
    """What came of it; added: the versions in the registry, the live model first."""

    added: tuple[Registered, ...]
    study: Study
    evaluation: Evaluation
    sizes: list[Size]

    def figures(self) -> dict[str, object]:
        """The object of `--json`: means over the seeds, the least AUC, and the live model without page values."""
        seeds = self.study.uci
        named = ("pr_auc", "brier", "f1", "p_at_5", "p_at_10", "p_at_20", "ece")
        uci = {"auc_mean": seeds.mean("auc"), "auc_min": seeds.least("auc")} | {
            name: seeds.mean(name) for name in named
        }
        live = {"auc_without_page_values": self.study.live_at["without page values"]["auc"]}
        tracks = {"uci": uci, "live": live}
        rounded = {track: {name: round(value, 6) for name, value in each.items()} for track, each in tracks.items()}
        return {"tracks": rounded, "model": self.added[0].manifest.version}


def train(
    data: Path, out: Place, date: str, report: Path | None, extent: Extent, with_ablation: bool, notify: Notify
) -> Trained:
    """Train the study's models from a file in UCI's format and add them to the registry `out`.

    The same file, date, extent and machine give the same versions. date: YYYY-MM-DD, the day they are made. The live
    model is added first, so that it becomes the current one of a new registry; a registry that has a current version
    keeps it. report: a folder for the page and the table. Raises DataError, ExportError or RegistryError, each with
    one line.
    """
    sessions = load(data)
    variety = with_variety(split(sessions))
    parts = variety.parts
    if variety.flat:
        notify(variety.line())

    fitted = study(parts, extent, notify)

    notify("export and check")
    models = fitted.servable()
    graphs = {name: leave_out(export(model.fitted, parts.test), variety.flat) for name, model in models.items()}

    notify("evaluate")
    evaluation = evaluate(parts, fitted, graphs, extent)
    sizes = ablation(parts, extent, notify) if with_ablation else []

    notify("register")
    more = {"TabM, track live": _live_notes(fitted), "TabM, track uci": _weights(fitted.uci)}
    left_out = (f"**Columns** {variety.line()}.",) if variety.flat else ()
    candidates = [
        Candidate(model, graphs[name], (_explained(evaluation, name, extent), *more.get(name, ()), *left_out))
        for name, model in models.items()
    ]
    added = tuple(register(candidate, parts, out, date, sessions.sha256) for candidate in candidates)

    if report is not None:
        notify("report")
        write(report, parts, fitted, evaluation, sizes, [each.manifest for each in added])
    return Trained(added, fitted, evaluation, sizes)


def _explained(evaluation: Evaluation, name: str, extent: Extent) -> str:
    return (
        f"**Reasons, checked**: mean Spearman correlation {evaluation.shapley[name]:.3f} with exact Shapley values on "
        f"{extent.explained} sessions of the test split."
    )


def _live_notes(fitted: Study) -> tuple[str, ...]:
    shown = "; ".join(f"{name} {metrics['auc']:.3f}" for name, metrics in fitted.live_at.items())
    return (f"**As a running shop would show the test split** (AUC): {shown}.", *_weights(fitted.live))


def _weights(seeds: Seeds) -> tuple[str, ...]:
    sha256 = weights_sha256(seeds.chosen().network)
    return (
        f"**Weights**: seed {seeds.best}, the least validation log-loss of {len(seeds.fitted)}; sha256 `{sha256}`.",
    )
