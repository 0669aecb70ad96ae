"""Registries with versions made of the shipped one, and models by name."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from scoring import registry
from scoring.contracts import SESSION
from scoring.manifest import ModelError, TrainingShop
from scoring.model import ConstantModel, Model
from scoring.onnx import OnnxModel
from scoring.signals import SESSION_NAMES
from scoring.training.graph import build, flag_of, units_of
from scoring.training.heads import LinearHead


def registry_of(folder: Path, *versions: str) -> Path:
    """A registry of these versions, all with the shipped graph; the first is current."""
    shipped = registry.current()
    for version in versions:
        copy = Path(shutil.copytree(registry.SHIPPED / shipped, folder / version))
        file = copy / "manifest.json"
        file.write_bytes(msgspec.json.encode(msgspec.json.decode(file.read_bytes()) | {"version": version}))
    (folder / "current").write_text(versions[0] + "\n")
    return folder


def break_graph(folder: Path, version: str) -> None:
    """Change one byte of a version's graph."""
    graph = folder / version / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")


def named(version: str, probability: float) -> ConstantModel:
    model = ConstantModel(probability)
    model.manifest = msgspec.structs.replace(model.manifest, version=version)
    return model


def known(*versions: str) -> Callable[[str], Model]:
    """Models of these versions, the first the default; any other is one that cannot score here."""
    there = {version: named(version, (place + 1) / 10) for place, version in enumerate(versions)}

    def model(version: str) -> Model:
        if (version or versions[0]) not in there:
            raise ModelError(f"model {version!r} is not there")
        return there[version or versions[0]]

    return model


def session_graph(seed: int = 1) -> tuple[bytes, tuple[float | None, ...]]:
    """A graph of feature contract 2 with weights of its own, and its reference session, of which much is unknown.

    A logistic regression over one unit for each feature, and one that says whether the feature is unknown.
    """
    columns = len(SESSION_NAMES)
    drawn = np.random.default_rng(seed)
    numbers = [(name, 1 / np.log1p(1e4), 0.0) for name in SESSION_NAMES]
    front = units_of([*numbers, *map(flag_of, SESSION_NAMES)], SESSION)
    reference = tuple(None if column > 30 else float(column % 3) for column in range(columns))
    row = np.array([np.nan if value is None else value for value in reference])
    return build(front, LinearHead(drawn.normal(0, 1, 2 * columns), -1.0), row), reference


def add_session_model(folder: Path, version: str, seed: int = 1, training_shop: TrainingShop | None = None) -> None:
    """Put a version of feature contract 2 into a registry; with `training_shop` it is corrected on other sites."""
    graph, reference = session_graph(seed)
    shipped = registry.load().manifest
    manifest = msgspec.structs.replace(
        shipped,
        version=version,
        reference=reference,
        contract_version=SESSION.number,
        sha256=hashlib.sha256(graph).hexdigest(),
        track="session",
        training_shop=training_shop,
    )
    at_reference = OnnxModel(graph, manifest).score(np.array([manifest.reference_row], np.float32)).probability
    manifest = msgspec.structs.replace(manifest, reference_probability=float(at_reference[0]))
    registry.add(folder, graph, manifest, f"# {version}, of a test\n")
