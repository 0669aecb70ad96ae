"""A model registry of a test: the shipped model, and others of the same shape that score a little differently."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import numpy_helper

from scoring import registry
from scoring.onnx import OnnxModel


def registry_with(folder: Path, versions: Iterable[str]) -> Path:
    """A registry with the shipped model as its current one and these versions beside it, each with weights, threshold
    and bands of its own."""
    shipped = registry.current()
    shutil.copytree(registry.SHIPPED / shipped, folder / shipped)
    registry.promote(folder, shipped)
    manifest = registry.load(folder).manifest
    for number, version in enumerate(versions, 1):
        graph = _moved(folder / shipped / "model.onnx", 1 + 0.07 * number, 0.3 * number)
        reference = OnnxModel(graph, manifest).score(np.array([manifest.reference], np.float32)).probability
        changed = {
            "version": version,
            "sha256": hashlib.sha256(graph).hexdigest(),
            "reference_probability": float(reference[0]),
            "threshold": manifest.threshold + 0.05 * number,
            "bands": (manifest.bands[0] / (1 + number), manifest.threshold + 0.05 * number),
        }
        registry.add(folder, graph, msgspec.structs.replace(manifest, **changed), f"# {version}, of a test\n")
    return folder


def _moved(file: Path, factor: float, up: float) -> bytes:
    """The graph with its last layer's weights multiplied and its bias raised, and the reference moved alike."""
    model = onnx.load(file)
    held = {each.name: each for each in model.graph.initializer}
    old = {name: numpy_helper.to_array(array) for name, array in held.items()}
    logits = factor * (old["reference_logits"] - old["out_bias"]) + old["out_bias"] + up
    probabilities = 1 / (1 + np.exp(-logits))
    new = {
        "out": old["out"] * factor,
        "out_bias": old["out_bias"] + up,
        "reference_logits": logits,
        "reference_probabilities": probabilities,
        "tangents": probabilities * (1 - probabilities),
    }
    for name, array in new.items():
        held[name].CopyFrom(numpy_helper.from_array(array.astype("float32"), name))
    made: bytes = model.SerializeToString()
    return made
