"""From rows to a registered candidate and its report: learn, register, look at the newest days once."""

from dataclasses import dataclass

from msgspec.structs import replace
from threadpoolctl import threadpool_limits

from scoring.folder import Place
from scoring.learning.choose import LearnedModel
from scoring.learning.curve import learning_curve
from scoring.learning.figures import EventScores
from scoring.learning.registration import card_of, manifest_of, metrics_of, register
from scoring.learning.report import LearningWindow, figures_of, html, importances, newest_scores
from scoring.manifest import Manifest
from scoring.onnx import OnnxModel


@dataclass(frozen=True)
class RegisteredCandidate:
    """A version in a registry, the figures of the newest days, and the report as HTML."""

    manifest: Manifest
    folder: Place
    by_event: list[EventScores]
    report: str


def register_candidate(
    learned: LearnedModel, window: LearningWindow, sha256_of_rows: str, day: str, out: Place
) -> RegisteredCandidate:
    """Raises RegistryError, and then nothing was added. day: YYYY-MM-DD, part of the version."""
    # One thread, as where it was fitted: sums come out the same on every run.
    with threadpool_limits(1):
        return _registered(learned, window, sha256_of_rows, day, out)


def _registered(
    learned: LearnedModel, window: LearningWindow, sha256_of_rows: str, day: str, out: Place
) -> RegisteredCandidate:
    manifest = manifest_of(learned, window, sha256_of_rows, day)
    scores = newest_scores(learned)
    by_event = figures_of(learned, scores)
    manifest = replace(manifest, metrics={**manifest.metrics, **metrics_of(by_event, learned.chosen.family)})
    folder = register(learned, manifest, card_of(learned, manifest, window), out)
    features = importances(OnnxModel(learned.chosen.graph, manifest), learned.parts.test)
    curve = learning_curve(learned.validated, learned.parts)
    text = html(learned, window, sha256_of_rows, manifest.version, scores, by_event, features, curve)
    return RegisteredCandidate(manifest, folder, by_event, text)
