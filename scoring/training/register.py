"""Puts an exported model into a registry: manifest, card, graph."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version as installed

import numpy as np

from scoring import registry
from scoring.contracts import UCI
from scoring.folder import Place
from scoring.manifest import Manifest
from scoring.training.card import card
from scoring.training.metrics import bands
from scoring.training.split import Split
from scoring.training.study import Servable


@dataclass(frozen=True)
class Candidate:
    """An exported model that shall become a version; notes: lines for its card."""

    model: Servable
    graph: bytes
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Registered:
    """A version in a registry, and where."""

    manifest: Manifest
    folder: Place


def register(candidate: Candidate, parts: Split, out: Place, date: str, sha256_of_data: str) -> Registered:
    """Raises RegistryError, and then nothing was added. date: YYYY-MM-DD, part of the version."""
    sha256 = hashlib.sha256(candidate.graph).hexdigest()
    model, measured = candidate.model, candidate.model.measured
    at_reference = model.fitted.probability(np.array([model.fitted.reference]))
    manifest = Manifest(
        version=f"{model.kind}-{model.track.name}-{date}-{sha256[:8]}",
        threshold=measured.threshold,
        bands=bands(parts.validation.bought, measured.validation, measured.threshold),
        reference=model.fitted.reference,
        reference_probability=round(float(at_reference[0]), 9),
        contract_version=UCI.number,
        sha256=sha256,
        track=model.track.name,
        created_at=date,
        metrics={f"{name}_test": round(value, 6) for name, value in measured.metrics.items()},
        data_sha256=sha256_of_data,
        code_version=f"op-ecom {installed('op-ecom')}",
    )
    text = card(manifest, parts, model.track, model.kind, candidate.notes)
    return Registered(manifest, registry.add(out, candidate.graph, manifest, text))
