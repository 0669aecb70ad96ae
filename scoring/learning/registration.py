"""Puts a learned model into a registry as a candidate: manifest, card and graph. It never promotes.

A model of the site itself is not corrected there (scoring/site_scores.py); on other sites it is one of another shop.
"""

import hashlib
import math
from collections.abc import Sequence
from importlib.metadata import version as installed
from textwrap import fill

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from scoring import registry
from scoring.contracts import SESSION
from scoring.features import NAMES
from scoring.folder import Place
from scoring.learning.choose import LearnedModel
from scoring.learning.figures import EventScores
from scoring.learning.report import LearningWindow
from scoring.learning.rows import LearningRows
from scoring.manifest import FittedWindow, Manifest, TrainingShop
from scoring.training.metrics import BUILDING_RECALL

TRACK = "learned"
WIDTH = 120
#: Characters of the site's name that are part of the version.
SITE_CHARACTERS = 24
KINDS = {
    "recalibrated": "the model that was in force, with slope and intercept of its log-odds by the number of the event",
    "logistic": "logistic regression on bins of the numbers, steps of the codes and flags of what is unknown",
    "network": "4 networks of one hidden layer of 32 over a projection of rank 64 of bins, steps and flags",
    "lightgbm": "LightGBM on the raw columns; one operator outside ONNX's standard ones, TreeEnsemble of ai.onnx.ml 5",
}


def manifest_of(learned: LearnedModel, window: LearningWindow, sha256_of_rows: str, day: str) -> Manifest:
    """What is known of the model before the newest days are looked at; day: YYYY-MM-DD, part of the version."""
    chosen, held = learned.chosen, learned.parts.validation
    sha256 = hashlib.sha256(chosen.graph).hexdigest()
    reference = tuple([None if math.isnan(value) else float(value) for value in chosen.fitted.reference])
    [at_reference] = chosen.fitted.probability(np.array([chosen.fitted.reference]))
    threshold, building = _limits(held, chosen.fitted.probability(held.rows.astype(np.float64)))
    site = window.site.replace("~", ".")[:SITE_CHARACTERS]
    return Manifest(
        version=f"{chosen.family}-{site}-{day}-{sha256[:8]}",
        threshold=threshold,
        bands=(building, threshold),
        reference=reference,
        reference_probability=round(float(at_reference), 9),
        contract_version=SESSION.number,
        sha256=sha256,
        track=TRACK,
        created_at=day,
        metrics={"log_loss_validation": round(chosen.loss, 6)},
        data_sha256=sha256_of_rows,
        code_version=f"op-ecom {installed('op-ecom')}",
        # A run of a site (`site~run`) has the site's visitors.
        training_shop=_training_shop(learned, window.site.partition("~")[0]),
        # Validation chose and calibrated; the newest days are new to it.
        fitted_on=FittedWindow(since=window.since, until=int(learned.parts.test.opened_at.min()), site=window.site),
    )


def register(learned: LearnedModel, manifest: Manifest, card: str, out: Place) -> Place:
    """Raises RegistryError, and then nothing was added."""
    return registry.add(out, learned.chosen.graph, manifest, card)


def metrics_of(by_event: Sequence[EventScores], family: str) -> dict[str, float]:
    """The test metrics of a manifest: `auc_test` of all rows, `auc_3_test` at the third event."""
    return {
        f"{name}{f'_{at.number}' if at.number else ''}_test": round(figure.value, 6)
        for at in by_event
        for name, figure in at.figures.get(family, {}).items()
    }


def card_of(learned: LearnedModel, manifest: Manifest, window: LearningWindow) -> str:
    """The model card, Markdown."""
    parts, family = learned.parts, learned.chosen.family
    sizes = ", ".join(
        f"{part.sessions():,} ({part.purchases():,} bought)" for part in (parts.train, parts.validation, parts.test)
    )
    named = zip(SESSION.names, manifest.reference, strict=True)
    reference = ", ".join(f"{name} {'unknown' if value is None else f'{value:g}'}" for name, value in named)
    metrics = "\n".join(f"| {name} | {value:.4f} |" for name, value in manifest.metrics.items())
    lines = [
        f"**Model**: {KINDS[family]}; one ONNX graph of feature contract 2. Made by {manifest.code_version}.",
        f"**Data**: {window.text}. Rows sha256 `{manifest.data_sha256}`. One row for each update of a closed session "
        "before its purchase, with what was known then; a row weighs 1 / the number of its event.",
        f"**Split** by time, by whole sessions, oldest first (train, validate, test): {sizes}.",
        f"**Calibration** on the validation days: slope {learned.chosen.line.slope:.4f}, intercept "
        f"{learned.chosen.line.intercept:+.4f}, part of the graph.",
        f"**Label**: YES from {manifest.threshold:.6f} on, the greatest F1 on the validation days. **Bands**: building "
        f"from {manifest.bands[0]:.6f}, high from {manifest.bands[1]:.6f}; a site's own bands stand before them.",
        f"**Reasons** against a reference session: {reference}. They sum to probability - reference probability, "
        f"which is {manifest.reference_probability:.6f}.",
        *([f"**Cost**: {learned.limit_note}."] if learned.limit_note else []),
        "**Limits.** It holds for this site, and for as long as its visitors behave as in the window. Months have no "
        "influence. Orders that come in a later session are not its label. Where somebody acts on scores, sessions "
        "that were acted on are among those that it learned from.",
    ]
    text = "\n".join(fill(f"- {line}", WIDTH, subsequent_indent="  ", break_long_words=False) for line in lines)
    return (
        f"# {manifest.version}\n\nThe probability that a session of {window.site} ends in a purchase, with the reasons "
        f"for it.\n\n{text}\n\n| measured on the newest days | |\n|---|---|\n{metrics}\n"
    )


def _limits(held: LearningRows, probability: NDArray[np.float64]) -> tuple[float, float]:
    """The threshold with the greatest F1, and where `building` begins: 9 of 10 buyers' rows are from there on."""
    rounded, weights = probability.round(6), held.weights()
    precision, recall, thresholds = precision_recall_curve(held.bought, rounded, sample_weight=weights)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    threshold = float(round(thresholds[f1[:-1].argmax()], 6))
    reached = thresholds[recall[:-1] >= BUILDING_RECALL]
    return threshold, float(round(min(reached.max(), threshold), 6))


def _training_shop(learned: LearnedModel, site: str) -> TrainingShop:
    """What a correction on other sites takes of this one."""
    train, fitted = learned.parts.train, learned.chosen.fitted
    probability = np.clip(fitted.probability(train.rows.astype(np.float64)), 1e-9, 1 - 1e-9)
    logits, weights = np.log(probability / (1 - probability)), train.weights()
    rates = [train.rows[:, NAMES.index(name)] for name in ("BounceRates", "ExitRates", "PageValues")]
    is_known = ~np.isnan(rates[0])

    def mean(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
        return float(np.average(values[chosen], weights=weights[chosen])) if chosen.any() else 0.0

    whole = mean(logits, np.ones(len(logits), np.bool_))
    bounce, exits, value = (round(mean(each.astype(np.float64), ~np.isnan(each)), 6) for each in rates)
    return TrainingShop(
        level=round(mean(logits, ~is_known) if (~is_known).any() else whole, 4),
        level_with_statistics=round(mean(logits, is_known) if is_known.any() else whole, 4),
        bounce_rate=bounce,
        exit_rate=exits,
        page_value=value,
        site=site,
    )
