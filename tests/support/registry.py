"""A model registry of a test: the shipped model, and others of the same shape that score a little differently."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import msgspec
import onnx
from onnx import numpy_helper

from scoring import registry


def registry_with(folder: Path, versions: Iterable[str]) -> Path:
    """A registry with the shipped model as its current one and these versions beside it, each with weights, threshold
    and bands of its own."""
    shipped = registry.current()
    shutil.copytree(registry.SHIPPED / shipped, folder / shipped)
    registry.promote(folder, shipped)
    manifest = registry.load(folder).manifest
    for number, version in enumerate(versions, 1):
        graph = _moved(folder / shipped / "model.onnx", 1 + 0.07 * number, 0.3 * number)
        changed = {
            "version": version,
            "sha256": hashlib.sha256(graph).hexdigest(),
            "threshold": manifest.threshold + 0.05 * number,
            "bands": (manifest.bands[0] / (1 + number), manifest.threshold + 0.05 * number),
        }
        registry.add(folder, graph, msgspec.structs.replace(manifest, **changed), f"# {version}, of a test\n")
    return folder


def _moved(file: Path, factor: float, up: float) -> bytes:
    """The graph with its last layer's weights multiplied and its bias raised."""
    model = onnx.load(file)
    changes = {"weights": lambda given: given * factor, "bias": lambda given: given + up}
    for held in model.graph.initializer:
        if held.name in changes:
            array = changes[held.name](numpy_helper.to_array(held)).astype("float32")
            held.CopyFrom(numpy_helper.from_array(array, held.name))
    made: bytes = model.SerializeToString()
    return made
