"""Training, from top to bottom: load, split, fit, export, evaluate, register."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path

import numpy as np

from scoring import registry
from scoring.features import CONTRACT_VERSION
from scoring.model import Manifest
from scoring.training.card import card
from scoring.training.evaluate import evaluate
from scoring.training.export import export
from scoring.training.fit import fit
from scoring.training.load import load
from scoring.training.split import split

#: The live model: what the site measures itself, without UCI's unpublished codes.
TRACK = "live"


@dataclass(frozen=True)
class Trained:
    """A version in a registry, and where."""

    manifest: Manifest
    folder: Path


def train(data: Path, out: Path, date: str) -> Trained:
    """Train a version from a file in UCI's format and add it to the registry `out`; the same file and date give the
    same version. date: YYYY-MM-DD, the day it is made, part of the version.

    Raises DataError, ExportError or RegistryError, each with one line; then nothing was added.
    """
    sessions = load(data)
    parts = split(sessions)
    fitted = fit(parts.train)
    graph = export(fitted, parts.test)
    evaluation = evaluate(graph, parts)
    sha256 = hashlib.sha256(graph).hexdigest()
    manifest = Manifest(
        version=f"lr-{date}-{sha256[:8]}",
        threshold=evaluation.threshold,
        bands=evaluation.bands,
        reference=fitted.reference,
        reference_probability=round(float(fitted.probability(np.array([fitted.reference]))[0]), 9),
        contract_version=CONTRACT_VERSION,
        sha256=sha256,
        track=TRACK,
        created_at=date,
        metrics=evaluation.metrics,
        data_sha256=sessions.sha256,
        code_version=f"op-ecom {installed('op-ecom')}",
    )
    return Trained(manifest, registry.add(out, graph, manifest, card(manifest, parts)))
